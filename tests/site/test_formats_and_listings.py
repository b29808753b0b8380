"""All notebook formats run in real kernels; listings show excerpts without running anything twice."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from workbench.small_blog import Project, make_project

IPYNB = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Old\n", "\n", "Prose."]},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {},
            "execution_count": 7,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["stale\n"]}],
            "source": ["#| label: sum\n", "print(1 + 1)"],
        },
        {
            "cell_type": "code",
            "id": "c",
            "metadata": {},
            "execution_count": 8,
            "outputs": [],
            "source": ["#| label: old-rates\n", "{'small': {'mean': '5 %'}, 'large': '6 %'}"],
        },
    ],
    "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
MYST = """\
---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {name: python3, display_name: Python 3, language: python}
---

# Myst

```{code-cell} ipython3
#| label: product
2 * 21
```

```{code-cell} ipython3
#| label: many
import matplotlib.pyplot as plt
from IPython.display import HTML, Latex, Markdown, display
print("\\x1b[32mgreen\\x1b[0m")
plt.plot([1, 2])
plt.show()
display(HTML("<table><tr><td>cell</td></tr></table>"), Latex(r"$\\alpha$"), Markdown("*md*"))
"plain"
```

```{code-cell} ipython3
#| label: rates
from IPython.display import Markdown
{"half": Markdown("*50 %*"), "third": 1 / 3}
```
"""
POST = """\
---
date: 2026-02-03
---
# Formats

From a notebook of old: ![](../notebooks/old.ipynb#sum). From MyST: ![](../notebooks/myst.md#product).
[Elsewhere][far], with a note.[^note]

<!-- more -->

Entries: ![](../notebooks/old.ipynb#old-rates.small.mean), ![](../notebooks/myst.md#rates.half),
![](../notebooks/circle-rates.py#rates.by-size.8).

![](../notebooks/myst.md#rates)

![A line](../notebooks/myst.md#many)

[far]: https://example.org/far
[^note]:
    Told below.

    In two paragraphs.
"""


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("formats"))
    project.write("docs/notebooks/old.ipynb", json.dumps(IPYNB, indent=1))
    project.write("docs/notebooks/myst.md", MYST)
    project.write("docs/posts/formats.md", POST)
    project.write(
        "docs/notebooks/circle-rates.py",
        "# %%\n#| label: rates\nprint(1)\n{'by-size': {8: '7 %'}}\n",
    )
    build = project.build().succeeded()
    for name in ("areas.py", "numbers.py", "old.ipynb", "myst.md", "circle-rates.py"):
        assert build.output.count(f"notebooks/{name}  done in") == 1, build.output
    return project


def test_values_of_every_format(formats: Project) -> None:
    post = formats.page("2026/02/03/formats.html")
    assert '<span class="nb-value">2</span>' in post
    assert '<span class="nb-value">42</span>' in post
    assert "stale" not in post


def test_entries_of_mappings_of_every_format(formats: Project) -> None:
    post = formats.page("2026/02/03/formats.html")
    values = re.findall(r'<span class="nb-value">(.*?)</span>', post)
    assert values[-5:-2] == ["5 %", "<em>50 %</em>", "7 %"]
    table = re.search(r"<table>.*?</table>", post, re.S)
    assert table is not None
    assert re.findall("<code>(.*?)</code>", table.group()) == ["half", "third"]
    assert "0.3333333333333333" in table.group()
    own = formats.page("notebooks/old.html")
    assert re.findall(r"<th[^>]*><code>(.*?)</code>", own) == ["small.mean", "large"]
    download = json.loads(formats.page("notebooks/old.ipynb"))
    shown = "".join(download["cells"][-1]["outputs"][0]["data"]["text/plain"])
    assert shown == "{'small': {'mean': '5 %'}, 'large': '6 %'}"


def test_every_output_of_a_cell_in_order(formats: Project) -> None:
    figure = re.search(r"<figure.*?</figure>", formats.page("2026/02/03/formats.html"), re.S)
    assert figure is not None
    order = ["ansi-green-fg", 'alt="A line"', "<td>cell</td>", "\\alpha", "<em>md</em>", "plain"]
    at = [figure.group().find(piece) for piece in order]
    assert -1 not in at
    assert at == sorted(at)


@pytest.mark.parametrize("name", ["areas", "numbers", "old", "myst"])
def test_every_notebook_has_a_page_and_a_download_with_its_outputs(
    formats: Project, name: str
) -> None:
    page = formats.page(f"notebooks/{name}.html")
    assert "nb-notebook" in page
    assert f'<a href="{name}.ipynb" download>' in page
    shown = "circles" if name in ("areas", "numbers") else "formats"
    assert re.search(rf'Shown in <a href="\.\./2026/\d\d/\d\d/{shown}\.html">', page)
    assert "<style>" not in formats.page(f"notebooks/{name}.html")
    notebook = json.loads(formats.page(f"notebooks/{name}.ipynb"))
    assert any(cell.get("outputs") for cell in notebook["cells"])


def test_the_index_shows_excerpts_whose_links_hold(formats: Project) -> None:
    index = formats.page("index.html")
    assert index.count("nb-value") == 3
    assert 'alt="A dark bar"' in index
    for target in re.findall(r'(?:src|href)="((?:figures|notebooks|2026)/[^"#]+)', index):
        assert (formats.root / "site" / target).is_file(), target
    assert "figures/" in index
    # What an introduction refers to may be defined at the end of its post.
    assert '<a href="https://example.org/far">Elsewhere</a>' in index
    assert "[^note]" not in index
    assert "[^note]" not in formats.page("2026/02/03/formats.html")
    assert "A line" not in index
    assert index.count("Continue reading") == 2


def test_listings_repeat_no_id(formats: Project) -> None:
    for page in Path(formats.root / "site").rglob("*.html"):
        ids = re.findall(r'<(?:figure|h\d|div)[^>]* id="([^"]+)"', page.read_text("utf-8"))
        assert len(ids) == len(set(ids)), page


def test_sources_and_search_are_clean(formats: Project) -> None:
    assert not list((formats.root / "site/notebooks").glob("*.py"))
    index = json.loads(formats.page("search/search_index.json"))
    places = {entry["location"].split("#")[0] for entry in index["docs"]}
    assert "2026/02/03/formats.html" in places
    assert not [place for place in places if place.startswith("notebooks/")]
