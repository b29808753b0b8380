"""The documentation knows every error that stops a build."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: By package, where its errors are explained.
PAGES = {
    "notebook_embed": (ROOT / "docs/notebook-embed/errors.md").read_text("utf-8"),
    "blog_site": (ROOT / "docs/authoring-guide.md").read_text("utf-8"),
}
RAISERS = {"EmbedError", "SiteError", "fail"}


def messages() -> Iterator[tuple[str, str]]:
    """Yield where an error is made and its text, with `…` for what is filled in."""
    for package in PAGES:
        for path in sorted((ROOT / "code" / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") in RAISERS
                    and node.args
                    and (text := _text(node.args[0]))
                ):
                    yield f"{package}/{path.name}:{node.lineno}", text


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
