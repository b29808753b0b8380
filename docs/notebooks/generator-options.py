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
# # Options of the generator
#
# The table of the page [Options](../notebook-embed/options.md), made from the code that checks them.

# %%
#| label: table
from IPython.display import Markdown

from notebook_embed.options import option_table

rows = [
    f"| `{row.name}` | `{row.default}` | {row.kind[0].upper()}{row.kind[1:]}. {row.about} |"
    for row in option_table()
]
Markdown("\n".join(["| option | default | what it takes and does |", "|---|---|---|", *rows]))
