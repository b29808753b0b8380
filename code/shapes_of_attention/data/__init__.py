"""The 2-D shapes task: images, targets and the truth about every shape."""

from shapes_of_attention.data.rules import KINDS, group_means, kept_shapes, red_dominant
from shapes_of_attention.data.shapes import ShapesBatch, ShapesConfig, make_shapes

__all__ = [
    "KINDS",
    "ShapesBatch",
    "ShapesConfig",
    "group_means",
    "kept_shapes",
    "make_shapes",
    "red_dominant",
]
