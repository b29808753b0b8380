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
# # Attention by hand
#
# Attention over three tokens, with numbers small enough to check on paper. Then the same in
# matrices, why scores are scaled, what heads do, how tokens get their places, and what masks
# forbid. Each claim is a cell that fails if it is wrong.

# %%
#| label: setup
import math

import numpy as np
import torch
from torch.nn import functional

from shapes_of_attention.figures import attention_by_hand as drawn
from shapes_of_attention.models.attention import Attention, causal_mask, explicit_attention
from shapes_of_attention.models.positions import rotary_angles, rotate, sinusoidal

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## Three tokens
#
# A triangle of amplitude 1, a rectangle of amplitude 5 and a triangle of amplitude 3. A key says
# *I am a triangle* as (2, 0) and *I am a rectangle* as (0, 2). The first token asks.

# %%
#| label: tokens
query = np.array([1, 0])  # "who is a triangle?"
keys = np.array([[2, 0], [0, 2], [2, 0]])  # triangle, rectangle, triangle
values = np.array([1, 5, 3])  # their amplitudes

# %%
#| label: dot-products
scores = keys @ query
print(scores)

# %%
#| label: softmax
exponentials = np.exp(scores)  # e^2 = 7.39, e^0 = 1
weights = exponentials / exponentials.sum()
print(exponentials.round(2), "->", weights.round(3))

assert np.isclose(weights.sum(), 1)

# %%
#| label: mix
print(round(weights @ values, 3))

# %%
#| label: by-hand
{
    "mixed": f"{weights @ values:.2f}",
    "weight-on-rectangle": f"{weights[1]:.0%}",
}

# %%
#| label: picture
drawn.by_hand(query, keys, values, scores, weights)

# %% [markdown]
# A louder question makes a sharper answer. Double the query and the stranger all but falls silent.

# %%
#| label: louder
loud = np.exp(keys @ (2 * query))
loud /= loud.sum()
{"weights": loud.round(3), "mixed": f"{loud @ values:.2f}"}

# %%
#| label: sliders
drawn.by_hand_sliders(query, keys, values, length=2)

# %% [markdown]
# ## All queries at once
#
# Stack the questions of the three tokens, and one product gives all scores.

# %%
#| label: matrices
Q = torch.tensor([[1.0, 0], [0, 1], [1, 0]])  # [queries, d]
K = torch.tensor([[2.0, 0], [0, 2], [2, 0]])  # [keys, d]
V = torch.tensor([[1.0], [5], [3]])  # [keys, d_v]

S = Q @ K.T / math.sqrt(2)  # [queries, keys]
A = S.softmax(dim=-1)  # [queries, keys], each row adds up to one
print(A.round(decimals=2))
print((A @ V).round(decimals=2))

# %%
#| label: in-matrices
{"mixed": f"{(A @ V)[0, 0]:.2f}"}

# %% [markdown]
# The module that all models here use does the same, with two more axes: a batch and heads.

# %%
#| label: module-proof
mix, weight = explicit_attention(Q[None, None], K[None, None], V[None, None])
assert torch.allclose(weight[0, 0], A)
assert torch.allclose(mix[0, 0], A @ V)

q, k, v = torch.randn(3, 2, 4, 50, 16)  # each [batch, heads, tokens, head_dim]
ours, _ = explicit_attention(q, k, v)
torchs = functional.scaled_dot_product_attention(q, k, v)
assert torch.allclose(ours, torchs, atol=1e-5)
print("at most 1e-5 from PyTorch's")

# %% [markdown]
# ## Why the root
#
# Queries and keys of random numbers with variance one. Their dot product adds `d` products, so its
# variance is `d`. What does softmax make of that, and how much gradient comes through?


# %%
#| label: measure-scaling
def measure(d, scale, *, keys=50, trials=2000):
    """Give the scores' variance, the mean largest weight, and the mean size of softmax's slope."""
    draw = torch.Generator().manual_seed(d)
    query = torch.randn(trials, 1, d, generator=draw)
    key = torch.randn(trials, keys, d, generator=draw)
    score = (query * key).sum(dim=-1) * scale  # [trials, keys]
    weight = score.softmax(dim=-1)
    # dw_i / ds_i = w_i (1 - w_i): nothing comes through where a weight is 0 or 1.
    slope = (weight * (1 - weight)).sum(dim=-1)
    return score.var().item(), weight.amax(dim=-1).mean().item(), slope.mean().item()


dims = [1, 4, 16, 64, 256, 1024]
plain = np.array([measure(d, 1) for d in dims])  # [dims, 3]
scaled = np.array([measure(d, 1 / math.sqrt(d)) for d in dims])

for d, without, with_root in zip(dims, plain, scaled, strict=True):
    print(f"d = {d:4d}: variance {without[0]:6.1f}, divided {with_root[0]:.2f}")

assert np.allclose(plain[:, 0], dims, rtol=0.1)
assert np.allclose(scaled[:, 0], 1, rtol=0.1)

# %%
#| label: scaling
drawn.scaling(dims, plain, scaled)

# %% [markdown]
# How much reaches a query from behind? The weights mix random values, and the mix is pushed in a
# random direction.


