"""Pictures of the cost and the accuracy of efficient attention."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import PathPatch
from numpy.typing import NDArray

from shapes_of_attention.figures import attention_patterns, efficiency, tiled_attention

STYLE = Path(__file__).parents[3] / "assets" / "matplotlibrc"
RUNS = [
    {"family": family, "length": length, "seconds": seconds * length, "errors": errors}
    for length in (1000, 2000)
    for family, seconds, errors in (("fused", 2e-5, [0.12, 0.1]), ("local", 1e-5, [0.15]))
]
YARDSTICKS = {"nobody": 0.143, "everybody": 0.139}
COSTS = [
    {"tokens": tokens, "both_seconds": tokens**2 / 1e9, "both_bytes": 4 * tokens**2}
    for tokens in efficiency.LENGTHS
]


def test_accuracy_stands_beside_cost_with_the_yardsticks_named_for_each_length():
    chart = efficiency.accuracy_beside_cost(RUNS, yardsticks=YARDSTICKS)
    assert 'width="600"' in chart.svg()
    panels, [legend] = chart.static.axes, chart.static.legends
    assert [axes.get_title("left") for axes in panels] == ["1,000 samples", "2,000 samples"]
    for axes in panels:
        assert [text.get_text() for text in axes.texts] == list(YARDSTICKS)
    assert [text.get_text() for text in legend.get_texts()] == ["full, fused", "local"]


def test_a_familys_mark_is_at_the_mean_of_its_seeds_and_each_of_several_has_one():
    for axes in efficiency.accuracy_beside_cost(RUNS, yardsticks=YARDSTICKS).static.axes:
        marks = [line.get_ydata() for line in axes.lines if line.get_linestyle() == "None"]
        np.testing.assert_allclose(np.concatenate(marks), [0.11, 0.12, 0.1, 0.15])


def test_every_run_and_every_yardstick_lies_within_the_chart():
    figure = efficiency.accuracy_beside_cost(RUNS, yardsticks=YARDSTICKS).static
    for axes in figure.axes:
        low, high = axes.get_ylim()
        left, right = axes.get_xlim()
        assert all(low < error < high for run in RUNS for error in run["errors"])
        assert all(low < error < high for error in YARDSTICKS.values())
        assert all(left < 1000 * run["seconds"] < right for run in RUNS)


def test_the_names_of_all_families_fit_below_the_chart():
    families = [name for name in efficiency.NAMES if name != "explicit"]
    runs = [{"family": f, "length": 1000, "seconds": 0.02, "errors": [0.1]} for f in families]
    with mpl.rc_context(fname=STYLE):
        figure = efficiency.accuracy_beside_cost(runs, yardsticks=YARDSTICKS).static
        drawn = FigureCanvasAgg(figure).get_renderer()
        [legend] = figure.legends
        box, whole = legend.get_window_extent(drawn), figure.bbox
    assert len(legend.get_texts()) == len(families)
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= whole.x1


def test_a_chart_of_time_alone_has_a_line_a_family_and_the_lengths_that_were_measured():
    longer = [*COSTS, {"tokens": 65536, "both_seconds": 4.0, "both_bytes": 1}]
    (axes,) = efficiency.time_chart(
        {"fused": {"rows": longer}, "local": {"rows": COSTS}}
    ).static.axes
    assert [len(line.get_xdata()) for line in axes.lines] == [5, 4]
    assert axes.get_xticklabels()[-1].get_text() == "65,536"
    (axes,) = efficiency.time_chart({"fused": {"rows": COSTS}}).static.axes
    assert axes.get_xticklabels()[-1].get_text() == "16,384"


@pytest.mark.parametrize(
    "chart",
    [
        lambda named: efficiency.span_curve(np.arange(4.0), named),
        efficiency.entmax_weights,
        lambda named: tiled_attention.traffic_chart([1, 2, 4, 8], named),
    ],
    ids=["spans", "entmax", "traffic"],
)
def test_a_chart_draws_all_that_it_is_given_or_says_for_how_many_it_has_looks(chart):
    given = {f"number {n}": np.arange(1.0, 5.0) for n in range(3)}
    (axes,) = chart(given).static.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(given)
    with pytest.raises(ValueError, match="4 lines or bars, but only 3 looks"):
        chart({**given, "one more": np.arange(1.0, 5.0)})


def test_lengths_are_written_out_in_the_interactive_chart():
    chart = efficiency.cost_chart({"fused": {"rows": COSTS}}).interactive
    assert chart.layout.xaxis.ticktext == ("256", "1,024", "4,096", "16,384")


@settings(deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()))
def test_the_kept_cells_are_filled_and_no_other(mask: NDArray[np.bool_]) -> None:
    figure = attention_patterns.mask_grid({"a mask": mask}).static
    (drawn,) = (patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch))
    rows, columns = np.indices(mask.shape)
    middles = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    filled = drawn.get_path().contains_points(middles) if mask.any() else np.zeros(mask.size, bool)
    np.testing.assert_array_equal(filled.reshape(mask.shape), mask)


def test_errors_stand_above_what_was_spent_between_round_ticks():
    seen, ranks = [15.9, 58.3, 178.9], [32, 128, 512]
    errors = [5.3, 2.4, 0.9]
    chart = efficiency.error_chart(
        {title: {"reformer": (seen, errors), "linformer": (ranks, errors)} for title in "ab"}
    )
    upper, lower = chart.static.axes
    np.testing.assert_allclose([line.get_xdata() for line in upper.lines], [seen, ranks])
    assert [text.get_text() for text in lower.get_xticklabels()] == ["16", "32", "64", "128", "256", "512"]  # fmt: skip
    assert lower.get_xlabel() == "keys seen, rank or features"
