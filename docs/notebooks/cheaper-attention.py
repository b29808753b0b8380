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
# # Windows in a trained model
#
# One efficient variant, tried on images: local attention. A trained encoder-decoder is given windows
# in place of full attention, in its encoder or in its cross-attention, and paints held-out images.
# It is not trained for it, so this says what a window would have to make up for.

# %%
#| label: setup
#| inputs: assets/checkpoints/flagship.safetensors
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML

from shapes_of_attention.data import IMAGE_TEST_SEED
from shapes_of_attention.figures.toolkit.table import sortable_table, value_cell
from shapes_of_attention.interpret.knockout import keys_hidden
from shapes_of_attention.interpret.reach import REACHES
from shapes_of_attention.measure.painted_shapes import paint_shapes
from shapes_of_attention.models import attention_names
from shapes_of_attention.models.positions import reach_mask
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
model = load_model(Path("../../assets/checkpoints/flagship.safetensors"))

# %% [markdown]
# Median colour error of shapes that have company, with every attention of a side limited to
# patches so far from the query's.

# %%
#| label: errors
errors, pairs = {}, {}
for name, reach in REACHES.items():
    mask = reach_mask(model.grid, reach)
    pairs[name] = mask.float().mean().item()
    for side in ("encoder", "decoder"):
        names = [module for module in attention_names(model) if module.startswith(side)]
        with keys_hidden(model, names, mask[None, None]):
            shapes = paint_shapes(model, images=256, seed=IMAGE_TEST_SEED)
        errors[side, name] = float(np.median(shapes.error[shapes.company > 1]))
print({key: round(error, 1) for key, error in errors.items()})

# %%
#| label: windows
HTML(
    sortable_table(
        "Each query sees",
        ("Pairs", "In the encoder", "In the cross-attention"),
        [
            (
                {"full": "all patches"}.get(name, name),
                [
                    value_cell(100 * pairs[name], ".0f", "%"),
                    value_cell(errors["encoder", name], ".1f"),
                    value_cell(errors["decoder", name], ".1f"),
                ],
            )
            for name in REACHES
        ],
    )
)

# %%
#| label: window
{
    "encoder": f"{errors['encoder', '3×3']:.1f}",
    "cross": f"{errors['decoder', '3×3']:.0f}",
    "full": f"{errors['encoder', 'full']:.1f}",
    "pairs": f"{pairs['3×3']:.0%}",
}