# %%
#| label: gradient
def at_the_query(d, scale, *, keys=50, trials=2000):
    """Give the median length of the gradient that reaches a query."""
    draw = torch.Generator().manual_seed(d)
    query = torch.randn(trials, 1, d, generator=draw, requires_grad=True)
    key, value = (torch.randn(trials, keys, d, generator=draw) for _ in range(2))
    push = torch.nn.functional.normalize(torch.randn(trials, d, generator=draw), dim=-1)
    weight = ((query * key).sum(dim=-1) * scale).softmax(dim=-1)
    mixed = (weight[:, :, None] * value).sum(dim=1)
    (slope,) = torch.autograd.grad((mixed * push).sum(), query)
    return slope.norm(dim=-1).median().item()


with_root, without = at_the_query(1024, 1 / 32), at_the_query(1024, 1)
print(f"median gradient at d = 1024: {with_root:.3f}, without the division {without:.5f}")

# %%
#| label: root
{
    "largest-weight": {
        "without": f"{plain[-1, 1]:.0%}",
        "with": f"{scaled[-1, 1]:.0%}",
    },
    "slope-lost": f"{scaled[-1, 2] / plain[-1, 2]:.0f}",
    "gradient-lost": f"{with_root / without:.0f}",
}

# %% [markdown]
# Is the slope in that sum what PyTorch's gradient says? The diagonal of the softmax's Jacobian:

# %%
#| label: slope-proof
score = torch.randn(50, dtype=torch.float64)
jacobian = torch.autograd.functional.jacobian(lambda s: s.softmax(dim=-1), score)
weight = score.softmax(dim=-1)
assert torch.allclose(jacobian.diagonal(), weight * (1 - weight))
print("the slope is w (1 - w)")

# %% [markdown]
# ## Heads
#
# Four heads of 16 numbers are four attentions, each with its own quarter of queries, keys and
# values. **Proof**: run each quarter alone and put the answers side by side.

# %%
#| label: heads-proof
attention = Attention(dim=64, heads=4)
x = torch.randn(1, 50, 64)  # [batch, tokens, dim]
together = attention(x)

answers = []
for head in range(4):
    quarter = slice(16 * head, 16 * (head + 1))
    q, k, v = (part(x)[..., quarter] for part in (attention.query, attention.key, attention.value))
    weight = (q @ k.transpose(1, 2) / math.sqrt(16)).softmax(dim=-1)
    answers.append(weight @ v)  # [1, 50, 16]
alone = attention.output(torch.cat(answers, dim=-1))

assert torch.allclose(together, alone, atol=1e-6)
print("four small attentions equal four heads")

# %%
#| label: heads
drawn.heads()

# %% [markdown]
# ## Places
#
# **Proof.** Shuffle the tokens, and attention without positions gives the same answers, shuffled.
# It does not know where anything is.

# %%
#| label: equivariance
order = torch.randperm(50)
with torch.no_grad():
    shuffled_before = attention(x[:, order])
    shuffled_after = attention(x)[:, order]

assert torch.allclose(shuffled_before, shuffled_after, atol=1e-6)
print("shuffled before and after: at most 1e-6 apart")

# %% [markdown]
# With sinusoidal positions added, the same shuffle changes the answers.

# %%
#| label: positions-matter
place = torch.arange(50)[:, None]
table = sinusoidal(place, dim=64, base=100.0)  # [tokens, dim]
with torch.no_grad():
    moved = attention(x[:, order] + table)
    stayed = attention(x + table)[:, order]
print(f"largest difference: {(moved - stayed).abs().max():.2f}")

assert not torch.allclose(moved, stayed, atol=0.01)

# %% [markdown]
# **Proof.** Rotary positions turn query and key by angles that grow with their places. For given
# contents, the score then depends on the signed offset alone: move both by ten tokens and it stays.

# %%
#| label: rotary-proof
q, k = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64)


def score_at(query_place, key_place):
    """Score one query against one key, each turned to its place."""
    turned = [
        rotate(vector, rotary_angles(torch.tensor([[p]]), head_dim=16).double())
        for vector, p in ((q, query_place), (k, key_place))
    ]
    return (turned[0] * turned[1]).sum().item()


print(f"places  3 and  7: {score_at(3, 7):.6f}")
print(f"places 13 and 17: {score_at(13, 17):.6f}")
print(f"places  3 and 17: {score_at(3, 17):.6f}")

assert math.isclose(score_at(3, 7), score_at(13, 17), abs_tol=1e-5)
assert not math.isclose(score_at(3, 7), score_at(3, 17), abs_tol=1e-3)

# %% [markdown]
# ## Masks
#
# A mask says who may look at whom. Full: everybody at everybody. Causal: nobody ahead.

# %%
#| label: masks
full = torch.ones(6, 6, dtype=torch.bool)
causal = causal_mask(6)
scores = torch.randn(1, 1, 6, 6)
shown = {}
for name, mask in (("full", full), ("causal", causal)):
    weight = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)[0, 0]
    shown[name] = (mask.numpy(), weight.numpy())
drawn.masks(shown)

# %% [markdown]
# **Proof.** Change the future, and a causal output does not move by a single bit.

# %%
#| label: causal-proof
changed = x.clone()
changed[:, 30:] = torch.randn(1, 20, 64)  # tokens 30 to 49 are other ones

with torch.no_grad():
    before = attention(x, mask=causal_mask(50))
    after = attention(changed, mask=causal_mask(50))
    full_before, full_after = attention(x), attention(changed)

assert torch.equal(before[:, :30], after[:, :30])
assert not torch.allclose(before[:, 30:], after[:, 30:])
print(f"causal: first 30 outputs move by {(before - after)[:, :30].abs().max():.0f}")
print(f"full:   first 30 outputs move by {(full_before - full_after)[:, :30].abs().max():.2f}")
