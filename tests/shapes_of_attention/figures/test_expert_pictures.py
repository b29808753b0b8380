"""Pictures of a mixture show what each expert takes, and say so where one takes nothing."""

import numpy as np
from matplotlib.image import AxesImage
from matplotlib.text import Text

from shapes_of_attention.figures import Figure
from shapes_of_attention.figures.experts import error_curves, expert_gallery, one_token

NOTHING = "first choice of no patch with a shape"


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.static.findobj(Text) if text.get_text()]


def patches(number: int) -> np.ndarray:
    return np.full((number, 3, 16, 16), 200, dtype=np.uint8)


def test_an_expert_without_patches_has_a_row_that_says_so() -> None:
    figure = expert_gallery([patches(3), patches(0)], [1.0, 0.0])

    assert words(figure).count(NOTHING) == 1
    assert len(figure.static.findobj(AxesImage)) == 3


def test_a_row_with_a_patch_says_nothing() -> None:
    assert NOTHING not in words(expert_gallery([patches(2), patches(1)], [0.5, 0.5]))


def test_a_token_s_way_names_every_probability_and_the_weights_of_those_chosen() -> None:
    image = np.zeros((3, 128, 128), dtype=np.uint8)
    figure = one_token(image, 9, np.array([0.6, 0.3, 0.07, 0.03]), [0, 1], [0.67, 0.33])

    assert {"60%", "30%", "7%", "3%", "× 0.67", "× 0.33"} <= set(words(figure))


def test_runs_of_one_name_share_a_line_style_and_a_row_of_the_legend() -> None:
    run = ([0, 1000], [40.0, 5.0])
    figure = error_curves({"narrow": [run, run], "wide": [run]})

    drawn, *keys = [axes for axes in figure.static.axes if axes.lines]
    looks = [(line.get_color(), line.get_linestyle()) for line in drawn.lines]
    assert looks[0] == looks[1] != looks[2]
    assert len(keys) == 2 and {"narrow", "wide"} <= set(words(figure))
