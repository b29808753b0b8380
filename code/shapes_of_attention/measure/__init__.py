"""How good a model is, and whether its attention goes where it should: all measured here."""
