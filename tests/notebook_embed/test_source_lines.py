"""An error names the line where the embed or the formula stands, whatever stands around it.

What is code, a comment, HTML, a formula or escaped embeds nothing, and reaches readers as written.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown import Extension, Markdown
from markdown.blockprocessors import BlockProcessor

from notebook_embed import snippets
from notebook_embed.errors import EmbedError
from notebook_embed.markdown_extension import NotebookEmbedExtension, check_embeds
from notebook_embed.source_lines import source_lines
from tests.support.fuzz import many
from tests.support.given_outputs import CELLS, OUTPUTS, Docs

FUZZ = settings(
    max_examples=many(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

EXTENSIONS: list[Any] = [
    *("abbr", "admonition", "attr_list", "def_list", "footnotes", "md_in_html", "tables", "toc"),
    *("pymdownx.betterem", "pymdownx.details", "pymdownx.highlight", "pymdownx.inlinehilite"),
    *("pymdownx.superfences", "smarty", "pymdownx.arithmatex", "pymdownx.tabbed"),
]
CONFIGURATION = {
    "pymdownx.arithmatex": {"generic": True},
    "pymdownx.tabbed": {"alternate_style": True},
}
BAD = "![x](../nb/x.py#gone)"

# Around an embed that is one; `{}` is where it stands.
ALIVE = [
    "{}",
    "a {} b",
    "a\nb {} c\nd",
    "# A {} b",
    "A {}\n---",
    "> {}",
    "> a\n> b {}",
    "- {}",
    "- a\n\n    {}",
    "- a\n    - b {}",
    "1. a\n\n    b\n\n    {}",
    "!!! note\n\n    {}",
    '??? note "A {}"\n\n    a',
    '=== "A"\n\n    {}\n\n=== "B"\n\n    b',
    "| a | b |\n|---|---|\n| c | {} |",
    "a[^{n}]\n\n[^{n}]: b {}",
    "a[^{n}]\n\n[^{n}]:\n    b\n\n    {}",
    "a\n:   b {}",
    "<div markdown>\n\n{}\n\n</div>",
    "a <b>{}</b>",
    "**a {}**",
    "[{}](https://example.org/)",
    "`a` {} `b`",
    "a {} <!-- b -->",
    "$a$ {} $b$",
    "$5 {} $6",
    "{}{{ .wide }}",
    "\\\\{}",
]
# Around one that is none.
DEAD = [
    "```\n{}\n```",
    "~~~ md\na\n\n{}\n~~~",
    "- a\n\n    ```\n    {}\n    ```",
    "> ```\n> {}\n> ```",
    "a\n\n    {}\n",
    "- a\n\n        {}\n",
    "`{}`",
    "``a ` {}``",
    "`#!python {}`",
    "a `b\n{}` c",
    "<!-- {} -->",
    "<!--\n\na\n\n{}\n\n-->",
    "a <!-- {} --> b",
    "a <!-- b\n{} --> c",
    "<div>\n{}\n</div>",
    "<pre>\n{}\n</pre>",
    "<script>\na = `{}`\n</script>",
    "\\{}",
    "a \\{}",
    "$a {} b$",
    "$$\na {}\n$$",
    "[r{n}]: https://example.org/ '{}'",
    "*[ABC]: {}",
]


@pytest.fixture
def site(docs: Docs) -> Docs:
    docs.notebook(CELLS, OUTPUTS)
    return docs


def convert(docs: Docs, text: str, *more: Any, **options: Any) -> str:
    docs.write("posts/page.md", text)
    ours = NotebookEmbedExtension(library=docs.library, page="posts/page.md", **options)
    extensions = [*EXTENSIONS, *more, ours]
    return Markdown(extensions=extensions, extension_configs=CONFIGURATION).convert(text)


def check(docs: Docs, text: str) -> None:
    page = docs.write("posts/page.md", text)
    check_embeds(
        docs.library, page, "posts/page.md", lambda text: convert(docs, text, checking=True)
    )


def put(around: str, embed: str, number: int = 0) -> str:
    return around.replace("{n}", str(number)).format(embed)


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


@pytest.mark.parametrize("around", ALIVE)
def test_an_embed_is_found_with_its_line(site: Docs, around: str) -> None:
    text = "Words.\n\n" + put(around, BAD)
    for look in (convert, check):
        with pytest.raises(EmbedError, match="no cell labelled 'gone'") as error:
            look(site, text)
        assert error.value.line == line_of(text, BAD)


@pytest.mark.parametrize("rest", [":.2q", ":", ".nope"])
def test_a_label_that_is_embedded_twice_is_told_where_it_is_wrong(site: Docs, rest: str) -> None:
    right, wrong = "![](../nb/x.py#value)", f"![](../nb/x.py#value{rest})"
    for text in (
        f"a {right}\n\nb {right} and {wrong}",
        f"{wrong} a\n\n{right}",
        f"- {right}\n- {wrong}",
    ):
        with pytest.raises(EmbedError) as told:
            convert(site, text)
        assert told.value.line == line_of(text, wrong)


@pytest.mark.parametrize("around", DEAD)
def test_what_embeds_nothing_stops_nothing_and_stays_as_written(site: Docs, around: str) -> None:
    text = "Words.\n\n" + put(around, BAD) + "\n\nMore words.\n"
    check(site, text)
    html = convert(site, text)
    if "<!--" in around:  # Markdown itself makes an image of one in a sentence's comment
        assert put(around, BAD)[around.index("<!--") :].removesuffix(" b") in html
    else:
        assert html == without_embeds(text)
    assert "More words." in html


def without_embeds(text: str) -> str:
    return Markdown(extensions=EXTENSIONS, extension_configs=CONFIGURATION).convert(text)


AROUND = st.lists(st.sampled_from(DEAD), max_size=4)


@FUZZ
@given(before=AROUND, around=st.sampled_from(ALIVE), after=AROUND, front=st.booleans())
@example(before=["```\n{}\n```"], around="{}", after=["{}"], front=True)
def test_what_stands_around_an_embed_does_not_move_it(
    tmp_path_factory: Any, before: list[str], around: str, after: list[str], front: bool
) -> None:
    """The same text stands as code, comment, HTML and formula around the one that is an embed."""
    docs = shared(tmp_path_factory)
    blocks = [put(each, BAD, number) for number, each in enumerate(before)]
    blocks += [put(around, "MARK", 50)]
    blocks += [put(each, BAD, 60 + number) for number, each in enumerate(after)]
    text = "\n\nWords.\n\n".join(blocks)
    line = line_of(text, "MARK")
    text = text.replace("MARK", BAD)
    head = "---\ntitle: x\n---\n" if front else ""
    for checking in (False, True):
        docs.write("posts/page.md", head + text)
        ours = NotebookEmbedExtension(library=docs.library, page="posts/page.md", checking=checking)
        md = Markdown(extensions=[*EXTENSIONS, ours], extension_configs=CONFIGURATION)
        with pytest.raises(EmbedError, match="no cell labelled 'gone'") as error:
            md.convert(text)
        assert error.value.line == line + 3 * front


FORMULAS = [
    "{}",
    "a {} b",
    "a\nb {}",
    "# A {} b",
    "- a\n\n    - b {}",
    "> {}",
    "!!! note\n\n    a {}",
    "| a |\n|---|\n| {} |",
    "a[^{n}]\n\n[^{n}]: b {}",
    "**{}**",
    "$a$ {} $b$, $5",
]
WRITTEN = [r"$\bad{}$", r"\(\bad{}\)", r"$a \bad{} b$"]
DISPLAYED = ["$$\n\\bad{}\n$$", "$$\\bad{}$$", "\\[\n\\bad{}\n\\]", "$$\na\n\\bad{}\n$$"]


@pytest.mark.skipif(find_spec("blog_site") is None, reason="this blog's own package sets formulas")
@FUZZ
@given(
    before=st.lists(st.sampled_from([d for d in DEAD if "$" not in d]), max_size=3),
    formula=st.one_of(
        st.builds(put, st.sampled_from(FORMULAS), st.sampled_from(WRITTEN), st.just(50)),
        st.sampled_from(DISPLAYED),
    ),
)
def test_a_broken_formula_is_found_with_its_line(
    tmp_path_factory: Any, before: list[str], formula: str
) -> None:
    from blog_site.errors import SiteError

    docs = shared(tmp_path_factory)
    blocks = [put(each, r"$\bad{}$", number) for number, each in enumerate(before)]
    text = "\n\nWords.\n\n".join([*blocks, formula])
    start = len(text) - len(formula)
    opening = re.search(r"\$\$?|\\[(\[](?=\s*\\bad)", formula.replace("$a$", "___"))
    assert opening is not None
    line = text.count("\n", 0, start + opening.start()) + 1
    with pytest.raises(SiteError) as error:
        convert(docs, text, "blog_site.katex")
    named = re.search(r"page\.md:(\d+): ", str(error.value))
    assert named is not None, error.value
    assert line <= int(named[1]) <= line + 1, "of a displayed formula, its first line will do"


PIECES = st.sampled_from(
    [
        *("$", "$$", "$x$", "$$\n", "\\$", "\\[", "\\]", "\\(", "\\)", "\\begin{a}", "\\end{a}"),
        *(
            "`",
            "```\n",
            "~~~\n",
            "`#!python $x`",
            "<!--",
            "-->",
            "<div>",
            "</div>",
            "<a href='$b'>",
        ),
        *("[a](b.md#c)", "[a](b.py)", "](", "[", "]", "[^1]", "[^1]: ", "[a$x]: b.md", "*[A$B]: c"),
        *(
            "\n",
            "\n\n",
            "    ",
            "- ",
            "> ",
            "| ",
            "|---|\n",
            "# ",
            "!!! note\n    ",
            '=== "a"\n    ',
        ),
        *("5", "word", "*", "**", "_", '"', "'", "{ .a #b }", ": ", "::: a", "---\n", "\\", " "),
    ]
)


@settings(FUZZ, max_examples=many(400))
@given(text=st.lists(PIECES, max_size=16).map("".join))
@example("$]( $[a](b.md#c)")
@example("*]( *[a](b.md#c)")
@example('- [a$x]: b.md "a"\n    $x$[a$x]: b.md')
@example("a $5 and $6\n\n$x $ y$\n")
@example("[a](b.md) `[a](b.md)` <b title='[a](b.md)'>")
def test_stamps_change_nothing_of_a_page(text: str) -> None:
    stamped = Markdown(extensions=EXTENSIONS, extension_configs=CONFIGURATION)
    source_lines(stamped, formulas=True)
    stamped.reset()
    # In a sentence Markdown sets what is in a comment; here a comment stays as written.
    pages = [stamped.convert(text), without_embeds(text)]
    assert len({re.sub("<!--.*?-->", "<!-- -->", page, flags=re.S) for page in pages}) == 1


# Brackets that are none: in formulas and code, and escaped ones.
ODD_ALTS = [
    "The interval $[0, 1)$ shaded",
    r"Half open $[0, 1)$ and \(]a, b)\)",
    r"A \] and \[ and \) or \`",
    "A `]` and ``a ` ]``",
    "A `](` b",
    "A [nested] one",
    "A <!-- ] --> b",
    r"Ends \\",
]


@pytest.mark.parametrize("alt", ODD_ALTS)
@pytest.mark.parametrize("title", ["A caption.", "With `)` and $(0, 1]$"])
def test_an_embed_ends_where_markdown_s_own_image_does(site: Docs, alt: str, title: str) -> None:
    embed = f'![{alt}](../nb/x.py#figure "{title}")'
    html = convert(site, f"{embed}{{ .wide }}\n\n{embed}\n{embed}")
    assert re.findall(r'<figure[^>]* id="([^"]+)"', html) == [
        *("fig-figure", "fig-figure-2", "fig-figure-3"),
    ]
    assert html.count("<figcaption>") == 3
    assert "<p>" not in html


@pytest.mark.parametrize(
    "around",
    [
        *("{}", "A tick \\` and {} and \\`.", "`a\nb` {} `c`", "    ```\n\n{}\n\n    ```"),
        *("`<!--` {} `-->`", "\\\\`a` {} `b`", "a `` ` `` {} ` b"),
    ],
)
@pytest.mark.parametrize("alt", ["", *ODD_ALTS])
def test_the_notebook_of_every_embed_runs(docs: Docs, around: str, alt: str) -> None:
    docs.notebook(CELLS, OUTPUTS)
    docs.write("elsewhere/y.py", CELLS)
    check(docs, around.format(f"![{alt}](../elsewhere/y.py#value)"))
    assert "elsewhere/y.py" in docs.library.notebooks


@pytest.mark.parametrize("around", DEAD)
def test_a_notebook_that_nothing_embeds_does_not_run(docs: Docs, around: str) -> None:
    if around.startswith("a <!--"):
        pytest.skip("in a sentence's comment Markdown itself makes an image of one")
    docs.write("elsewhere/y.py", CELLS)
    check(docs, put(around, "![x](../elsewhere/y.py#value)"))
    assert not docs.library.notebooks


@pytest.mark.parametrize("link", ["See [](#fig-nope).", "[](#fig-nope)", "a [](#fig-nope)-b"])
def test_a_link_to_no_figure_is_found_with_its_line(site: Docs, link: str) -> None:
    text = f"![F](../nb/x.py#figure 'C')\n\nWords.\n\n{link}"
    with pytest.raises(EmbedError, match="'#fig-nope'") as error:
        convert(site, text, figures="Figure")
    assert error.value.line == 5


SNIPPET = "Snip\n\nmore ![x](../nb/x.py#gone) x\n"


@pytest.mark.parametrize("front", ["", "---\ntitle: x\n---\n"])
@pytest.mark.parametrize(
    ("text", "file", "line"),
    [
        ('# H\n\nAlpha\n\n--8<-- "snip.md"\n\nOmega', "snip.md", 3),
        ("# H\n\nAlpha\n\n--8<--\nfine.md\nsnip.md\n--8<--\n\nOmega", "snip.md", 3),
        ('# H\n\n--8<-- "outer.md"\n\nOmega', "snip.md", 3),
        ('# H\n\n!!! note\n\n    --8<-- "snip.md:3:3"\n', "snip.md", 3),
        ('# H\n\n--8<-- "fine.md"\n\nOmega ![x](../nb/x.py#gone)', "page.md", 5),
        ('# H\n\n![x](../nb/x.py#gone) y\n\n--8<-- "fine.md"\n--8<-- "fine.md"', "page.md", 3),
        ('--8<-- "fine.md"\n\n--8<-- "fine.md"\n\n- ![x](../nb/x.py#gone)', "page.md", 5),
        ('a\tb\n\n--8<-- "fine.md"\n\nc\td ![x](../nb/x.py#gone)', "page.md", 5),
    ],
)
def test_a_mistake_in_a_snippet_is_told_where_it_stands(
    site: Docs, text: str, file: str, line: int, front: str
) -> None:
    site.write("parts/snip.md", SNIPPET)
    site.write("parts/fine.md", "a\n\nb\n\n\nc\n")
    site.write("parts/outer.md", 'a\n\n--8<-- "snip.md"\n')
    site.write("posts/page.md", front + text)
    ours = NotebookEmbedExtension(library=site.library, page="posts/page.md")
    snippets = {"pymdownx.snippets": {"base_path": [str(site.root / "parts")]}}
    md = Markdown(
        extensions=[*EXTENSIONS, "pymdownx.snippets", ours],
        extension_configs=CONFIGURATION | snippets,
    )
    with pytest.raises(EmbedError, match="no cell labelled 'gone'") as error:
        md.convert(text)
    told = re.search(r"([\w.]+):(\d+): ", str(error.value))
    assert told is not None
    assert told[1] == file
    assert int(told[2]) == line + front.count("\n") * (file == "page.md")


class OwnDirective(BlockProcessor):
    """Reads ``:::`` wherever it begins a line, as mkdocstrings does."""

    SYNTAX = re.compile(r"^(?:#{1,6} *|)::: ?(.+?) *$", re.M)

    def __init__(self, parser: Any) -> None:
        super().__init__(parser)
        self.names: list[str] = []

    def test(self, parent: Any, block: str) -> bool:
        return bool(self.SYNTAX.search(block))

    def run(self, parent: Any, blocks: list[str]) -> None:
        block = blocks.pop(0)
        found = self.SYNTAX.search(block)
        assert found is not None
        self.parser.parseBlocks(parent, [block[: found.start()]])
        self.names.append(found[1])
        blocks.insert(0, block[found.end() :])


@pytest.mark.parametrize("priority", [75, 110])
def test_what_others_make_of_three_colons_is_theirs(site: Docs, priority: int) -> None:
    class Others(Extension):
        def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it so
            self.blocks = OwnDirective(md.parser)
            md.parser.blockprocessors.register(self.blocks, "others", priority)

    others = Others()
    text = (
        "::: a.b\n    options:\n      x: 1\n\nWords\n::: c.d\n\n## ::: e.f\n\n"
        "!!! note\n\n    ::: g.h\n\n- a\n\n    ::: i.j { .k }\n\n::: l ![](../nb/x.py#value)"
    )
    convert(site, text, others)
    *others_alone, last = others.blocks.names
    assert others_alone == ["a.b", "c.d", "e.f", "g.h", "i.j { .k }"]
    assert last.startswith("l ![](")


@pytest.mark.parametrize(
    "around", ["{}", "    {}\n\n{}", "```\n{}\n```\n\n{}", "- a\n\n        {}\n\n    {}", "> {}"]
)
def test_code_by_name_is_found_with_its_line(site: Docs, around: str) -> None:
    text = "Words.\n\n" + around.replace("{}", "::: gone.twice")
    with pytest.raises(EmbedError, match="there is no package 'gone'") as error:
        convert(site, text)
    assert error.value.line == text.count("\n") + 1


_shared: list[Docs] = []


def shared(factory: Any) -> Docs:
    if not _shared:
        _shared.append(Docs(factory.mktemp("lines") / "docs"))
        _shared[0].notebook(CELLS, OUTPUTS)
    return _shared[0]


def test_the_lines_of_a_page_are_compared_once_for_all_its_embeds(
    site: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []

    def changes(written: list[str], given: list[str]) -> list[snippets.Change]:
        compared.append(len(given))
        return []

    monkeypatch.setattr(snippets, "_changes", changes)
    convert(site, "\n\n".join(["Words ![](../nb/x.py#value) and words."] * 9))
    assert compared == [17]
