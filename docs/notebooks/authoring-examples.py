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
# # Examples for authors
#
# Softmax turns scores into weights. Divided by a large *temperature*, the scores come close to each
# other and so do the weights; a small one gives all to the largest score. The
# [authoring guide](../authoring-guide.md) embeds the cells of this notebook.

# %%
#| label: setup
#| fold: true
import numpy as np
import plotly.graph_objects as go
from IPython.display import HTML, Latex

from shapes_of_attention.figures import Figure, canvas


# %%
#| label: softmax
def softmax(score, temperature=1.0):
    """Turn scores [..., n] into weights [..., n] that add up to one."""
    score = np.asarray(score) / temperature
    weight = np.exp(score - score.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)


score = np.array([2.0, 1.0, -1.0])
print(softmax(score).round(2))

# %% [markdown]
# One number each, for sentences:

# %%
#| label: largest-weight
f"{softmax(score).max():.0%}"

# %%
#| label: exact-weight
Latex(f"$w_1 = {softmax(score)[0]:.3f}$")

# %% [markdown]
# Several numbers that belong together, in a mapping:

# %%
#| label: shares
{
    "largest": f"{softmax(score).max():.0%}",
    "at-temperature": {t: f"{softmax(score, t).max():.0%}" for t in (2, 8)},
}

# %% [markdown]
# A table:

# %%
#| label: weights
rows = "".join(
    f"<tr><td>{temperature}</td>"
    + "".join(f"<td>{w:.2f}</td>" for w in softmax(score, temperature))
    + "</tr>"
    for temperature in (0.5, 1, 2, 8)
)
head = "".join(f"<th>score {s:g}</th>" for s in score)
HTML(f"<table><thead><tr><th>temperature</th>{head}</tr></thead><tbody>{rows}</tbody></table>")

# %% [markdown]
# A figure with two pictures of the same numbers, one to read and one to explore:

# %%
#| label: temperature
temperature = np.geomspace(0.1, 10, 60)
weight = softmax(score, temperature[:, None])  # [temperatures, scores]
colours = ["#2f7fb8", "#d9792b", "#2c9a78"]  # data: none of the site's own colours
decades = [0.1, 1, 10]

static = canvas(width=600, height=330)
axes = static.add_axes((0.11, 0.19, 0.87, 0.76))
interactive = go.Figure()
for s, line, colour in zip(score, weight.T, colours, strict=True):
    axes.plot(temperature, line, color=colour, label=f"score {s:g}")
    interactive.add_scatter(x=temperature, y=line, line_color=colour, name=f"score {s:g}")
axes.set(xscale="log", xticks=decades, xticklabels=decades, ylim=(0, 1))
axes.set(xlabel="temperature", ylabel="weight")
axes.minorticks_off()
axes.legend(loc="upper right")
interactive.update_xaxes(type="log", title="temperature", tickvals=decades)
interactive.update_yaxes(range=[0, 1], title="weight")
interactive.update_traces(hovertemplate="temperature %{x:.2f}: weight %{y:.2f}")
interactive.update_layout(legend={"x": 1, "xanchor": "right", "y": 1})
Figure(static=static, interactive=interactive)
