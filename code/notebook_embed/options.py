"""What a site may set: every option with its type, its default and what it means.

This is the one place. MkDocs' configuration, the check of what is given and the table in the
documentation are made from it. To add an option, add a field with `option`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from notebook_embed.errors import EmbedError, nearest

__all__ = ["OptionRow", "Options", "checked", "option", "option_table"]


def option(default: Any, about: str) -> Any:
    """Declare an option: a field with its default, and a sentence or two in Markdown about it."""
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"about": about})
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a site may set; paths are relative to the folder of ``mkdocs.yml``."""

    notebooks: str = option(
        "notebooks",
        "Folder below `docs_dir`. Its notebooks run and get a page each, embedded or not. "
        "Notebooks elsewhere run where a page embeds them, else they are left alone.",
    )
    code: tuple[str, ...] = option(
        ("code",),
        "Folders with modules of your own. Notebooks can import them, a changed module runs those "
        "that do, and pages can show their code by name. They need not be there.",
    )
    requirements: str = option(
        "requirements.txt",
        "File that pins packages. A changed pin runs the notebooks that import the package. It "
        "need not be there; then the installed versions count alone.",
    )
    inputs: tuple[str, ...] = option(
        (), "Files or patterns that every notebook depends on, such as a style sheet of figures."
    )
    cache: str = option(
        ".notebook-cache",
        "Folder in which executed notebooks are kept; not in `.cache`, which other tools empty.",
    )
    kernel_environment: Mapping[str, str | float | bool] = option(
        {}, "Environment variables for kernels. `{root}` stands for the folder of `mkdocs.yml`."
    )
    pass_environment: tuple[str, ...] = option(
        (),
        "Names of variables of the author's own environment that kernels get too, such as a token. "
        "Their values are in no cache and no page.",
    )
    timeout: float = option(
        600, "Seconds that a cell may take where it does not say itself; `-1` for no limit."
    )
    jobs: int = option(0, "Notebooks that run at a time; `0` for as many as the machine has cores.")
    scheduler: str = option(
        "", "Address of a Dask scheduler whose workers run the notebooks, instead of this machine."
    )
    forks: bool = option(
        False,
        "Start kernels with their imports done, where several notebooks import the same (Linux). "
        "For packages that do not look around while they are imported.",
    )
    execute: Literal["always", "auto", "never"] = option(
        "always",
        "When notebooks run: `always`, unless the cache has the result; `auto`, where they have no "
        "outputs of their own or their code has changed since; `never`, and the outputs that they "
        "have are shown. A notebook may say so itself.",
    )
    dark: Mapping[str, str] = option(
        {},
        "Colours of SVG figures on light pages, each with the colour that takes its place on dark "
        "ones. A figure that uses one of them gets a dark twin.",
    )
    views: Mapping[str, str] = option(
        {}, "Scripts that draw figures of your own, by the name that notebooks give them."
    )
    sanitise: bool = option(
        False,
        "Whether notebooks are of others: HTML that cells put out is stripped of scripts, handlers "
        "of events, styles and frames, and HTML in Markdown is text. It needs the package `nh3`.",
    )
    number_figures: str = option(
        "",
        "The word that figures with a caption are numbered by on each page, such as `Figure`; a "
        "link without words to one, `[](#fig-label)`, then reads *Figure 3*. Empty for no numbers.",
    )
    launch: Mapping[str, str] = option(
        {},
        "Where a notebook can be run elsewhere: what the link on its page says, and its address. "
        "In it `{path}` is the notebook's path from the folder of `mkdocs.yml`, and `{url}` the "
        "address of its executed form on this site.",
    )
    watch: tuple[str, ...] = option(
        (), "Further files and folders whose change builds the site again while it is served."
    )

    @classmethod
    def read(cls, given: Mapping[str, object], file: str = "mkdocs.yml") -> Options:
        """Check options that an author has written.

        Raises
        ------
        EmbedError : an option is unknown, or has a value of another type.
        """
        known = {row.name for row in fields(cls)}
        values = {}
        for name, value in given.items():
            if name not in known:
                raise EmbedError(
                    f"there is no option '{name}'", file=file, remedy=nearest(str(name), known)
                )
            try:
                values[name] = checked(name, value)
            except ValueError as error:
                raise EmbedError(str(error), file=file) from error
        return cls(**values)


@dataclass(frozen=True)
class OptionRow:
    """An option as the documentation's table shows it; `default` is YAML."""

    name: str
    kind: str
    default: str
    about: str


def option_table() -> list[OptionRow]:
    """List all options in the order in which they are declared."""
    return [
        OptionRow(
            one.name, _in_words(_types()[one.name]), _yaml(_default(one)), one.metadata["about"]
        )
        for one in fields(Options)
    ]


def checked(name: str, value: object) -> Any:
    """Return the value of the option `name`: lists as tuples, mappings as they are.

    Raises
    ------
    ValueError : it has another type than the option.
    """
    wanted = _types()[name]
    if value is None:  # a key with nothing behind it
        return _default(next(one for one in fields(Options) if one.name == name))
    if isinstance(value, list | tuple) and get_origin(wanted) is tuple:
        value = tuple(value)
    if not _fits(value, wanted):
        raise ValueError(f"the option '{name}' takes {_in_words(wanted)}, not {value!r}")
    if name in _BOUNDS and not _BOUNDS[name][0](value):
        raise ValueError(f"the option '{name}' takes {_BOUNDS[name][1]}, not {value!r}")
    return value


def _is_below(path: str) -> bool:
    """Tell whether a path leads nowhere but down."""
    whole = path.replace("\\", "/")
    return not re.match(r"/|[A-Za-z]:", whole) and ".." not in whole.split("/")


def _are_variables(given: Mapping[str, object]) -> bool:
    names = all(name and not set(name) & set("=\0") for name in given)
    return names and not any("\0" in str(value) for value in given.values())


# What a value has to be beside its type: a test, and the same in words.
_BOUNDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "notebooks": (_is_below, "a folder below docs_dir"),
    "timeout": (lambda seconds: seconds > 0 or seconds == -1, "seconds above 0, or -1"),
    "jobs": (lambda many: many >= 0, "0 or more"),
    "kernel_environment": (_are_variables, "names without '=' and values without NUL"),
    "dark": (lambda colours: all(colours), "colours that are not empty"),
}


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(Options)


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _fits(value: object, wanted: Any) -> bool:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return value in parts
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items()
        )
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


_WORDS = {str: "a text", float: "a number", int: "a whole number", bool: "true or false"}
_MANY = {str: "texts", float: "numbers", int: "whole numbers"}


def _in_words(wanted: Any) -> str:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts))
    if origin is tuple:
        return f"a list of {_MANY[parts[0]]}"
    if origin is Mapping:
        return f"a mapping of {_MANY[parts[0]]}" + (
            " to texts" if parts[1] is str else " to values"
        )
    if origin in (Union, types.UnionType):
        return " or ".join(_in_words(part) for part in parts)
    return _WORDS[wanted]


def _yaml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else '""'
