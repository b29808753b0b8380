"""The task on a line: series of shapes, each to be redrawn at the mean amplitude of its group."""

from shapes_of_attention.series.data import KINDS, SeriesBatch, SeriesConfig, make_series

__all__ = ["KINDS", "SeriesBatch", "SeriesConfig", "make_series"]
