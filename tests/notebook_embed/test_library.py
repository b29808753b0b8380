"""The scan finds what the parser embeds, and no path leads out of the docs folder."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Literal

import markdown
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notebook_embed.errors import EmbedError
from notebook_embed.library import Library, SourceLine, find_addresses, find_embeds
from tests.support.fuzz import many
from tests.support.given_outputs import Docs, display


def test_references_are_found_with_their_lines() -> None:
    text = (
        '# T\n\n![a](../nb/x.py#l "c"){ .wide }\nword ![](x.ipynb#v), ![b](y.md#w)\n'
        "![p](p.png) [link](../nb/x.py#l)\n\n```\n![no](../nb/x.py#l)\n```\n`![no](x.py#l)` ``![no](x.py)``\n"
        "- ![d](<x.py#d>)\n\n![two\nlines](../nb/x.py#e)\n\n![no\n\n](../nb/x.py#f)\n"
    )
    found = [(e.href, e.alt, e.line) for e in find_embeds(text)]
    assert found == [
        ("../nb/x.py#l", "a", 3),
        ("x.ipynb#v", "", 4),
        ("y.md#w", "b", 4),
        ("x.py#d", "d", 11),
        ("../nb/x.py#e", "two\nlines", 14),
    ]


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("![](<my analysis.ipynb#x>)", "my analysis.ipynb#x"),
        ("![](my analysis.ipynb#x)", "my analysis.ipynb#x"),
        ('![](my analysis.ipynb#x "A title")', "my analysis.ipynb#x"),
        ("![](copy (1).ipynb#x)", "copy (1).ipynb#x"),
        ("![f[a[0]]](c.ipynb#x)", "c.ipynb#x"),
        ("![one\ntwo](\n  c.ipynb#x)", "c.ipynb#x"),
        ("```mkdocs build``` makes the site\n\n![](c.ipynb#x)", "c.ipynb#x"),
        ("```py\n```not the end\n```\n\n![](c.ipynb#x)", "c.ipynb#x"),
        ("```\nnobody closes this\n\n![](c.ipynb#x)", "c.ipynb#x"),
        ("[![](c.ipynb#x)](https://a.example)", "c.ipynb#x"),
    ],
)
def test_the_quick_look_reads_as_markdown_does(text: str, href: str) -> None:
    assert [embed.href for embed in find_embeds(text)] == [href]
    html = markdown.markdown(text, extensions=["pymdownx.superfences"])
    assert re.findall(r'<img [^>]*src="([^"]*)"', html) == [href]


@pytest.mark.parametrize(
    "text",
    [
        "````\n```\n![](c.ipynb#x)\n````",
        "~~~\n```\n![](c.ipynb#x)\n~~~",
        "``` a\n![](c.ipynb#x)\n```",
    ],
)
def test_what_stands_in_a_fence_is_no_embed(text: str) -> None:
    assert not list(find_embeds(text))


def test_addresses_of_all_kinds_are_found() -> None:
    text = (
        "[a](my one.ipynb) ![b](<two (2).py#l>) [c][d]\n\n[d]: <three 3.md> 'T'\n[e]: four.py\n"
        "<a href='five 5.ipynb'> <img src=six.py> `[no](seven.py)`\n"
    )
    assert list(find_addresses(text)) == [
        "my one.ipynb",
        "two (2).py#l",
        "three 3.md",
        "four.py",
        "five 5.ipynb",
        "six.py",
    ]


segments = st.sampled_from(
    ["..", ".", "nb", "x.py", "%2e%2e", "/", "posts", "secret.py", "~", "link.py", "\\..", ""]
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=many(300),
    deadline=None,
)
@given(st.lists(segments, min_size=1, max_size=6).map("/".join))
def test_no_path_leads_out_of_docs(tmp_path: Path, path: str) -> None:
    docs = tmp_path / "docs"
    (docs / "nb").mkdir(parents=True, exist_ok=True)
    (tmp_path / "secret.py").write_text("# %%\nx = 1\n")
    (docs / "nb/x.py").write_text("# %%\nx = 1\n")
    if not (docs / "nb/link.py").is_symlink():
        (docs / "nb/link.py").symlink_to(tmp_path / "secret.py")
    library = Library.read(docs, "nb")
    try:
        found = library.find(path, SourceLine(docs / "posts/p.md", "posts/p.md", 1))
    except EmbedError as error:
        assert "posts/p.md:1: " in str(error)
    else:
        assert found.notebook.path.resolve().is_relative_to(docs.resolve())


def test_a_notebook_has_one_name_on_every_system(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs.write("posts/Own.py", "# %%\n#| label: v\n1\n")
    at = SourceLine(docs.root / "posts/p.md", "posts/p.md", 1)
    library = Library.read(docs.root, "nb")
    there = {path.as_posix().lower() for path in docs.root.rglob("*.py")}
    monkeypatch.setattr(Path, "is_file", lambda path: path.as_posix().lower() in there)
    with pytest.raises(EmbedError, match=r"Did you mean 'Own\.py'"):
        library.find("Owm.py", at, take_in=True)
    for wrong in ("own.py", "../Posts/Own.py", "Own.py/Own.py", "OWN.py"):
        with pytest.raises(EmbedError, match="there is no notebook"):
            library.find(wrong, at, take_in=True)
    assert library.find("Own.py", at, take_in=True).notebook.uri == "posts/Own.py"


def test_two_notebooks_that_would_share_a_page_are_refused(docs: Docs) -> None:
    for suffix in ("py", "ipynb"):
        docs.write(
            f"nb/x.{suffix}",
            "# %%\nx = 1\n"
            if suffix == "py"
            else '{"cells": [{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": "1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        )
    with pytest.raises(EmbedError, match=r"two notebooks share the page nb/x\.html"):
        Library.read(docs.root, "nb")


def test_hidden_files_are_no_notebooks(docs: Docs) -> None:
    docs.write("nb/.ipynb_checkpoints/x.py", "# %%\nx = 1\n")
    docs.write("nb/_draft.py", "# %%\nx = 1\n")
    assert not Library.read(docs.root, "nb").notebooks


def test_links_to_folders_are_followed_inside_docs_and_nowhere_else(docs: Docs) -> None:
    docs.write("real/deep/x.py", "# %%\nx = 1\n")
    docs.write("nb/y.py", "# %%\nx = 1\n")
    docs.write("../outside/z.py", "# %%\nx = 1\n")
    (docs.root / "nb/linked").symlink_to("../real")
    (docs.root / "nb/up").symlink_to("..")
    (docs.root / "nb/round").symlink_to(".")
    (docs.root / "nb/out").symlink_to("../../outside")
    (docs.root / "nb/gone").symlink_to("nowhere")
    library = Library.read(docs.root, "nb")
    assert sorted(library.notebooks) == ["nb/linked/deep/x.py", "nb/y.py"]
    page = SourceLine(docs.root / "p.md", "p.md", 1)
    assert library.find("nb/linked/deep/x.py", page).notebook.uri == "nb/linked/deep/x.py"
    with pytest.raises(EmbedError, match="leaves the docs folder"):
        library.find("nb/out/z.py", page)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("_x.py", r"'\.\./nb/_x\.py' is passed over, as names that begin with '_' or '\.' are"),
        (".hidden/x.py", r"'\.\./nb/\.hidden/x\.py' is passed over"),
        ("_parts/x.ipynb", r"'\.\./nb/_parts/x\.ipynb' is passed over"),
        ("folder.py/", r"'\.\./nb/folder\.py' is a folder, no notebook"),
        ("gone.ipynb", r"'\.\./nb/gone\.ipynb' is a link that leads nowhere"),
    ],
)
def test_what_has_the_name_of_a_notebook_and_is_none_is_told_as_what_it_is(
    docs: Docs, name: str, told: str
) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {})
    if name.endswith("/"):
        (docs.root / "nb" / name).mkdir()
    elif name == "gone.ipynb":
        (docs.root / "nb" / name).symlink_to("nowhere.ipynb")
    else:
        docs.write(f"nb/{name}", "# %%\n#| label: a\nx\n")
    with pytest.raises(EmbedError, match=rf"page\.md:3: {told}") as failed:
        docs.convert(f"One.\n\n![](../nb/{name.rstrip('/')}#a)")
    assert "Did you mean" not in str(failed.value)
    with pytest.raises(EmbedError, match="there is no notebook") as failed:
        docs.convert("![](../nb/other.ipynb#a)")
    assert name.rstrip("/") not in str(failed.value), "what is no notebook is not offered"


Form = Literal["NFC", "NFD"]


@pytest.mark.parametrize("of_page", ["NFC", "NFD"])
@pytest.mark.parametrize("of_disk", ["NFC", "NFD"])
def test_letters_with_accents_are_the_same_in_both_forms(
    docs: Docs, of_disk: Form, of_page: Form
) -> None:
    def disk(text: str) -> str:
        return unicodedata.normalize(of_disk, text)

    text = disk("# %%\n#| label: größe\n7\n\n# %%\n#| label: ähnlich\n8\n")
    outputs = {"größe": [display(text_plain="7")], "ähnlich": [display(text_plain="8")]}
    docs.notebook(text, outputs, disk("nb/übung/éa.py"))
    page = "It is ![](../nb/übung/éa.py#größe), ![](../nb/übung/éa.py#ähnlich)."
    html = docs.convert(unicodedata.normalize(of_page, page))
    assert re.findall(r'nb-value">(.)<', html) == ["7", "8"]
    docs.write(disk("nb/später.py"), "# %%\n#| label: a\n0\n")
    later = docs.library.find(
        unicodedata.normalize(of_page, "nb/später.py#a"),
        SourceLine(docs.root / "page.md", "page.md", 1),
        take_in=True,
    )
    assert later.cell is not None
