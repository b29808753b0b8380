"""Edits of a blog, one after the other, as an author makes them in an hour: good ones and bad."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["Changes", "Edits"]

#: What files below the blog's folder shall hold; None: they go.
Changes = dict[str, str | None]

MODULE = "code/walked.py"
NEW_POST = """\
---
title: New post {number}
date: 2026-03-{day:02d}
description: Written on the way.
---

It began with the number {number}.

<!-- more -->

## More of {number}
"""
NEW_NOTEBOOK = """\
# %% [markdown]
# # Walked {number}

# %%
#| label: value
{number} + 1

# %%
#| label: more
print("more", {number})
"""
EMBED = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\.(?:py|ipynb)(?:#[^)\n]*)?\)(?:\{[^}\n]*\})?")
PLAIN = re.compile(r"[A-Z][a-z ]+\b")


class Edits:
    """Draws edits of the blog in `root` with `chance`.

    `run` names notebooks whose code may change, for they run in a moment. What was broken is kept
    in `broken` by the walk that finds it so, and mended by one of the next edits.
    """

    def __init__(self, root: Path, chance: random.Random, run: list[str]) -> None:
        self.root, self.chance, self.run = root, chance, run
        self.number = 0
        self.broken: list[Changes] = []
        self.kinds: list[tuple[int, Callable[[], Changes | None]]] = [
            (30, self.word),
            (8, self.heading),
            (8, self.embed),
            (5, self.embed_gone),
            (6, self.code_of_page),
            (6, self.code_of_notebook),
            (4, self.prose_of_notebook),
            (4, self.module),
            (10, self.front_matter),
            (3, self.draft),
            (4, self.new_post),
            (3, self.new_notebook),
            (3, self.renamed),
            (3, self.removed),
            (2, self.configuration),
            (2, self.template),
            (4, self.touched),
            (3, self.two_at_once),
            (3, self.wrong_label),
            (2, self.wrong_front_matter),
            (2, self.wrong_link),
            (2, self.wrong_cell),
            (1, self.wrong_configuration),
        ]

    def draw(self) -> tuple[str, Changes]:
        """Return the next edit and its name."""
        self.number += 1
        if self.broken and self.chance.random() < 0.6:
            return "mended", self.broken.pop()
        while True:
            weights = [weight for weight, _ in self.kinds]
            (kind,) = self.chance.choices([kind for _, kind in self.kinds], weights)
            if changes := kind():
                return kind.__name__.replace("_", " "), changes

    def undoing(self, changes: Changes) -> Changes:
        """Return what undoes an edit that is not made yet."""
        return {name: self._text(name) for name in changes}

    # What there is.

    def _text(self, name: str) -> str | None:
        path = self.root / name
        return path.read_text("utf-8") if path.is_file() else None

    def _read(self, name: str) -> str:
        return (self.root / name).read_text("utf-8")

    def _below(self, folder: str, *suffixes: str) -> list[str]:
        found = sorted((self.root / folder).rglob("*"))
        return [path.relative_to(self.root).as_posix() for path in found if path.suffix in suffixes]

    def _made(self) -> list[str]:
        """Name the pages and notebooks that the walk has made and that are there."""
        return [name for name in self._below("docs", ".md", ".py") if "/walked-" in name]

    def _page(self) -> str:
        """Choose a page, most often a post."""
        posts = self._below("docs/posts", ".md")
        pages = self._below("docs", ".md")
        return self.chance.choice(posts if self.chance.random() < 0.75 else pages)

    def _paragraphs(self, text: str) -> list[int]:
        """Return where lines of running text begin, behind blank lines and out of code."""
        found, at, fence, blank = list[int](), 0, False, False
        body = re.match(r"---\n.*?\n---\n", text, re.S)
        start = body.end() if body else 0
        for line in text.splitlines(keepends=True):
            fence ^= line.lstrip().startswith(("```", "~~~"))
            if blank and not fence and at >= start and PLAIN.match(line):
                found.append(at)
            blank = not line.strip()
            at += len(line)
        return found

    def _before_a_paragraph(self, name: str, what: str) -> Changes | None:
        text = self._read(name)
        if not (places := self._paragraphs(text)):
            return None
        at = self.chance.choice(places)
        return {name: text[:at] + what + text[at:]}

    def _insert(self, name: str, block: str) -> Changes | None:
        return self._before_a_paragraph(name, f"{block}\n\n")

    # What authors do.

    def word(self) -> Changes | None:
        return self._before_a_paragraph(self._page(), f"Word{self.number} ")

    def heading(self) -> Changes | None:
        name = self._page()
        if self.chance.random() < 0.4:
            return self._insert(name, f"## Heading {self.number}")
        text = self._read(name)
        headings = [found.end() for found in re.finditer(r"^##+ [^{\n]*[a-z]$", text, re.M)]
        if not headings:
            return None
        at = self.chance.choice(headings)
        return {name: f"{text[:at]} and {self.number}{text[at:]}"}

    def embed(self) -> Changes | None:
        """Embed once more what a page of the same folder embeds."""
        name = self._page()
        folder = Path(name).parent.as_posix()
        beside = [page for page in self._below(folder, ".md") if Path(page).parent == Path(folder)]
        found = EMBED.findall(self._read(self.chance.choice(beside)))
        if not found:
            return None
        embed = self.chance.choice(found)
        return self._insert(name, f"So it is {embed}." if embed.startswith("![](") else embed)

    def embed_gone(self) -> Changes | None:
        name = self._page()
        text = self._read(name)
        if not (found := list(EMBED.finditer(text))):
            return None
        one = self.chance.choice(found)
        return {name: f"{text[: one.start()]}gone{text[one.end() :]}"}

    def code_of_page(self) -> Changes | None:
        name = self._page()
        if self.chance.random() < 0.4 and (self.root / MODULE).is_file():
            return self._insert(name, "::: walked.square")
        return self._insert(name, f"```python\nprint({self.number})\n```")

    def code_of_notebook(self) -> Changes | None:
        if not (names := self._notebooks_to_run()):
            return None
        name = self.chance.choice(names)
        text = self._read(name)
        if self.chance.random() < 0.5:
            return {name: f"{text}\n# %%\nprint('cell', {self.number})\n"}
        starts = [found.end() for found in re.finditer(r"^# %%\n(?:#\|.*\n)*", text, re.M)]
        at = self.chance.choice(starts)
        return {name: f"{text[:at]}# Line {self.number}.\n{text[at:]}"}

    def _notebooks_to_run(self) -> list[str]:
        made = [name for name in self._made() if name.endswith(".py")]
        return [name for name in [*self.run, *made] if (self.root / name).is_file()]

    def prose_of_notebook(self) -> Changes | None:
        if not (names := self._below("docs/notebooks", ".py")):
            return None
        name = self.chance.choice(names)
        text = self._read(name)
        starts = [found.end() for found in re.finditer(r"^# (?=[A-Z][a-z]+ )", text, re.M)]
        if not starts:
            return None
        at = self.chance.choice(starts)
        return {name: f"{text[:at]}Prose{self.number} {text[at:]}"}

    def module(self) -> Changes | None:
        return {MODULE: f"def square(x):\n    return x * x  # {self.number}\n"}

    def front_matter(self) -> Changes | None:
        name = self._page()
        text = self._read(name)
        kinds = [
            (r"^title: .*", f"title: Title {self.number}"),
            (r"^description: .*", f"description: What {self.number} tells."),
            (r"^date: \d.*", f"date: 2026-02-{self.number % 28 + 1:02d}"),
            (r"^tags: .*", f"tags: [attention, tag{self.number % 5}]"),
        ]
        pattern, line = self.chance.choice(kinds)
        changed = re.sub(pattern, line, text, count=1, flags=re.M)
        return {name: changed} if changed != text else None

    def draft(self) -> Changes | None:
        posts = [name for name in self._made() if name.endswith(".md")]
        if not posts:
            return None
        name = self.chance.choice(posts)
        text = self._read(name)
        if "\ndraft: true" in text:
            return {name: text.replace("\ndraft: true", "")}
        return {name: text.replace("\ndate:", "\ndraft: true\ndate:", 1)}

    def new_post(self) -> Changes | None:
        name = f"docs/posts/walked-{self.number}.md"
        return {name: NEW_POST.format(number=self.number, day=self.number % 28 + 1)}

    def new_notebook(self) -> Changes | None:
        """Write a notebook, and embed it in the same go."""
        name = f"docs/notebooks/walked-{self.number}.py"
        posts = self._below("docs/posts", ".md")
        address = f"../notebooks/walked-{self.number}.py#value"
        embeds = self._insert(self.chance.choice(posts), f"It is ![]({address}).")
        return {name: NEW_NOTEBOOK.format(number=self.number), **(embeds or {})}

    def renamed(self) -> Changes | None:
        """Rename a page or a notebook; it may be that others link to it."""
        made = self._made()
        name = self.chance.choice(made) if made else ""
        if not name or self.chance.random() < 0.3:
            name = self._page()
        path = Path(name)
        new = path.with_stem(f"{path.stem}-{self.number}").as_posix()
        return {new: self._read(name), name: None}

    def removed(self) -> Changes | None:
        made = self._made()
        if not made or self.chance.random() < 0.2:
            return {self._page(): None}
        return {self.chance.choice(made): None}

    def configuration(self) -> Changes | None:
        text = self._read("mkdocs.yml")
        return {"mkdocs.yml": re.sub("(?m)^site_name: .*", f"site_name: Walk {self.number}", text)}

    def template(self) -> Changes | None:
        found = self._below("assets/theme/partials", ".html")
        if not found:
            return None
        name = self.chance.choice(found)
        return {name: f"{self._read(name)}\n<!-- {self.number} -->\n"}

    def touched(self) -> Changes | None:
        """Save a file as it is."""
        name = self.chance.choice([self._page(), *self._below("docs/notebooks", ".py")])
        return {name: self._read(name)}

    def two_at_once(self) -> Changes | None:
        both = [self.chance.choice([self.word, self.heading, self.front_matter])() for _ in "12"]
        return {name: text for one in both for name, text in (one or {}).items()} or None

    def wrong_label(self) -> Changes | None:
        name = self._page()
        text = self._read(name)
        if not (found := list(re.finditer(r"\.py#(?=[a-z])", text))):
            return None
        at = self.chance.choice(found).end()
        return {name: f"{text[:at]}x{text[at:]}"}

    def wrong_front_matter(self) -> Changes | None:
        name = self.chance.choice(self._below("docs/posts", ".md"))
        text = self._read(name)
        return {name: re.sub(r"^date: .*", "date: [", text, count=1, flags=re.M)}

    def wrong_link(self) -> Changes | None:
        return self._insert(self._page(), f"Look [there](nowhere-{self.number}.md).")

    def wrong_cell(self) -> Changes | None:
        if not (names := self._notebooks_to_run()):
            return None
        name = self.chance.choice(names)
        wrong = self.chance.choice(["1 / 0", "x = = 1", "import nothing_of_the_name"])
        return {name: f"{self._read(name)}\n# %%\n{wrong}\n"}

    def wrong_configuration(self) -> Changes | None:
        return {"mkdocs.yml": self._read("mkdocs.yml") + "\nno_such_option: 1\n"}
