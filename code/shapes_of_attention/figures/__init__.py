"""Everything the posts draw. Each function takes arrays and returns a `Figure`."""

from shapes_of_attention.figures.figure import Figure, canvas
from shapes_of_attention.figures.shapes import (
    averaging,
    explorer,
    image_grid,
    input_filter_target,
    kind_gallery,
    red_plane,
    rgb,
    shape_attention,
)

__all__ = [
    "Figure",
    "averaging",
    "canvas",
    "explorer",
    "image_grid",
    "input_filter_target",
    "kind_gallery",
    "red_plane",
    "rgb",
    "shape_attention",
]
