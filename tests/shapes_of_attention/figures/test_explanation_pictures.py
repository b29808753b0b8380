"""Pictures of interventions and thresholds show what was measured, and their steps hang together."""

import base64
import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shapes_of_attention.data import make_shapes
from shapes_of_attention.figures import explanations, red_filter
from shapes_of_attention.figures.toolkit.dot_rows import DotRow, Series, dot_rows
from shapes_of_attention.interpret.hiding import hide_each_shape, pick_image
from shapes_of_attention.interpret.thresholds import climb, find_circles
from shapes_of_attention.models import build_model

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY).eval()


@pytest.fixture(scope="module")
def hidden(model):
    batch = make_shapes(range(256), seed=2)
    row = pick_image(batch, shapes=4)
    states = hide_each_shape(model, batch, row)
    figure = explanations.hidden_shape(
        batch,
        row,
        states.hidden,
        [("One", states.painted), ("Other", states.painted)],
        states.truth,
        start=1,
    )
    return states, figure


@pytest.fixture(scope="module")
def slider(model):
    batch = make_shapes(range(64), seed=6)
    circle = find_circles(batch)[0]
    rival = batch.colour[circle.row, circle.slot, 1:].max()
    steps = rival + np.array([-20, -8, -4, 0, 4, 8], dtype=np.float32)
    ladder = climb(model, batch, circle, steps)
    return ladder, red_filter.red_slider(ladder, ladder, circle, shown=[0, 2, 5], start=5)


def pixels(source):
    content = base64.b64decode(source.split(",", 1)[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_each_button_shows_one_state_in_all_four_panels(hidden):
    states, figure = hidden
    plot = figure.interactive
    (menu,) = plot.layout.updatemenus
    count = len(states.hidden)
    assert [button.label for button in menu.buttons] == ["none", *map(str, range(1, count))]
    for state, button in enumerate(menu.buttons):
        visible = button.args[0]["visible"]
        assert len(visible) == len(plot.data)
        shown = [trace for trace, on in zip(plot.data, visible, strict=True) if on]
        assert [trace.type for trace in shown] == ["image"] * 4 + ["scatter"]
        assert len({trace.xaxis for trace in shown[:4]}) == 4
        # The pictures come in few colours, so each level may be a little off.
        truth = states.truth[state].transpose(1, 2, 0).astype(int)
        assert np.abs(pixels(shown[1].source).astype(int) - truth).mean() < 2


def test_the_static_picture_and_the_plot_begin_with_the_same_shape_hidden(hidden):
    _, figure = hidden
    on = [trace.visible for trace in figure.interactive.data if trace.type == "image"]
    assert figure.interactive.layout.updatemenus[0].active == 1
    states = len(on) // 4
    assert [place % states for place, shown in enumerate(on) if shown] == [1] * 4


def test_a_hidden_patch_is_hatched_and_the_others_are_untouched():
    picture = np.full((3, 128, 128), 200, dtype=np.uint8)
    hidden = np.zeros(64, dtype=bool)
    hidden[9] = True  # row 1, column 1
    dim = explanations.dim_shape(picture, hidden)
    assert (dim[:, 16:32, 16:32] < 200).all()
    dim[:, 16:32, 16:32] = 200
    np.testing.assert_array_equal(dim, picture)


def test_slider_and_arrow_keys_take_the_same_steps(slider):
    ladder, figure = slider
    plot = figure.interactive
    (bar,), (menu,) = plot.layout.sliders, plot.layout.updatemenus
    assert not menu.visible
    assert [button.label for button in menu.buttons] == [f"{red:.0f}" for red in ladder.red]
    for number, (step, button) in enumerate(zip(bar.steps, menu.buttons, strict=True)):
        assert not step.label  # evenly apart, where the steps are not
        assert step.args[1]["xaxis3.title.text"].endswith(f": {ladder.red[number]:.0f}")
        assert step.args[0] == button.args[0]
        assert button.args[1]["sliders[0].active"] == number
        assert button.args[1]["shapes"] == step.args[1]["shapes"]
        visible = step.args[0]["visible"]
        assert len(visible) == len(plot.data)
        shown = [trace for trace, on in zip(plot.data, visible, strict=True) if on]
        assert sum(trace.type == "image" for trace in shown) == 2
        (dots,) = [t for t in shown if t.type == "scatter" and t.mode == "markers"]
        np.testing.assert_allclose(dots.y, ladder.group[number])
        np.testing.assert_allclose(dots.x, ladder.red[number])


def test_each_line_of_the_slider_s_chart_is_named_where_it_ends(slider):
    ladder, figure = slider
    ends = dict(zip("RGB", ladder.group[-1], strict=True))
    (chart,) = (axes for axes in figure.static.axes if axes.get_lines())
    written = {text.get_text(): text.get_position()[1] for text in chart.texts}
    noted = {note.text: note.y for note in figure.interactive.layout.annotations}
    for name, end in ends.items():
        assert written[name] == noted[name] == pytest.approx(end)
    for low, high in (chart.get_xlim(), figure.interactive.layout.xaxis3.range):
        assert low < ladder.red.min() < ladder.red.max() < high, "dots at the ends are whole"


def test_pictures_are_the_same_bytes_each_time_and_small(hidden, slider):
    for _, figure in (hidden, slider):
        assert figure.svg() == figure.svg()
        assert len(figure.svg()) < 300_000


def test_tables_write_the_numbers_they_colour():
    ones = np.ones(4)
    figure = explanations.head_scores(
        [("Decoder 1", [("head 1", 0.97 * ones, 0.5 * ones, -0.004 * ones)])], marked=(0, 0)
    )
    texts = {text.get_text() for axes in figure.static.axes for text in axes.texts}
    assert texts == {"97", "50", "0"}


def test_bars_of_slopes_end_where_the_number_says_and_never_below_zero():
    figure = explanations.hiding_by_module(
        [("Model", explanations.DEEPER, {"encoder.0.attention": -0.2,
                                         "decoder.0.cross_attention": 0.6})]
    )  # fmt: skip
    widths = [axes.patches[1].get_width() for axes in figure.static.axes]  # type: ignore[attr-defined]
    assert widths == [0, 0.6]
    assert {"−0.20", "0.60"} <= {text.get_text() for text in figure.static.texts}


def test_units_are_ranked_by_the_choosing_images_and_dotted_by_the_others():
    chosen, again = np.array([0.2, 0.9, 0.6]), np.array([0.3, 0.8, 0.5])
    figure = red_filter.unit_ranking(
        chosen, again, np.array([0, 1, 3]), ("encoder 1", "encoder 2", "decoder 1", "decoder 2")
    )
    (axes,) = [axes for axes in figure.static.axes if axes.lines and axes.collections]
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), [0.9, 0.6, 0.2])
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 1], [0.8, 0.5, 0.3])


