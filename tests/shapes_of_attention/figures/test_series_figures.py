import base64
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from shapes_of_attention.figures import attention_by_hand, series_data, series_results
from shapes_of_attention.measure.series import ideal_attention
from shapes_of_attention.series import SERIES_KINDS, make_series

STYLE = Path(__file__).parents[3] / "assets" / "matplotlibrc"
BATCH = make_series(range(3))
SITUATIONS = {"1": 0.1, "2": 0.2}

DIMS = [1, 4, 16]
PLAIN, SCALED = np.random.default_rng(0).uniform(size=(2, len(DIMS), 3))

PICTURES = {
    "rows": lambda: series_data.series_rows(BATCH, rows=[0, 1, 2]),
    "averaging": lambda: series_data.averaging(BATCH),
    "matrix": lambda: series_data.attention_matrix(
        BATCH, ideal_attention(BATCH, token=10), title="t"
    ),
    "hand": lambda: attention_by_hand.by_hand(
        np.array([1, 0]),
        np.array([[2, 0], [0, 2], [2, 0]]),
        np.array([1, 5, 3]),
        np.array([2, 0, 2]),
        np.array([0.468, 0.063, 0.468]),
    ),
    "heads": attention_by_hand.heads,
    "scaling": lambda: attention_by_hand.scaling(DIMS, PLAIN, SCALED),
    "seeds": lambda: series_results.seed_chart(
        [("a", [0.1, 0.2]), ("b", [0.3])], label="error", reference=0.2
    ),
    "lines": lambda: series_results.error_lines(
        {"a": [SITUATIONS, SITUATIONS], "b": [SITUATIONS]},
        xlabel="x",
        ticks={"1": "one", "2": "two"},
    ),
    "predictions": lambda: series_results.predictions(BATCH, {"given": BATCH.signal}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_series_picture_is_an_svg_of_600_pixels_and_the_same_each_time(name):
    svg = PICTURES[name]().svg()
    assert 'width="600"' in svg
    assert svg == PICTURES[name]().svg()


def test_a_key_names_the_curves_with_and_without_the_root():
    figure = attention_by_hand.scaling(DIMS, PLAIN, SCALED).static
    dots = {axes: patch for axes in figure.axes for patch in axes.patches}
    charts = [axes for axes in figure.axes if axes.lines]

    def words(dot):
        """Find what begins right behind a dot, on its line."""
        box = dot.get_position()
        (found,) = (
            text.get_text()
            for text in figure.texts
            if box.y0 < text.get_position()[1] < box.y1
            and 0 < text.get_position()[0] - box.x1 < box.width
        )
        return found

    key = {mpl.colors.to_hex(patch.get_facecolor()): words(dot) for dot, patch in dots.items()}
    drawn = [{key[line.get_color()]: [*line.get_ydata()] for line in c.lines} for c in charts]
    assert drawn == [
        {"plain": [*PLAIN[:, column]], "divided by √d": [*SCALED[:, column]]} for column in (1, 2)
    ]
    assert max(c.get_position().y1 for c in charts) < min(dot.get_position().y0 for dot in dots)


def test_a_model_has_one_colour_in_every_chart_and_its_blinder_variant_is_dashed():
    def line(*names):
        svg = series_results.error_lines(
            {name: [SITUATIONS] for name in names}, xlabel="x", ticks={"1": "one", "2": "two"}
        ).svg()
        return svg.count("stroke-dasharray"), svg.count(colour)

    colour, _ = series_results.MODEL_STYLES["attention"]
    dashed, painted = line("attention")
    assert painted and not dashed
    assert line("recurrent, both ways", "attention")[1] == painted
    dashed, painted = line("attention, causal")
    assert painted and dashed


def test_every_model_has_a_line_of_its_own_look_and_a_name_within_the_chart():
    for models in (series_results.MODEL_STYLES, [f"model {n}" for n in range(15)]):
        with mpl.rc_context(fname=STYLE):
            figure = series_results.error_lines(
                {name: [SITUATIONS] for name in models}, xlabel="x", ticks={"1": "one", "2": "two"}
            ).static
            drawn = FigureCanvasAgg(figure).get_renderer()
            [axes] = figure.axes
            box, whole = axes.get_legend().get_window_extent(drawn), figure.bbox
        lines = [line for line in axes.lines if line.get_marker() == "None"]
        assert [line.get_label() for line in lines] == list(models)
        assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(models)
        assert box.y1 <= whole.y1 and box.x0 >= 0 and box.x1 <= whole.x1


def test_the_linked_view_carries_the_truth_about_every_token():
    batch = make_series([4])
    weights = np.random.default_rng(0).dirichlet(np.ones(50), size=(2, 50)).astype(np.float32)
    ideal = ideal_attention(batch, token=10)
    view = series_results.attention_view(batch, {"1": weights}, ideal, token=10, start=("1", 1, 7))
    data = view.data
    for token, owner in enumerate(data["owner"]):
        middle = 10 * token + 5
        inside = [low <= middle < high for low, high in (s["span"] for s in data["shapes"])]
        assert (owner >= 0) == any(inside)
        if owner < 0:
            continue
        assert inside[owner]
        kind = data["shapes"][owner]["kind"]
        assert kind == SERIES_KINDS[batch.kind[0, owner]]
        # Every token in the middle of a shape of that kind belongs to the group, others to none.
        for key, other in enumerate(data["owner"]):
            if other >= 0 and data["shapes"][other]["kind"] == kind:
                assert data["group"][token][key]
    unpacked = np.frombuffer(base64.b64decode(data["layers"][0]["weights"]), dtype=np.uint8)
    rows = unpacked.reshape(2, 50, 50).astype(float)
    rows /= rows.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(rows, weights, atol=1e-3)
    signal = np.frombuffer(base64.b64decode(data["signal"]), dtype="<i2") / 1000
    np.testing.assert_allclose(signal, batch.signal[0], atol=6e-4)
