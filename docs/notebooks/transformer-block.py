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
# # One transformer block
#
# The block of the trained series model, taken apart: what runs through it, what each part reads,
# what it adds. Then the same model from random weights, trained for a few seconds.

# %%
#| label: setup
#| inputs:
#|   - assets/checkpoints/series-long-attention.safetensors
#|   - assets/records/series-long.json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from shapes_of_attention.figures import attention_by_hand as by_hand
from shapes_of_attention.figures import transformer_block as drawn
from shapes_of_attention.measure.series import redraw, score_amplitudes
from shapes_of_attention.models.positions import rotary_angles, sinusoidal
from shapes_of_attention.series import SERIES_TEST_SEED, make_series
from shapes_of_attention.series.models import build_series_model, load_series_model
from shapes_of_attention.studies.record import grouped, read_records

torch.set_num_threads(1)
model = load_series_model(Path("../../assets/checkpoints/series-long-attention.safetensors"))

# %% [markdown]
# A series, cut into tokens, and each token made a vector. Two blocks follow; we stop before the
# second.

# %%
#| label: stream
batch = make_series([0], seed=SERIES_TEST_SEED)
signal = torch.from_numpy(batch.signal)  # [1, 500]
first, second = model.body.layers
rotary = model.body.rotary
with torch.no_grad():
    x = model.embed(signal.unflatten(1, (50, 10)))  # [1, 50 tokens, 64]
    x = first(x, rotary=rotary)