def test_rows_of_dots_show_every_value_in_a_lane_of_its_series():
    draws = np.linspace(0, 0.2, 50)
    figure = dot_rows(
        [Series(name="by chance", colour="#888888"), Series(name="the best", colour="#b8569a")],
        [
            DotRow(label="heading"),
            DotRow(label="5 units", values=[draws, [0.3]]),
            DotRow(label="10 units", values=[[], [0.1, 0.2]]),
        ],
        title="gone, %",
        ticks=[(0, "0"), (0.3, "30")],
        limits=(-0.1, 0.4),
    )
    (axes,) = [axes for axes in figure.static.axes if axes.collections]
    dots = [np.asarray(found.get_offsets()) for found in axes.collections]
    wanted: list[Any] = [draws, [0.3], [0.1, 0.2]]
    for found, values in zip(dots, wanted, strict=True):
        np.testing.assert_allclose(found[:, 0], values)
    # Lanes lie one below the other, and many dots are scattered within theirs.
    assert len(np.unique(dots[0][:, 1])) == 50 and len(np.unique(dots[2][:, 1])) == 1
    assert dots[0][:, 1].max() < dots[1][:, 1].min() < dots[2][:, 1].min()
    bars = [
        float(np.asarray(line.get_xdata())[0]) for line in axes.lines if line.get_linewidth() == 3
    ]
    np.testing.assert_allclose(bars, [0.1, 0.15])
    assert {"heading", "5 units", "gone, %"} <= {text.get_text() for text in figure.static.texts}
