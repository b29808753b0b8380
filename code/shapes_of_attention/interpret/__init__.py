"""What trained models do inside: where they look, and what their units answer to."""
