"""Colours are stated once, shared ones in palette.py; what cannot import it says the same."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mkdocs.utils.yaml import get_yaml_loader, yaml_load
from playwright.sync_api import Browser

from shapes_of_attention.palette import GROUND, INK, LINE, MUTED, SCENE, TOKENS, WHITE, ink_on
from tests.support.browser import PATIENCE, Launcher
from tests.support.published import ROOT, Site

SITE_CSS = ROOT / "assets/theme/assets/site/site.css"
FIGURES_CSS = ROOT / "code/notebook_embed/static/figures.css"
HEX = re.compile(r"#[0-9a-f]{6}\b", re.IGNORECASE)
LEVELS = re.compile(r"\((\d{1,3}), (\d{1,3}), (\d{1,3})\)")
#: What matplotlib writes, and in which colour.
WORDS = re.compile(r'<g id="text_\d+">\s*<!-- (.*?) -->\s*<g style="fill: (#[0-9a-f]{6})')
LIGHT_DARK = re.compile(r"--nb-([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")


def test_the_style_sheet_has_the_palette_s_tokens_for_both_schemes() -> None:
    stated = {name: colours for name, *colours in LIGHT_DARK.findall(SITE_CSS.read_text())}
    assert {name: tuple(stated[name]) for name in TOKENS} == TOKENS


def test_static_figures_swap_exactly_the_tokens() -> None:
    config = yaml_load((ROOT / "mkdocs.yml").read_text(), get_yaml_loader())
    (options,) = (p["notebook-embed"] for p in config["plugins"] if "notebook-embed" in p)
    assert options["dark"] == dict(TOKENS.values())


def test_matplotlib_draws_lines_and_letters_in_the_tokens() -> None:
    text = (ROOT / "assets/matplotlibrc").read_text()
    stated = dict(re.findall(r'^([\w.]+): "(#\w+)"$', text, re.MULTILINE))
    assert stated == {
        "text.color": INK,
        "axes.titlecolor": INK,
        "axes.labelcolor": MUTED,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "axes.edgecolor": LINE,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "grid.color": LINE,
    }


def test_the_icon_wears_ink_and_accent_by_scheme() -> None:
    icon = (ROOT / "assets/theme/assets/site/favicon.svg").read_text()
    light, dark = icon.split("@media (prefers-color-scheme:dark)")
    for colours, part in zip(
        zip(TOKENS["ink"], TOKENS["accent"], strict=True), (light, dark), strict=True
    ):
        assert tuple(HEX.findall(part)) == colours


def test_the_scene_is_painted_like_the_images_beside_links() -> None:
    scene = (ROOT / "assets/theme/partials/scene.html").read_text()
    assert set(HEX.findall(scene)) == set(SCENE)


def test_the_guide_tells_authors_the_tokens() -> None:
    guide = (ROOT / "docs/authoring-guide.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `(#\w{6})` \| `(#\w{6})` \|$", guide, re.MULTILINE)
    assert {name: tuple(colours) for name, *colours in rows} == TOKENS


def test_no_colour_is_stated_twice_in_code_and_notebooks() -> None:
    folders = ("code/shapes_of_attention", "code/blog_site", "docs/notebooks")
    files = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    # It shows authors a cell as any blog may have it, without this one's palette.
    files.remove(ROOT / "docs/notebooks/authoring-examples.py")
    texts = [file.read_text("utf-8") for file in files]
    counted = Counter(colour.lower() for text in texts for colour in HEX.findall(text))
    # Three numbers may be anything; those of a colour that is stated are that colour.
    stated = set(counted) - {GROUND, WHITE}
    for levels in (found for text in texts for found in LEVELS.findall(text)):
        if (colour := "#" + "".join(f"{int(level):02x}" for level in levels)) in stated:
            counted[colour] += 1
    assert not [colour for colour, times in counted.items() if times > 1]


def test_words_in_pictures_are_light_or_dark_with_the_page(published: Site) -> None:
    """In a token they change with the scheme; white or black they stand on a colour of their own."""
    fair = {light for light, _ in TOKENS.values()} | {GROUND, WHITE}
    pictures = [p for p in (published.folder / "figures").rglob("*.svg") if ".dark." not in p.name]
    assert len(pictures) > 50
    faint = {
        f"{picture.parent.name}/{picture.name}: {words} in {colour}"
        for picture in pictures
        for words, colour in WORDS.findall(picture.read_text("utf-8"))
        if colour not in fair
    }
    assert not faint


def test_letters_can_be_read_on_their_ground_in_both_schemes() -> None:
    for scheme in (0, 1):
        for ground in ("paper", "panel"):
            for letters in ("ink", "muted", "accent"):
                pair = TOKENS[letters][scheme], TOKENS[ground][scheme]
                assert contrast(*pair) >= 4.5, (letters, ground, scheme)


@given(st.integers(0, 0xFFFFFF))
def test_ink_on_a_colour_is_black_or_white_whichever_has_the_larger_contrast(number: int) -> None:
    fill = f"#{number:06x}"
    found = ink_on(fill)
    assert found in (GROUND, WHITE)
    assert contrast(found, fill) == max(contrast(GROUND, fill), contrast(WHITE, fill)) >= 4.5


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colours as WCAG does, from 1 to 21."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    levels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
    return sum(part * v for part, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_tokens_stand_where_they_are_compared_and_nowhere_else() -> None:
    kinds = {".py", ".js", ".css", ".html", ".svg", ".md", ".yml", ""}
    files = [ROOT / "mkdocs.yml", ROOT / "assets/matplotlibrc"]
    packages = [f"code/{name}" for name in ("blog_site", "notebook_embed", "shapes_of_attention")]
    for folder in (*packages, "assets/theme", "docs"):
        files += [p for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix in kinds]
    tokens = {colour for pair in TOKENS.values() for colour in pair}
    owners = {
        str(file.relative_to(ROOT)): sorted(Counter(stated).values())
        for file in files
        if (
            stated := [
                c.lower() for c in HEX.findall(file.read_text("utf-8")) if c.lower() in tokens
            ]
        )
    }
    assert owners.keys() == {
        "assets/matplotlibrc",
        "assets/theme/assets/site/favicon.svg",
        "assets/theme/assets/site/site.css",
        "code/shapes_of_attention/palette.py",
        "docs/authoring-guide.md",
        "docs/notebook-embed/outputs.md",
        "mkdocs.yml",
    }
    for light, dark in re.findall(
        r'"(#\w{6})": "(#\w{6})"', (ROOT / "docs/notebook-embed/outputs.md").read_text("utf-8")
    ):
        assert (light, dark) in TOKENS.values(), "the example is this site's own"
    for name in ("assets/theme/assets/site/site.css", "code/shapes_of_attention/palette.py"):
        assert owners[name] == [1] * len(tokens)


SCHEMES = [
    ("js", "default", "dark", "screen", 0),  # the reader's choice, whatever the system says
    ("js", "slate", "light", "screen", 1),
    ("no-js", "default", "light", "screen", 0),  # without scripts the system's
    ("no-js", "default", "dark", "screen", 1),
    ("js", "slate", "dark", "print", 0),
    ("no-js", "default", "dark", "print", 0),
]


@pytest.fixture(scope="module")
def chromium(launch: Launcher) -> Browser:
    return launch()


def painted(
    chromium: Browser,
    names: list[str],
    style: str,
    *,
    root: str,
    scheme: str,
    system: str,
    media: str,
) -> dict[str, str]:
    """Give the colour of words in each of the page's variables, as #rrggbb."""
    words = "".join(f'<i style="color: var(--nb-{name})">{name}</i>' for name in names)
    page = chromium.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.emulate_media(media=media, color_scheme=system)  # type: ignore[arg-type]
    page.set_content(
        f'<html class="{root}"><style>{style}</style>'
        f'<body data-md-color-scheme="{scheme}">{words}</body></html>'
    )
    found = page.evaluate(
        """() => [...document.querySelectorAll("i")].map((one) => [one.textContent,
             "#" + getComputedStyle(one).color.match(/\\d+/g).slice(0, 3)
               .map((level) => Number(level).toString(16).padStart(2, "0")).join("")])"""
    )
    page.close()
    return dict(found)


