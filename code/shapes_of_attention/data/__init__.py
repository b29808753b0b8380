"""The 2-D shapes task: images, targets and the truth about every shape."""

from shapes_of_attention.data.rules import KINDS, group_means, kept_shapes, red_dominant
from shapes_of_attention.data.seeds import IMAGE_TEST_SEED, IMAGE_VALIDATION_SEED
from shapes_of_attention.data.shapes import ShapesBatch, ShapesConfig, make_shapes

__all__ = [
    "IMAGE_TEST_SEED",
    "IMAGE_VALIDATION_SEED",
    "KINDS",
    "ShapesBatch",
    "ShapesConfig",
    "group_means",
    "kept_shapes",
    "make_shapes",
    "red_dominant",
]
