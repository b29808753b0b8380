"""Front matter that would stop the build without a word of help, or be lost without any."""

from __future__ import annotations

from pathlib import Path

import yaml
from mkdocs.utils.meta import YAML_RE

from blog_site.errors import SiteError

__all__ = ["check_front_matter", "line_of"]

#: What must be text where it is given: templates, feeds and addresses are made of it.
TEXTS = ("title", "description", "goal")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former is many times as fast


def check_front_matter(file: Path) -> None:
    """Look at what a page's front matter says of it.

    Raises
    ------
    SiteError : the page cannot be read or is no UTF-8, its front matter no YAML, a text is none, or
        tags are no list of texts.
    """
    try:
        written = file.read_bytes()
    except OSError as error:
        raise SiteError(
            f"the page cannot be read: {error.strerror}; remove it, or mend the link", file=file
        ) from None
    try:
        text = written.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = written[: error.start].count(b"\n") + 1
        raise SiteError("no text in UTF-8; save it as UTF-8", file=file, line=line) from None
    if (found := YAML_RE.match(text)) is None:
        return
    loader = LOADER(found[1])
    try:
        root = loader.get_single_node()
        values = None if root is None else loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        raise SiteError(
            f"the front matter is no YAML: {problem}; put a text with a colon or a sign at its "
            "beginning into quotes",
            file=file,
            line=mark.line + 2 if mark else 1,
        ) from None
    if not isinstance(values, dict) or not isinstance(root, yaml.MappingNode):
        return
    for name in TEXTS:
        if name in values and not (isinstance(text := values[name], str) and text.strip()):
            raise SiteError(
                f"{name} must be text, not {text!r}; write it in quotes, or leave the line out",
                file=file,
                line=_line(root, name),
            )
    tags = values.get("tags")
    if tags is not None and not (
        isinstance(tags, list) and all(isinstance(tag, str) and tag.strip() for tag in tags)
    ):
        raise SiteError(
            f"tags must be a list of texts, [one, two], not {tags!r}; write a number in quotes",
            file=file,
            line=_line(root, "tags"),
        )


def line_of(file: Path, *names: str) -> int | None:
    """Find the line of a page's front matter where `names`, one within the other, stand.

    Of those that are there: the last. None where there is no such front matter.
    """
    try:
        found = YAML_RE.match(file.read_text("utf-8-sig"))
        root = LOADER(found[1]).get_single_node() if found else None
    except (OSError, ValueError, yaml.YAMLError):  # not as it was when the site was read
        return None
    return _line(root, *names)


def _line(node: yaml.Node | None, *names: str) -> int | None:
    line = None
    for name in names:
        if not isinstance(node, yaml.MappingNode):
            break
        found = [(key, value) for key, value in node.value if key.value == name]
        if not found:
            break
        key, node = found[-1]  # which YAML takes when there are several
        line = key.start_mark.line + 2
    return line
