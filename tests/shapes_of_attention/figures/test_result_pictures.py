"""Pictures of results draw what was measured, and say in words where there is nothing of it."""

import pytest

from shapes_of_attention.figures.results import learning_rates
from shapes_of_attention.studies.record import Record, RecordError


def tried(rate: float, colour_error: float | None) -> Record:
    """Return the record of a run that tried a rate; without an error it diverged."""
    colour = {"colour_error_median": colour_error, "within_8": 0.25, "psnr": 20.0}
    return Record(
        family="tune",
        label="unet",
        variant=f"rate-{rate:g}",
        config={"seed": 0, "learning_rate": rate},
        parameters=2_500_000,
        images=40_000,
        seconds=360.0,
        curve=(),
        test={} if colour_error is None else {"colour": colour},
        diverged=colour_error is None,
        detail={},
    )


def test_a_rate_at_which_a_run_diverged_has_no_error_to_draw() -> None:
    runs = [tried(0.3, None), tried(0.1, 7.0), tried(0.01, 9.0)]
    (axes, *_) = learning_rates({"unet": runs}).static.axes
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[0.01, 9.0], [0.1, 7.0]]


def test_a_model_of_which_all_runs_diverged_is_named() -> None:
    with pytest.raises(RecordError, match="no learning rate of unet has a finite error"):
        learning_rates({"unet": [tried(0.3, None), tried(0.1, None)]})
