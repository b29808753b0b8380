"""Everything the posts draw: pictures, in modules named after what they show, and the toolkit."""

from shapes_of_attention.figures.toolkit.figure import Figure, canvas

__all__ = ["Figure", "canvas"]
