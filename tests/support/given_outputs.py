"""A docs folder with notebooks, and Markdown over it; outputs are given, so no kernel starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import markdown

from notebook_embed.cells import CellMarkdown
from notebook_embed.library import Library
from notebook_embed.markdown_extension import NotebookEmbedExtension
from notebook_embed.outputs import render_outputs

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect fill="#21242b"/></svg>'

VIEWS = {"spinner": "assets/spinner.js"}

EXTENSIONS = ["attr_list", "footnotes", "tables", "toc", "pymdownx.superfences", "admonition"]


def display(**data: Any) -> dict[str, Any]:
    """Return an output with the given MIME types, `/` written as `_`."""
    types = {key.replace("__", "+").replace("_", "/", 1): value for key, value in data.items()}
    return {"output_type": "display_data", "data": types, "metadata": {}}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def mapping(entries: dict[str, str | tuple[str, str] | None]) -> dict[str, Any]:
    """Return what a kernel puts out for a mapping: keys joined by dots, texts or (type, text)."""
    listed = [
        {"keys": key.split(".")}
        | ({} if value is None else dict(zip(("type", "text"), typed(value), strict=True)))
        for key, value in entries.items()
    ]
    return {
        "output_type": "execute_result",
        "data": {
            "application/vnd.notebook-embed.values+json": {"entries": listed},
            "text/plain": "{...}",
        },
        "metadata": {},
    }


def typed(value: str | tuple[str, str]) -> tuple[str, str]:
    return ("text/plain", value) if isinstance(value, str) else value


class Docs:
    """Notebooks in `root`, and pages converted as if they stood in ``posts/page.md``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.library = Library(root)
        self.cells = CellMarkdown(self.parser_of_cells)

    def write(self, uri: str, text: str) -> Path:
        path = self.root / uri
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def notebook(
        self, text: str, outputs: Mapping[str, Sequence[dict]], uri: str = "nb/x.py"
    ) -> None:
        self.write(uri, text)
        self.library.notebooks |= Library.read(self.root, "nb").notebooks
        notebook = self.library.notebooks[uri]
        self.library.outputs[uri] = {
            cell.name: render_outputs(
                notebook,
                cell,
                outputs.get(cell.name, []),
                folder="figures/x",
                dark={"#21242b": "#e8e6e1"},
                views=VIEWS,
            )[0]
            for cell in notebook.code_cells
        }

    def convert(self, text: str, page: str = "posts/page.md", **options: Any) -> str:
        self.write(page, text)
        extension = NotebookEmbedExtension(
            library=self.library, page=page, cells=self.cells, **options
        )
        return markdown.markdown(text, extensions=[*EXTENSIONS, extension])

    def parser_of_cells(self) -> markdown.Markdown:
        return markdown.Markdown(
            extensions=[
                *EXTENSIONS,
                "md_in_html",
                "sane_lists",
                NotebookEmbedExtension(library=self.library, cells=self.cells),
            ]
        )


CELLS = """\
# %% [markdown]
# # A title
#
# See [a post](../posts/other.md), [above](#a-title) and [abroad](https://example.org/x.py).

# %%
#| label: value
f"{0.5:.0%}"

# %%
#| label: figure
#| fold: true
draw()

# %%
#| label: both
draw(); draw()

# %%
#| label: plot
plotly()

# %%
#| label: view
view()

# %%
#| label: waiting-view
view()

# %%
#| label: table
table()

# %%
#| label: rich
Markdown("**x**")

# %%
#| label: lines
print("a\\nb")

# %%
#| label: silent
x = 1

# %%
#| label: rates
{"small": {"mean": "5%"}, "large": "'a' & <b>", "bold": Markdown("**b**")}
"""

OUTPUTS: dict[str, Sequence[dict]] = {
    "value": [display(text_plain="'50%'")],
    "figure": [display(image_svg__xml=SVG)],
    "both": [display(image_png=PNG), display(image_png=PNG)],
    "plot": [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {
                "application/vnd.plotly.v1+json": {"data": [], "layout": {"template": {"a": 1}}},
                "image/svg+xml": SVG,
            },
        }
    ],
    "view": [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {
                "application/vnd.notebook-embed.view+json": {
                    "view": "spinner",
                    "data": {"speed": 3},
                },
                "image/svg+xml": SVG,
            },
        }
    ],
    "waiting-view": [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {
                "application/vnd.notebook-embed.view+json": {
                    "view": "spinner",
                    "data": {},
                    "waits": True,
                },
                "image/svg+xml": SVG,
            },
        }
    ],
    "table": [display(text_html="<table><tr><td>1</td></tr></table>", text_plain="x")],
    "rich": [display(text_markdown="**x** and *y*", text_plain="<Markdown>")],
    "lines": [stream("a\nb\n")],
    "rates": [
        stream("first\n"),
        mapping({"small.mean": "5%", "large": "'a' & <b>", "bold": ("text/markdown", "**b** *c*")}),
    ],
}
