# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The structure of the code
#
# Read from the code, so that the [page on how this is built](../architecture.md) is as true as the
# code is.

# %%
#| label: setup
#| fold: true
#| inputs:
#|   - code/blog_site/*.py
#|   - code/notebook_embed/*.py
#|   - code/shapes_of_attention/*.py
#|   - code/shapes_of_attention/*/*.py
#|   - code/shapes_of_attention/*/*/*.py
#|   - code/workbench/*.py
from pathlib import Path

from IPython.display import HTML

from blog_site.architecture import (
    Step,
    check_rooms,
    check_way,
    package_lines,
    package_uses,
    read_modules,
    rooms,
    way,
)

root = Path("../..")
modules = read_modules(root / "code")

# %% [markdown]
# ## The way of a figure

# %%
#| label: way-of-a-figure
of_a_figure = [
    Step(
        title="Cell", file="docs/notebooks/results.py", hands_on="Python, each cell with its label"
    ),
    Step(
        title="Runner",
        file="code/notebook_embed/runner.py",
        hands_on="the executed notebook, and a key of all that it depends on",
    ),
    Step(
        title="Cache",
        file="code/notebook_embed/cache.py",
        hands_on="the same, checked, whenever it is asked for",
    ),
    Step(
        title="Library",
        file="code/notebook_embed/library.py",
        hands_on="the outputs of the cell that a label names",
    ),
    Step(
        title="Markdown",
        file="code/notebook_embed/markdown_extension.py",
        hands_on="HTML in the place of the embed, files beside the page",
    ),
    Step(title="Page", file="code/notebook_embed/mkdocs_plugin.py"),
]
check_way(of_a_figure, modules, root)
way(of_a_figure)

# %% [markdown]
# ## The way of an image batch

# %%
#| label: way-of-a-batch
of_a_batch = [
    Step(
        title="Stream",
        file="code/shapes_of_attention/data/stream.py",
        hands_on="images and targets, [batch, 3, 128, 128]",
    ),
    Step(title="Step", file="code/shapes_of_attention/training/loop.py", hands_on="images, 0 to 1"),
    Step(
        title="Model",
        file="code/shapes_of_attention/models/encoder_decoder.py",
        hands_on="painted images, and weights that have learned",
    ),
    Step(
        title="Measure",
        file="code/shapes_of_attention/measure/colours.py",
        hands_on="colour error in levels, and more like it",
    ),
    Step(
        title="Record",
        file="code/shapes_of_attention/studies/record.py",
        hands_on="configuration, seed, curve and measures of a finished run",
    ),
    Step(title="Notebook", file="docs/notebooks/results.py", hands_on="the runs of one comparison"),
    Step(title="Figure", file="code/shapes_of_attention/figures/results.py"),
]
check_way(of_a_batch, modules, root)
way(of_a_batch)

# %% [markdown]
# ## The rooms
#
# What each package imports of the others. No two import each other.

# %%
#| label: rooms
uses = package_uses(modules)
check_rooms(uses)
HTML(rooms(uses, package_lines(modules)))
