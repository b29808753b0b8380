"""The task on a line: series of shapes, each to be redrawn at the mean amplitude of its group."""

from shapes_of_attention.series.data import (
    SERIES_KINDS,
    SERIES_TEST_SEED,
    SeriesBatch,
    SeriesConfig,
    make_series,
)

__all__ = ["SERIES_KINDS", "SERIES_TEST_SEED", "SeriesBatch", "SeriesConfig", "make_series"]
