"""Start a post: ``make new-post TITLE="Attention in colour"``.

The title comes through the environment, which no shell reads: any characters will do.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path

import yaml
from pymdownx.slugs import slugify

__all__ = ["new_post"]

TEXT = """\
---
title: {title}
date:
  created: {today}
slug: {slug}
description: >-
  One or two sentences for lists, feeds and previews.
tags:
  - attention
draft: true # shown by `make serve`, left out by `make site`
---

The question that this post answers, in a few sentences. Lists of posts show them.

<!-- more -->

## First section
"""


def new_post(title: str, *, posts: Path, today: date) -> Path:
    """Write a draft with the front matter that a post needs, and return its path.

    Raises
    ------
    ValueError : the title is empty, or holds no letter or digit.
    FileExistsError : a post of that name is there; it is left alone.
    """
    title = " ".join(title.split())
    slug = slugify(case="lower")(title, "-").strip("-_")
    if not slug:
        raise ValueError('a post needs a title: make new-post TITLE="Attention in colour"')
    path = posts / f"{slug}.md"
    text = TEXT.format(title=_quoted(title), slug=_quoted(slug), today=today.isoformat())
    posts.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def _quoted(text: str) -> str:
    """Return `text` as a YAML string, also where it looks like a number or holds a colon."""
    return str(yaml.dump(text, default_style='"', allow_unicode=True, width=sys.maxsize)).strip()


def main() -> None:
    try:
        path = new_post(os.environ.get("TITLE", ""), posts=Path("docs/posts"), today=date.today())
    except ValueError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}; nothing was written")
    print(f"{path}: write it, then take out the line 'draft: true'")


if __name__ == "__main__":
    main()
