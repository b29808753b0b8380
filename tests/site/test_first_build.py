"""The first build of a site is as good as the second, and feeds read as pages do."""

from __future__ import annotations

import re
from html import unescape

from workbench.small_blog import Project

AREAS, POST = "docs/notebooks/areas.py", "docs/posts/circles.md"
DRAWS = """\
from pathlib import Path
Path("made.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"/>')
"""
FEEDS = """\
  - rss:
      use_git: false
      match_path: posts/.*
      date_from_meta: {as_creation: date}
      cache_dir: .cache/rss
  - search
"""


def test_what_a_notebook_writes_is_in_the_first_site_too(project: Project) -> None:
    project.change("mkdocs.yml", "site_name", "strict: true\nsite_name")
    project.change("mkdocs.yml", "  - search\n", FEEDS)
    project.change("mkdocs.yml", "use_directory_urls: false", "use_directory_urls: true")
    project.change(AREAS, "# How large a circle is.", "# ![made](made.svg)")
    project.change(AREAS, "x = 1", DRAWS)
    project.change(
        POST,
        "The area is",
        "[Made](../notebooks/made.svg) [here](../notebooks/areas.py). The area is",
    )
    project.build().succeeded()
    first = project.tree("site")
    assert "notebooks/made.svg" in first
    project.build().succeeded()
    assert project.tree("site") == first

    feed = unescape(project.page("feed_rss_created.xml"))
    assert '<span class="nb-value">27.0</span>' in feed
    assert ".py" not in feed
    assert "../" not in feed
    origin = re.search(
        r'nb-figure__origin" href="([^"]*)"', project.page("2026/01/02/circles/index.html")
    )
    assert origin is not None
    assert origin[1] == "../../../../notebooks/areas/#picture"
