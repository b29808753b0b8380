"""Options have one place: what is given is checked there, and the table shows what is there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_embed.errors import EmbedError
from notebook_embed.options import Options, option_table
from tests.support.fuzz import many


def test_options_of_yaml_are_taken() -> None:
    given = {"code": ["src", "lib"], "timeout": 5, "dark": {"#000": "#fff"}, "jobs": 3}
    options = Options.read(given | {"kernel_environment": {"DEBUG": True, "SIZE": 3}})
    assert options.code == ("src", "lib")
    assert options.timeout == 5
    assert options.dark == {"#000": "#fff"}
    assert options.inputs == Options().inputs == ()


def test_a_key_with_nothing_behind_it_is_the_default() -> None:
    assert Options.read({"code": None, "views": None}) == Options()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"notebook": "nb"}, "there is no option 'notebook'"),
        ({"notebook": "nb"}, "Did you mean 'notebooks'"),
        ({"jobs": "two"}, "the option 'jobs' takes a whole number, not 'two'"),
        ({"jobs": True}, "the option 'jobs' takes a whole number, not True"),
        ({"jobs": 1.5}, "the option 'jobs' takes a whole number, not 1.5"),
        ({"code": "src"}, "the option 'code' takes a list of texts, not 'src'"),
        ({"inputs": [1]}, "the option 'inputs' takes a list of texts, not (1,)"),
        ({"dark": ["#000"]}, "the option 'dark' takes a mapping of texts to texts"),
        ({"views": {"a": 1}}, "the option 'views' takes a mapping of texts to texts"),
        ({"jobs": -3}, "the option 'jobs' takes 0 or more, not -3"),
        ({"timeout": 0}, "the option 'timeout' takes seconds above 0, or -1, not 0"),
        ({"timeout": -2}, "the option 'timeout' takes seconds above 0, or -1, not -2"),
        ({"timeout": float("nan")}, "the option 'timeout' takes seconds above 0, or -1, not nan"),
        ({"notebooks": "../nb"}, "the option 'notebooks' takes a folder below docs_dir"),
        ({"notebooks": "/nb"}, "the option 'notebooks' takes a folder below docs_dir"),
        ({"notebooks": "a\\..\\..\\b"}, "the option 'notebooks' takes a folder below docs_dir"),
        ({"notebooks": "C:nb"}, "the option 'notebooks' takes a folder below docs_dir"),
        ({"kernel_environment": {"A=B": 1}}, "takes names without '='"),
        ({"kernel_environment": {"": 1}}, "takes names without '='"),
        ({"kernel_environment": {"A": "b\0"}}, "values without NUL"),
        ({"dark": {"": "#fff"}}, "the option 'dark' takes colours that are not empty"),
    ],
)
def test_what_is_no_option_or_no_value_of_one_is_named(given: dict, message: str) -> None:
    with pytest.raises(EmbedError, match=re.escape(message)) as caught:
        Options.read(given)
    assert str(caught.value).startswith("mkdocs.yml: ")


# What YAML makes of a value.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=5,
)


@settings(max_examples=many(60), deadline=None)
@given(st.dictionaries(st.sampled_from([one.name for one in fields(Options)]), VALUES))
def test_any_options_are_taken_or_named(given: dict) -> None:
    try:
        options = Options.read(given)
    except EmbedError as error:
        assert any(f"the option '{name}' takes " in str(error) for name in given)
    else:
        assert options.jobs >= 0
        assert options.timeout > 0 or options.timeout == -1
        assert all(isinstance(name, str) for name in (*options.code, *options.dark))


def test_every_option_is_described() -> None:
    table = option_table()
    assert [row.name for row in table] == [one.name for one in fields(Options)]
    for row in table:
        assert row.about.endswith("."), row
        assert row.kind, row
    assert next(row for row in table if row.name == "code").default == "[code]"


def test_mkdocs_has_the_same_options(tmp_path: Path) -> None:
    plugin = pytest.importorskip("notebook_embed.mkdocs_plugin")
    config = plugin.NotebookEmbedConfig()
    config.load_dict({"timeout": "soon", "jobs": 2})
    errors, warnings = config.validate()
    assert [(name, str(error)) for name, error in errors] == [
        ("timeout", "the option 'timeout' takes a number, not 'soon'")
    ]
    assert not warnings
    assert Options(**dict(plugin.NotebookEmbedConfig())) == Options()


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        (
            [{"notebook-embed": {"timout": 3}}],
            "there is no option 'timout'\n  Did you mean 'timeout'",
        ),
        ([{"notebook-embed": {"cache": "docs/kept"}}], "the cache 'docs/kept' lies in the docs"),
        ([{"notebook-embed": {"cache": "."}}], "the cache '.' is the project's own folder"),
        ([{"notebook-embed": {"cache": ".."}}], "the cache '..' is the project's own folder, or"),
        (["notebook-embed", "notebook-embed"], "'notebook-embed' stands twice"),
        (["notebook-embed"], "holds .cache, which builds keep"),
        (["notebook-embed"], "holds .notebook-cache, which builds keep"),
        ([{"notebook-embed": {"cache": "kept/here"}}], "holds kept/here, which builds keep"),
    ],
)
def test_a_build_refuses_what_mkdocs_lets_pass(tmp_path: Path, plugins: list, message: str) -> None:
    held = re.match(r"holds (.*), which", message)
    site = held[1] if held else "site"
    load = pytest.importorskip("mkdocs.config").load_config
    (tmp_path / "docs").mkdir()
    file = tmp_path / "mkdocs.yml"
    file.write_text("site_name: T\n", "utf-8")
    config = load(str(file), plugins=plugins, site_dir=site)
    with pytest.raises(EmbedError, match=re.escape(message)) as caught:
        config.plugins.on_config(config)
    assert str(caught.value).startswith(f"{file.as_posix()}: ")


def test_a_notebook_is_linked_to_where_it_can_be_run() -> None:
    from notebook_embed.mkdocs_plugin import launch_links

    launch = {
        "Open in Binder": "https://binder.example/o/r/main?labpath={path}&x=1",
        "Open in <JupyterLite>": "https://lite.example/lab/?fromURL={url}",
    }
    assert launch_links(launch, "docs/a b.py", "https://blog.example/nb/a%20b.ipynb") == [
        '<a href="https://binder.example/o/r/main?labpath=docs/a%20b.py&amp;x=1">Open in Binder</a>',
        '<a href="https://lite.example/lab/?fromURL=https%3A%2F%2Fblog.example%2Fnb%2Fa%2520b.ipynb">'
        "Open in &lt;JupyterLite&gt;</a>",
    ]
