"""How to cite a post: a sentence and a BibTeX entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

__all__ = ["Citation", "cite"]

# Of BibTeX's special characters these occur in titles and names; an address stands to the letter.
_ESCAPES = str.maketrans({"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$"})


@dataclass(frozen=True, kw_only=True)
class Citation:
    text: str
    bibtex: str


def cite(*, title: str, author: str, site: str, published: date, url: str, slug: str) -> Citation:
    """Return the citation of one post; `author` is a person's or a group's name as printed."""
    fields = {
        # Inner braces keep the capitals, and a group's name in one piece.
        "title": f"{{{title.translate(_ESCAPES)}}}",
        "author": f"{{{author.translate(_ESCAPES)}}}",
        "journal": site.translate(_ESCAPES),
        "year": str(published.year),
        "month": published.strftime("%b").lower(),
        "url": url,
    }
    width = max(map(len, fields))
    lines = [
        f"  {name:<{width}} = {value if name == 'month' else '{' + value + '}'},"
        for name, value in fields.items()
    ]
    return Citation(
        text=f"{author}. “{title}.” {site}, {published.day} {published:%B %Y}. {url}",
        bibtex="\n".join([f"@article{{{slug}-{published.year},", *lines, "}"]),
    )