middle_of_first_shape = int(batch.span[0, 0].mean() // 10)
token = middle_of_first_shape
print("stream", tuple(x.shape), "· token", token)

# %% [markdown]
# ## The block, line by line

# %%
#| label: by-hand
block = second
with torch.no_grad():
    read = functional.layer_norm(x, (64,)) * block.attention_norm.weight + block.attention_norm.bias
    gathered = block.attention(read, rotary=rotary)  # from other tokens
    middle = x + gathered
    again = block.feed_forward_norm(middle)
    network = block.feed_forward
    hidden = functional.gelu(network.expand(again))  # [1, 50, 128]
    worked_out = network.contract(hidden)  # from this token alone
    end = middle + worked_out

    assert torch.allclose(end, block(x, rotary=rotary), atol=1e-5)
    print("at most 1e-5 from the block itself")

# %%
#| label: walk
walk = drawn.Walk(
    start=x[0, token].numpy(),
    attention_input=read[0, token].numpy(),
    attention=gathered[0, token].numpy(),
    middle=middle[0, token].numpy(),
    feed_forward_input=again[0, token].numpy(),
    feed_forward=worked_out[0, token].numpy(),
    end=end[0, token].numpy(),
)
drawn.block_walk(walk)

# %%
#| label: numbers


def size(numbers):
    return f"{np.linalg.norm(numbers):.1f}"


plain = functional.layer_norm(x, (64,))[0, token]
{
    "token": token,
    "start": size(walk.start),
    "attention": size(walk.attention),
    "middle": size(walk.middle),
    "feed-forward": size(walk.feed_forward),
    "end": size(walk.end),
    "mean-before": f"{x[0, token].mean():.2f}".replace("-", "−"),
    "spread-before": f"{x[0, token].std(correction=0):.2f}",
    "spread-after": f"{plain.std(correction=0):.2f}",
    "alike": f"{np.corrcoef(walk.start, walk.end)[0, 1]:.2f}",
    "open": f"{int((hidden[0, token] > 0).sum())}",
    "hidden": hidden.shape[-1],
    "share-of-weights": f"{sum(p.numel() for p in network.parameters()) / sum(p.numel() for p in block.parameters()):.0%}",
    "parameters": f"{sum(p.numel() for p in block.parameters()):,}",
}

# %% [markdown]
# **Proof.** The feed-forward network works on each token alone; attention does not. Change every
# other token, and see what this one adds.

# %%
#| label: alone
others = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
others[:, token] = x[:, token]
with torch.no_grad():
    network_moves = network(block.feed_forward_norm(others)) - network(block.feed_forward_norm(x))
    attention_moves = block.attention(block.attention_norm(others), rotary=rotary) - gathered

assert network_moves[0, token].abs().max() < 1e-6
assert attention_moves[0, token].abs().max() > 0.1
print("feed-forward: this token's share moves by less than 1e-6")
print(f"attention:    this token's share moves by {attention_moves[0, token].abs().max():.2f}")

# %% [markdown]
# ## What each part is worth
#
# The trained model redraws test series with one part of its second block left out: its contribution
# is not added, and the stream goes on as it was.


# %%
#| label: left-out
class Nothing(torch.nn.Module):
    def forward(self, x, **_):
        return torch.zeros_like(x)


tests = make_series(range(256), seed=SERIES_TEST_SEED)


def error_without(part=None):
    """Give the median amplitude error of the model with a part of its second block left out."""
    kept = getattr(second, part) if part else None
    if part:
        setattr(second, part, Nothing())
    found = score_amplitudes(redraw(model, tests), tests).as_record()["amplitude_error_median"]
    if part:
        setattr(second, part, kept)
    return found


whole = error_without()
{
    "whole": f"{whole:.3f}",
    "attention": f"{error_without('attention'):.3f}",
    "feed-forward": f"{error_without('feed_forward'):.3f}",
}

# %% [markdown]
# ## Training
#
# The same network from random weights, here with learned positions, for a few seconds. The real
# runs do the same for longer, with a learning rate that rises and falls.

# %%
#| label: training
torch.manual_seed(0)  # the seed: where random weights start; series have seeds too
student = build_series_model("attention", {"positions": "learned"})
optimizer = torch.optim.AdamW(student.parameters(), lr=0.003)  # lr: the learning rate
held_out = make_series(range(256), seed=1)  # series that training never sees

for step in range(401):
    batch = make_series(range(8 * step, 8 * step + 8), seed=0)  # eight new series
    redrawn = student(torch.from_numpy(batch.signal))  # 1. answer
    loss = (redrawn - torch.from_numpy(batch.target)).abs().mean()  # 2. how wrong?
    optimizer.zero_grad()
    loss.backward()  # 3. which way does each weight make it worse?
    optimizer.step()  # 4. move each weight a little the other way
    if step % 100 == 0:
        error = np.abs(redraw(student, held_out) - held_out.target).mean()
        print(f"step {step:3d}: loss {loss:.3f}, held out {error:.3f}")

# %%
#| label: counted
{
    "weights": f"{sum(p.numel() for p in student.parameters()):,}",
    "steps": step,
    "series": f"{8 * (step + 1):,}",
}

# %% [markdown]
# The long run, on series kept apart from training:

# %%
#| label: curve
[long] = grouped(read_records(Path("../../assets/records"), "series"), "long")["attention"]
batch_size = long.config["batch"]
points = [
    (point.images / batch_size, point.measured["amplitude_error_mean"]) for point in long.curve
]
overall = np.nanmean(np.where(tests.present, tests.amplitude, np.nan), axis=1, keepdims=True)
one_mean = float(np.abs(overall - tests.group_mean)[tests.present].mean())
drawn.learning_curve(*zip(*points, strict=True), reference=("one mean for all shapes", one_mean))

# %% [markdown]
# ## Positions
#
# What is added to tokens: a straight line, waves, and the table that was just learned.

# %%
#| label: position-tables
place = torch.arange(50)[:, None]
learned = student.body.positions.table.detach().numpy()  # [50 places, 64]
by_hand.positions(
    {
        "linear": np.linspace(-1, 1, 50)[:, None] * np.random.default_rng(0).normal(size=64),
        "sinusoidal": sinusoidal(place, dim=64, base=100.0).numpy(),
        "learned": learned,
    },
    rotary_angles(place, head_dim=16).numpy(),
)

# %%
#| label: learned-places
alike = np.corrcoef(learned)  # [place, place]
{
    "neighbours": f"{np.diagonal(alike, 1).mean():.2f}",
    "far": f"{np.diagonal(alike, 25).mean():.2f}",
}
