"""Colours: the site's light tokens for lines and letters, and colour-blind-safe ones for data."""

__all__ = ["ACCENT", "CHANNELS", "GROUND", "INK", "LINE", "MUTED", "PANEL"]

# Tokens. The site replaces exactly these in the dark scheme, so none of them may stand for data.
INK = "#21242b"
MUTED = "#62666f"
LINE = "#dcd8cf"
PANEL = "#f4f2ed"
ACCENT = "#5746c8"

# Data. Red, green and blue after Okabe and Ito, 3:1 or more on both papers.
CHANNELS = {"R": "#d55e00", "G": "#009e73", "B": "#0072b2"}

# The background of every image of the data set.
GROUND = "#000000"
