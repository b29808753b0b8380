"""Check what a configuration file or a command asks of a model before it is built."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

__all__ = ["check_options"]


def check_options(
    name: str, options: Mapping[str, Any] | None, defaults: Mapping[str, Any]
) -> None:
    """Check that a model and its options exist.

    `defaults` maps the name of every model to its configuration, a dataclass, as it is by default.

    Raises
    ------
    ValueError
        For an unknown name or option.
    """
    if name not in defaults:
        raise ValueError(f"no model {name!r}; there are {', '.join(sorted(defaults))}")
    known = asdict(defaults[name])
    if unknown := sorted(set(options or {}) - set(known)):
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {known}")
