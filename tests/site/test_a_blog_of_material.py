"""What blogs of Material have beside posts: defaults of a folder, notebooks, templates, drafts."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.small_blog import Project, make_project

MKDOCS = """
site_name: Trial
use_directory_urls: false
theme: {name: material, font: false}
"""
DATE = "---\ndate: 2026-01-02\n---\n\n"
VALUE = "# %%\n#| label: a\n41 + 1\n"
FIGURE = """\
# %%
#| label: f
from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>')
"""
MYST = """\
---
kernelspec: {name: python3, display_name: Python}
---

# Beside

```{code-cell}
#| label: a
41 + 1
```
"""
# Stands for mkdocs-macros: the same engine, at the same moment.
TEMPLATES = """
import jinja2

def on_page_markdown(markdown, **more):
    return jinja2.Template(markdown).render()
"""


def blog(root: Path, more: str, posts: dict[str, str], notebooks: dict[str, str]) -> Project:
    files = {f"docs/notebooks/{name}": text for name, text in notebooks.items()}
    for name, text in posts.items():
        files[f"docs/blog/posts/{name}"] = text
    return make_project(root, {"mkdocs.yml": MKDOCS + more, "docs/index.md": "# T\n", **files})


def post(project: Project, name: str = "x") -> str:
    return project.page(f"blog/2026/01/02/{name}.html")


def test_defaults_of_a_folder_say_what_is_a_draft(tmp_path: Path) -> None:
    posts = {
        "x.md": f"{DATE}# X\n\nIt is ![](../../notebooks/v.py#a).\n",
        "drafts/.meta.yml": "draft: true\n",
        "drafts/y.md": f"{DATE}# Y\n\nIt is ![](../../../notebooks/unfinished.py#a).\n",
    }
    notebooks = {"v.py": VALUE, "unfinished.py": VALUE + "1 / 0\n"}
    project = blog(tmp_path, "plugins: [notebook-embed, blog, meta]\n", posts, notebooks)
    assert project.build().succeeded().executed == {"notebooks/v.py"}
    assert '<span class="nb-value">42</span>' in post(project)


def test_a_markdown_notebook_beside_its_post_is_no_post(tmp_path: Path) -> None:
    posts = {
        "x.md": f"{DATE}# X\n\nIt is ![](beside.md#a), [there](beside.md).\n",
        "beside.md": MYST,
        "embedded-by-nobody.md": MYST,
        "with-a-date.md": DATE.removesuffix("---\n\n") + MYST.removeprefix("---\n"),
    }
    project = blog(tmp_path, "plugins: [blog, notebook-embed]\n", posts, {})
    built = project.build().succeeded()
    assert built.executed == {"blog/posts/beside.md"}
    assert "posts/embedded-by-nobody.md: a notebook among posts that no page names" in built.output
    assert "beside.md: a notebook" not in built.output
    assert '<span class="nb-value">42</span>' in post(project)
    assert 'href="../../../posts/beside.html"' in post(project)
    assert "<h1" in project.page("blog/posts/beside.html")
    assert 'href="beside.ipynb" download' in project.page("blog/posts/beside.html")
    assert (project.root / "site/blog/posts/beside.ipynb").is_file()
    assert "<h1" in post(project, "beside")  # the one with a date is a post
    assert not list((project.root / "site").rglob("embedded-by-nobody*"))


def test_a_template_in_an_address_is_filled_in_before_it_is_looked_up(tmp_path: Path) -> None:
    text = (
        "{% for l in ['a'] %}It is ![](../../notebooks/v.py#{{ l }}).{% endfor %}\n\n"
        "![](../../notebooks/{{'v'}}.py#a)\n\n![](elsewhere.py#{{'a'}})\n"
    )
    posts = {"x.md": f"{DATE}# X\n\n{text}", "elsewhere.py": VALUE}
    more = "plugins: [blog, notebook-embed]\n"
    project = blog(tmp_path, f"{more}hooks: [templates.py]\n", posts, {"v.py": VALUE})
    project.write("templates.py", TEMPLATES)
    ran = project.build().succeeded().executed
    assert ran == {"notebooks/v.py", "blog/posts/elsewhere.py"}
    assert 'It is <span class="nb-value">42</span>.' in post(project)
    assert post(project).count('<pre tabindex="0">42</pre>') == 2

    project.write("mkdocs.yml", MKDOCS + more)
    line = project.line("docs/blog/posts/x.md", "{{'v'}}")
    project.build().failed(
        f"docs/blog/posts/x.md:{line}: the template in the address ",
        "{{'v'}}.py#a' is not filled in\n  mkdocs-macros",
    )


def test_a_figure_of_a_notebook_without_a_page_leads_nowhere(tmp_path: Path) -> None:
    embeds = '![A bar](../../notebooks/f.py#f "C")\n\n![A bar](beside.py#f "C")\n'
    posts = {"x.md": f"{DATE}# X\n\n{embeds}", "beside.py": FIGURE}
    more = "plugins: [blog, notebook-embed]\ndraft_docs: |\n  notebooks/\n  beside.py\n"
    project = blog(tmp_path, more, posts, {"f.py": FIGURE})
    project.build().succeeded()
    for page in (post(project), project.page("blog/index.html")):
        origins = re.findall(r"<figcaption><span>C</span> (.*?)</figcaption>", page)
        assert origins == [
            f'<span class="nb-figure__origin">{name}</span>' for name in ("F", "Beside")
        ]
    assert not list((project.root / "site").rglob("beside.html"))
    project.write("mkdocs.yml", project.page("../mkdocs.yml").replace("notebooks/", "none/"))
    project.build().succeeded()
    assert 'href="../../../../notebooks/f.html#f"' in post(project)
