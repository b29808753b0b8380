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
# # FlashAttention, tile by tile
#
# Full attention without ever holding all scores: the running softmax, checked, and the numbers that
# travel between a large, slow memory and a small, fast one, counted.

# %%
#| label: setup
import math

import torch

from shapes_of_attention.efficient.tiled import (
    SlowMemory,
    online_attention,
    step_by_step,
    tile_by_tile,
)
from shapes_of_attention.figures import tiled_attention as drawn
from shapes_of_attention.models.attention import explicit_attention

torch.set_num_threads(1)

# %% [markdown]
# ## Twelve tokens, nine tiles
#
# Queries and keys of four numbers each; a value is one number. Tiles are four queries by four keys.

# %%
#| label: steps
generator = torch.Generator().manual_seed(7)
q, k = 1.6 * torch.randn(2, 12, 4, dtype=torch.float64, generator=generator)  # [tokens, head_dim]
v = torch.arange(1, 13, dtype=torch.float64)[:, None]  # [tokens, 1]
scores = q @ k.T / math.sqrt(4)  # [queries, keys]

plain = SlowMemory()
step_by_step(q, k, v, plain)
tiles = []  # numbers moved after each tile
memory = SlowMemory()
for block in q.split(4):
    memory.move("queries", block)
    for keys, values in zip(k.split(4), v.split(4), strict=True):
        memory.move("keys and values", keys)
        memory.move("keys and values", values)
        tiles.append(memory.total)
    tiles[-1] = tiles[-1] + len(block)  # the answers, one number each
    memory.move("answers", v[: len(block)])

whole = SlowMemory()
tile_by_tile(q, k, v, whole, rows=4, tile=4)
assert tiles[-1] == whole.total
drawn.tile_steps(
    scores.numpy(),
    v[:, 0].numpy(),
    tile=4,
    query=0,
    moved={"tiles": tiles, "steps": [plain.total]},
)

# %% [markdown]
# What the followed query keeps at the end of its row is its exact answer.

# %%
#| label: followed
steps = drawn.running_softmax(scores[0].numpy(), v[:, 0].numpy(), 4)
exact = (scores.softmax(dim=-1) @ v)[0, 0].item()
assert math.isclose(steps[-1]["answer"], exact)
{
    "after-one": f"{steps[0]['answer']:.2f}",
    "after-two": f"{steps[1]['answer']:.2f}",
    "after-all": f"{steps[-1]['answer']:.2f}",
    "moved": {"tiles": f"{tiles[-1]}", "steps": f"{plain.total}"},
}

# %% [markdown]
# **Proof.** On random tensors, tiles of any size give what full attention gives.

# %%
#| label: proof
q, k, v = torch.randn(
    3, 2, 4, 1000, 32, dtype=torch.float64, generator=generator
)  # each [batch, heads, tokens, d]
full, _ = explicit_attention(q, k, v)
for tile in (1, 64, 300, 1000):
    pairs = zip(k.split(tile, dim=2), v.split(tile, dim=2), strict=True)
    found = online_attention(q, pairs)
    assert torch.allclose(found, full, atol=1e-12)
    print(f"tiles of {tile:4d} keys: equal to 12 digits")

# %% [markdown]
# ## Memory traffic
#
# The same numbers, read and written by either way, at four bytes each: 64 numbers a head, tiles of
# 64 keys, 64 or 256 queries at a time.


# %%
#| label: traffic
def megabytes(tokens, rows=None, dim=64):
    """Count what attention over `tokens` tokens moves, by tiles if `rows` is given."""
    q, k, v = torch.randn(3, tokens, dim, generator=generator)
    memory = SlowMemory()
    if rows is None:
        step_by_step(q, k, v, memory)
        assert memory.total == 4 * tokens * dim + 4 * tokens**2
    else:
        tile_by_tile(q, k, v, memory, rows=rows, tile=64)
        assert memory.total == 2 * tokens * dim + math.ceil(tokens / rows) * 2 * tokens * dim
    return 4 * memory.total / 1e6


lengths = [256, 512, 1024, 2048, 4096]
moved = {
    "step by step": [megabytes(n) for n in lengths],
    "tiles, 64 queries at a time": [megabytes(n, 64) for n in lengths],
    "tiles, 256 queries at a time": [megabytes(n, 256) for n in lengths],
}
drawn.traffic_chart(lengths, moved)

# %%
#| label: saved
at = {name: series[-1] for name, series in moved.items()}
plain, few, many = at.values()
{
    "tokens": f"{lengths[-1]:,}",
    "plain": f"{plain:,.0f}",
    "few": f"{few:,.0f}",
    "many": f"{many:,.0f}",
    "times-few": f"{plain / few:.1f}",
    "times-many": f"{plain / many:.1f}",
}
