"""The documentation knows every error that stops a build."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import plotly
import pytest

ROOT = Path(__file__).parents[2]
#: By package, where its errors are explained.
PAGES = {
    "notebook_embed": (ROOT / "docs/notebook-embed/errors.md").read_text("utf-8"),
    "blog_site": (ROOT / "docs/authoring-guide.md").read_text("utf-8"),
}
RAISERS = {"EmbedError", "SiteError", "fail"}


def nodes() -> Iterator[tuple[str, str, ast.AST]]:
    """Yield each node of the code that is explained, with its package and its file."""
    for package in PAGES:
        for path in sorted((ROOT / "code" / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield package, path.name, node


def first_words(is_meant: Callable[[ast.expr], bool]) -> Iterator[tuple[str, str]]:
    """Yield where what is meant is called, and its text, with `…` for what is filled in."""
    for package, file, node in nodes():
        if (
            isinstance(node, ast.Call)
            and is_meant(node.func)
            and node.args
            and (text := re.sub("%[srd]", "…", _text(node.args[0])))
        ):
            yield f"{package}/{file}:{node.lineno}", text


def messages() -> Iterator[tuple[str, str]]:
    """Yield where an error is made and its text."""
    yield from first_words(lambda called: getattr(called, "id", "") in RAISERS)


def _text(node: ast.expr) -> str:
    """Return a literal as it will look; nothing for what is no literal, or is all filled in."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(
        str(part.value) if isinstance(part, ast.Constant) else "…"
        for part in parts
        if isinstance(part, ast.Constant | ast.FormattedValue)
    )
    first = text.split("\n")[0]
    return first if any(letter.isalpha() for letter in first) else ""


def warnings() -> Iterator[tuple[str, str]]:
    """Yield where a warning is given and its text."""
    found = first_words(lambda called: getattr(called, "attr", "") in ("warn", "warning"))
    yield from ((place, text) for place, text in found if any(map(str.isalpha, text)))


@pytest.mark.parametrize(("place", "text"), list(warnings()))
def test_the_guide_explains_the_warning(place: str, text: str) -> None:
    page = PAGES[place.partition("/")[0]]
    assert any(says(text, row) for row in first_cells(page)), (
        f"{place} gives a warning that no page lists"
    )


def test_the_errors_are_found() -> None:
    texts = [text for _, text in messages()]
    assert "there is no notebook '…'" in texts
    assert "a figure without alt text" in texts
    assert "malformed notebook: …: …" in texts
    assert len(texts) > 25


@pytest.mark.parametrize(("place", "text"), list(messages()))
def test_the_guide_explains_the_error(place: str, text: str) -> None:
    page = PAGES[place.partition("/")[0]]
    assert f"`{text.rstrip()}`" in page, f"{place} raises an error that no page lists"


def strings() -> Iterator[str]:
    """Yield all literals of the code that is explained, with `…` for what is filled in."""
    for _, _, node in nodes():
        if isinstance(node, ast.JoinedStr):
            yield "…".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"%[srd]|\{[^}]*\}", "…", node.value)


def says(text: str, row: str) -> bool:
    """Tell whether a literal is what a row explains, or the larger part of it."""
    given, explained = text.strip(" .:…"), row.strip(" .:…")
    large = 2 * len(given.replace("…", "")) > len(explained)
    return bool(
        re.search(_anything_between(explained), text)
        or (large and re.search(_anything_between(given), row))
    )


def _anything_between(text: str) -> str:
    return ".*".join(map(re.escape, text.split("…")))


def first_cells(page: str) -> list[str]:
    """Give what the rows of a page's tables explain."""
    cells = re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE)
    return [row for cell in cells for row in re.findall("`([^`]+)`", cell)]


def test_every_row_is_said_by_code() -> None:
    rows = [row for page in PAGES.values() for row in first_cells(page)]
    assert len(rows) > 80
    by_mkdocs = {"Aborted with … warnings in strict mode!"}
    said = [text for text in strings() if 10 < len(text) < 400]
    lost = [row for row in rows if not any(says(text, row) for text in said)]
    assert set(lost) == by_mkdocs


#: Files that readers load, in the sentences that say how heavy they are.
WEIGHTS = {
    "a bundle of 1.5 MB": [ROOT / "code/notebook_embed/static/plotly-cartesian.min.js"],
    "of 4.8 MB": [Path(plotly.__file__).parent / "package_data/plotly.min.js"],
    "by a script of 0.8 MB": [ROOT / "code/notebook_embed/live/vega.min.js"],
    "by a script of 1.4 MB": [ROOT / "code/notebook_embed/live/widgets.min.js"],
    "their styles of 0.2 MB": sorted(
        (ROOT / "code/notebook_embed/live").glob("widgets.icons*.[cw]*")
    ),
}


@pytest.mark.parametrize("words", WEIGHTS)
def test_what_a_page_loads_is_as_heavy_as_the_guide_says(words: str) -> None:
    text = " ".join((ROOT / "docs/notebook-embed/outputs.md").read_text("utf-8").split())
    assert text.count(words) == 1
    size = sum(path.stat().st_size for path in WEIGHTS[words])
    assert f" {size / 1e6:.1f} MB" in words
