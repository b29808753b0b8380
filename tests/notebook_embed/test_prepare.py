"""A site is prepared, and its posts rendered, by whoever builds it: no MkDocs here."""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import markdown
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from notebook_embed.errors import EmbedError
from notebook_embed.forks import let_go
from notebook_embed.markdown_extension import NotebookEmbedExtension
from notebook_embed.options import Options
from notebook_embed.prepare import Prepared, prepare

NOTEBOOK = """\
# %% [markdown]
# # Areas

# %%
#| label: area
from shapes import area
area(2)

# %%
#| label: square
from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect fill="#000"/></svg>')
"""
ELSEWHERE = "# %%\n#| label: word\n'elsewhere'\n"
POST = """\
The area is ![](../notebooks/areas.py#area), as said ![](../more/words.py#word).

![A black square](../notebooks/areas.py#square "A *square*.")
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prepared]:
    root = tmp_path_factory.mktemp("site")
    write(
        root,
        {
            "src/shapes.py": "def area(side):\n    return side * side\n",
            "docs/notebooks/areas.py": NOTEBOOK,
            "docs/more/words.py": ELSEWHERE,
            "docs/more/nobody.py": "raise SystemExit('nobody embeds this')\n",
            "docs/more/nobody.ipynb": "not even JSON",
            "docs/posts/one.md": POST,
        },
    )
    for name in ("src/.#shapes.py", "docs/notebooks/.#areas.py", "docs/posts/.#one.md"):
        (root / name).symlink_to("author@host.123")  # so Emacs locks a file
    return root, prepare(root, Options(code=("src",), dark={"#000": "#fff"}))


def test_one_post_is_rendered_with_the_extension_alone(site: tuple[Path, Prepared]) -> None:
    _, prepared = site
    extension = NotebookEmbedExtension(library=prepared.library, page="posts/one.md")
    html = markdown.markdown(POST, extensions=[extension])
    assert 'The area is <span class="nb-value">4</span>' in html
    assert 'as said <span class="nb-value">elsewhere</span>' in html
    assert "<em>square</em>" in html
    pictures = [name for name in prepared.files if name.startswith("figures/areas/square")]
    assert len(pictures) == 2
    assert all(f'src="../{name}"' in html for name in pictures)


@pytest.mark.parametrize("fences", [[], ["fenced_code"], ["pymdownx.superfences"]])
def test_code_is_code_whatever_the_site_makes_of_fences(
    site: tuple[Path, Prepared], fences: list[str]
) -> None:
    root, prepared = site
    text = "![](../notebooks/areas.py#area){ .source }\n\n::: shapes.area\n"
    extension = NotebookEmbedExtension(
        library=prepared.library, page="posts/one.md", code=[str(root / "src")]
    )
    html = markdown.markdown(text, extensions=[*fences, extension])
    code = [
        re.sub("<[^>]*>", "", block).strip() for block in re.findall("<pre.*?</pre>", html, re.S)
    ]
    assert code[0] == "from shapes import area\narea(2)"
    assert code[-1] == "def area(side):\n    return side * side"
    assert "shapes.py" in html
    assert "```" not in html


def test_a_site_takes_in_what_a_page_embeds_and_leaves_the_rest(
    site: tuple[Path, Prepared],
) -> None:
    root, prepared = site
    assert set(prepared.library.notebooks) == {"notebooks/areas.py", "more/words.py"}
    assert prepared.downloads["more/words.py"] == "more/words.ipynb"
    content = prepared.files["more/words.ipynb"]
    assert isinstance(content, bytes)
    assert b"elsewhere" in content
    assert (root / ".notebook-cache").is_dir()


def test_kernels_find_a_folder_for_what_ipython_keeps(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    prepare(tmp_path, Options())
    assert (tmp_path / ".cache/ipython").is_dir()  # else one outside of the project is left behind


def test_data_of_another_host_are_asked_for_in_each_build(tmp_path: Path) -> None:
    answers: list[bytes | None] = [None, b'[{"a": 1}]', b'[{"a": 2}]']
    asked = 0

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal asked
            answer, asked = answers[asked], asked + 1
            self.send_response(503 if answer is None else 200)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        chart = {"mark": "bar", "data": {"url": f"http://127.0.0.1:{host.server_port}/a.json"}}
        output = new_output("display_data", {"application/vnd.vegalite.v5+json": chart})
        cells = [new_code_cell(f"#| label: {name}\nx", outputs=[output]) for name in "ab"]
        (tmp_path / "docs/notebooks").mkdir(parents=True)
        nbformat.write(new_notebook(cells=cells), tmp_path / "docs/notebooks/chart.ipynb")
        shown = []
        for _ in answers:
            prepared = prepare(tmp_path, Options(execute="never"), keep_going=True)
            files = prepared.files.items()
            charts = [made for name, made in files if re.match(r"figures/chart/.*json$", name)]
            shown.append([str(json.loads(made)["data"]["spec"]["data"]) for made in charts])  # type: ignore[arg-type]
        host.shutdown()
    assert shown == [[], ["{'values': [{'a': 1}]}"] * 2, ["{'values': [{'a': 2}]}"] * 2]
    assert asked == 3, "a build asks once"


MADE = "# %%\\n#| label: n\\nprint({number})\\n"
MAKES = f"""# %%
from pathlib import Path
Path("made.py").write_text("{MADE}".replace("{{number}}", "0"))
Path("gone.py").unlink(missing_ok=True)
"""


def test_notebooks_that_another_writes_are_those_of_the_next_build(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "docs/notebooks/makes.py": MAKES,
            "docs/notebooks/gone.py": "# %%\n7\n",
            "docs/one.md": "![](notebooks/makes.py)\n",
        },
    )

    def shown() -> dict[str, bytes | Path]:
        made = prepare(tmp_path, Options())
        return {name: made.files[f"notebooks/{name}.ipynb"] for name in named(made)}

    def named(made: Prepared) -> list[str]:
        return [Path(uri).stem for uri in made.library.notebooks]

    first = shown()
    assert list(first) == ["made", "makes"]
    assert shown() == first
    write(tmp_path, {"docs/notebooks/makes.py": MAKES.replace('"0"', '"44"')})
    second = shown()
    assert b"print(44)" in second["made"]  # type: ignore[operator]
    assert shown() == second


def test_a_notebook_that_writes_another_anew_each_time_comes_to_an_end(tmp_path: Path) -> None:
    code = MAKES.replace('"0"', "str(__import__('time').time_ns())") + "\n# %%\n1 / 0\n"
    write(tmp_path, {"docs/notebooks/makes.py": code})
    made = prepare(tmp_path, Options(), keep_going=True)
    let_go()
    assert set(made.library.notebooks) == {"notebooks/made.py", "notebooks/makes.py"}
    assert set(made.library.failed) == {"notebooks/makes.py"}


def test_what_an_earlier_version_kept_elsewhere_is_gone_on_with(tmp_path: Path) -> None:
    write(tmp_path, {"docs/words.py": ELSEWHERE, "docs/one.md": "![](words.py#word)\n"})
    prepare(tmp_path, Options(cache=".cache/notebooks"))
    (kept,) = (tmp_path / ".cache/notebooks").glob("*.executed")
    number = kept.stat().st_ino
    prepare(tmp_path, Options())
    (there,) = (tmp_path / ".notebook-cache").glob("*.executed")
    assert (there.name, there.stat().st_ino) == (kept.name, number)
    assert not kept.exists()


def test_a_page_shows_notebooks_by_the_urls_that_the_builder_gives_them(
    site: tuple[Path, Prepared],
) -> None:
    root, _ = site
    again = prepare(
        root, Options(code=("src",)), pages={}, url=lambda uri: uri.removesuffix(".py") + "/"
    )
    assert again.library.pages == {"notebooks/areas.py": "notebooks/areas/"}


def test_a_reference_is_judged_by_the_sites_own_markdown(tmp_path: Path) -> None:
    indented = "Code:\n\n    ![](../more/words.py#word)\n    ![](../more/gone.py#word)\n"
    write(tmp_path, {"docs/more/words.py": ELSEWHERE, "docs/posts/one.md": indented})

    def check(library, uri, text):
        extension = NotebookEmbedExtension(library=library, page=uri, checking=True)
        markdown.markdown(text, extensions=[extension])

    assert not prepare(tmp_path, Options(), check=check).library.notebooks
    (tmp_path / "docs/posts/one.md").write_text(indented + "\nA ![](../more/gone.py#word).\n")
    with pytest.raises(EmbedError, match=r"one\.md:6: there is no notebook '../more/gone\.py'"):
        prepare(tmp_path, Options(), check=check)


def test_nothing_of_it_imports_mkdocs() -> None:
    import subprocess

    program = (
        "import sys, notebook_embed.prepare, notebook_embed.markdown_extension;"
        "sys.exit(any(name.split('.')[0] in ('mkdocs', 'mkdocs_jupyter') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_what_cannot_be_read_stops_only_the_pages_that_show_it(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "notebooks").mkdir(parents=True)
    (docs / "notebooks/broken.ipynb").write_text("{")
    (docs / "notebooks/words.py").write_text("# %% [markdown]\n# # Words\n")
    page = "A ![](notebooks/broken.ipynb#v) b.\n\n![F](notebooks/broken.ipynb#f)\n\n![](notebooks/words.py)\n"
    (docs / "index.md").write_text(page)
    with pytest.raises(EmbedError, match=r"broken\.ipynb:1: malformed notebook"):
        prepare(tmp_path, Options())
    library = prepare(tmp_path, Options(), keep_going=True).library
    assert library.failed.keys() == {"notebooks/broken.ipynb"}
    extension = NotebookEmbedExtension(library=library, page="index.md")
    html = markdown.markdown(page, extensions=[extension])
    assert "(Broken failed)" in html
    assert "malformed notebook" in html.partition("<pre")[2]
    assert "Words</h2>" in html


def test_data_of_stored_charts_are_those_of_now(tmp_path: Path) -> None:
    spec = {"mark": "bar", "data": {"url": "d.json"}}
    shown = new_output("display_data", {"application/vnd.vegalite.v5+json": spec})
    node = new_notebook(cells=[new_code_cell("x", outputs=[shown])])
    node.metadata.update(execute="never", kernelspec={"name": "python3", "display_name": "P"})
    write(tmp_path, {"docs/notebooks/x.ipynb": nbformat.writes(node)})
    for value in ("first", "other"):  # as a server does, in one process
        write(tmp_path, {"docs/notebooks/d.json": json.dumps([{"a": value}])})
        made = prepare(tmp_path, Options())
        assert tmp_path / "docs/notebooks/d.json" in made.loaded
        contents = [one for one in made.files.values() if isinstance(one, bytes)]
        assert any(f'"{value}"'.encode() in one for one in contents)
