"""Colours that several places share, each stated once: the site's tokens, and ones for data.

Those for data are colour-blind-safe. A colour that one picture alone needs stands beside it.
`site.css`, `mkdocs.yml`, `matplotlibrc` and other files that cannot import them must say the same:
tests/site/test_colours.py compares them.
"""

__all__ = [
    "ACCENT",
    "AMBER",
    "AZURE",
    "BLUE",
    "CHANNELS",
    "GREEN",
    "GREY",
    "GROUND",
    "INK",
    "LINE",
    "MUTED",
    "OLIVE",
    "ORCHID",
    "PANEL",
    "PAPER",
    "ROSE",
    "SCENE",
    "TOKENS",
    "VERMILION",
    "WHITE",
    "ink_on",
]

#: The site's colours, light and dark. Its dark scheme replaces exactly the light ones, so none of
#: them may stand for data.
TOKENS = {
    "paper": ("#fdfcf9", "#15171c"),
    "panel": ("#f4f2ed", "#1e2128"),
    "line": ("#dcd8cf", "#383c46"),
    "muted": ("#62666f", "#a4a8b1"),
    "ink": ("#21242b", "#e8e6e1"),
    "accent": ("#5746c8", "#a99cff"),
}
PAPER, PANEL, LINE, MUTED, INK, ACCENT = (light for light, _ in TOKENS.values())

# Data. After Okabe and Ito; the first three are 3:1 or more on both papers.
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
AMBER, ROSE = "#e69f00", "#cc79a7"
CHANNELS = {"R": VERMILION, "G": GREEN, "B": BLUE}
# Three that stand for no channel, where channels are drawn beside them, and what stands for none.
AZURE, ORCHID, OLIVE = "#1b80b8", "#b8569a", "#8f7400"
GREY = "#8a8f99"

# The background of every image of the data set, and what is written on it.
GROUND, WHITE = "#000000", "#ffffff"

# Blue, orange and green of the scene on the index page and on the images beside links.
SCENE = ("#2f7fb8", "#d9792b", "#2c9a78")


def ink_on(colour: str) -> str:
    """Return black or white, whichever has the larger contrast (WCAG 2) with a fill `#rrggbb`."""
    levels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
    luminance = sum(part * v for part, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return WHITE if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else GROUND
