"""What mkdocs-jupyter is told to hide, and where it puts a notebook's source."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from notebook_embed.cell_options import Hidden

__all__ = ["hidden_by", "source_beside"]

# What its lists of tags mean in tags that everybody knows.
_MEANING = {
    "remove_cell_tags": "remove-cell",
    "remove_input_tags": "remove-input",
    "remove_all_outputs_tags": "remove-output",
}


def hidden_by(options: Mapping[str, Any]) -> Hidden:
    """Return what the options of mkdocs-jupyter hide in the notebooks that it shows."""
    removed = options.get("remove_tag_config") or {}
    tags = [
        (str(tag), meaning) for name, meaning in _MEANING.items() for tag in removed.get(name) or ()
    ]
    code = bool(options.get("no_input")) or options.get("show_input") is False
    return Hidden(code=code, tags=tuple(tags))


def source_beside(page: Path, uri: str) -> Path:
    """Return where the source of the notebook `uri` goes, beside the file of its `page`."""
    return page.parent / f"{posixpath.splitext(posixpath.basename(uri))[0]}.ipynb"