@pytest.mark.parametrize(("root", "scheme", "system", "media", "which"), SCHEMES)
def test_every_colour_follows_the_scheme_with_and_without_scripts(
    chromium: Browser, root: str, scheme: str, system: str, media: str, which: int
) -> None:
    style = FIGURES_CSS.read_text() + SITE_CSS.read_text()
    stated = {name: colours for name, *colours in LIGHT_DARK.findall(style)}
    assert {"ink", "code-string", "ansi-red"} <= stated.keys()
    if media == "print":  # where the tokens are darker ones
        stated = {name: colours for name, colours in stated.items() if name not in TOKENS}
    found = painted(
        chromium, list(stated), style, root=root, scheme=scheme, system=system, media=media
    )
    assert found == {name: colours[which] for name, colours in stated.items()}


def test_a_page_without_tokens_has_material_s_colours_or_the_system_s(chromium: Browser) -> None:
    figures = FIGURES_CSS.read_text()
    light = {"root": "js", "scheme": "default", "system": "light", "media": "screen"}
    assert painted(chromium, ["ink", "paper"], figures, **light) == {
        "ink": "#000000",
        "paper": "#ffffff",
    }
    material = figures + "[data-md-color-scheme] { --md-default-fg-color: hsl(0, 100%, 20%) }"
    assert painted(chromium, ["ink"], material, **light) == {"ink": "#660000"}
    own = material + "body { --nb-ink: #123456 }"
    assert painted(chromium, ["ink"], own, **light) == {"ink": "#123456"}
