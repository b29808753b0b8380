# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An attention map
#
# Sixty-four tokens on a grid, each drawn to its neighbours.

# %%
#| label: setup
import plotly.graph_objects as go
import plotly.io as pio

from maps import attention

pio.renderers.default = "RENDERER"
weights = attention(64)

# %%
#| label: number
print(f"mean {weights.mean():.4f}, largest {weights.max():.4f}")

# %%
#| label: heatmap
figure = go.Figure(go.Heatmap(z=weights, colorscale="Viridis"))
figure.update_layout(width=640, height=560)
SHOW
