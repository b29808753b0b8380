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
# # What attention costs
#
# Time and memory against length, read from a record that `benchmarks/attention_length.py` wrote:
# batch 1, one head of 32, one thread, forward and backward.

# %%
#| label: setup
#| inputs: assets/records/attention-length.json
import json
from pathlib import Path

from IPython.display import HTML

from shapes_of_attention.efficient.families import FAMILIES
from shapes_of_attention.figures import efficiency

record = json.loads(Path("../../assets/records/attention-length.json").read_text())
families = {name: record["families"][name] for name in FAMILIES if name in record["families"]}


def row(name, tokens):
    """Find the measurements of a family at a length."""
    return next(r for r in families[name]["rows"] if r["tokens"] == tokens)


print(record["machine"]["processor"], "·", ", ".join(families))

# %% [markdown]
# ## Full attention

# %%
#| label: full
efficiency.cost_of_full(families["explicit"]["rows"], families["fused"]["rows"])

# %%
#| label: explicit-time-exponent
print(f"{families['explicit']['exponents']['both_seconds']:.2f}")

# %%
#| label: explicit-memory-exponent
print(f"{families['explicit']['exponents']['both_bytes']:.2f}")

# %%
#| label: fused-time-exponent
print(f"{families['fused']['exponents']['both_seconds']:.2f}")

# %%
#| label: fused-memory-exponent
print(f"{families['fused']['exponents']['both_bytes']:.2f}")

# %%
#| label: longest-explicit
longest = families["explicit"]["rows"][-1]
print(f"{longest['tokens']:,}")

# %%
#| label: longest-explicit-megabytes
print(f"{longest['both_bytes'] / 1e6:,.0f}")

# %%
#| label: longest-fused-megabytes
print(f"{row('fused', longest['tokens'])['both_bytes'] / 1e6:,.0f}")

# %%
#| label: explicit-over-fused
print(f"{longest['both_seconds'] / row('fused', longest['tokens'])['both_seconds']:.1f}")

# %% [markdown]
# Why more than the square: one doubling takes far more than four times as long.

# %%
#| label: jump
times = {r["tokens"]: r["both_seconds"] for r in families["explicit"]["rows"]}
growth = {n: times[n] / times[n // 2] for n in times if n // 2 in times}
assert max(growth, key=growth.get) == 4096
print({n: round(by, 1) for n, by in growth.items()})

# %%
#| label: explicit-jump
print(f"{growth[4096]:.0f}")

# %%
#| label: explicit-last-doubling
print(f"{growth[longest['tokens']]:.1f}")

# %%
#| label: matrix-before
print(f"{4 * 2048**2 / 1e6:.0f}")  # four bytes a weight

# %%
#| label: matrix-after
print(f"{4 * 4096**2 / 1e6:.0f}")

# %% [markdown]
# ## All families

# %%
#| label: all
efficiency.cost_chart(families)


# %%
#| label: table
#| fold: true
def crossing(name, measure):
    """Find the shortest measured length from which a family stays below fused attention."""
    fused = {f["tokens"]: f[measure] for f in families["fused"]["rows"]}
    below = None
    for r in families[name]["rows"]:
        if r["tokens"] not in fused:
            continue
        if r[measure] < fused[r["tokens"]]:
            below = below or r["tokens"]
        else:
            below = None
    return f"{below:,}" if below else "never"


def power(name, measure):
    """Give a fitted exponent; none where fewer than two lengths from 2,048 on were measured."""
    fitted = families[name]["exponents"][measure]
    return "" if fitted is None else f"{fitted:.2f}"


lines = "".join(
    f"<tr><td>{efficiency.NAMES[name]}</td>"
    f"<td>{power(name, 'both_seconds')}</td>"
    f"<td>{power(name, 'both_bytes')}</td>"
    f"<td>{'–' if name == 'fused' else crossing(name, 'both_seconds')}</td>"
    f"<td>{row(name, 2048)['both_bytes'] / 1e6:,.0f}</td></tr>"
    for name, found in families.items()
)
HTML(
    "<table><thead><tr><th>Family</th><th>Time exponent</th><th>Memory exponent</th>"
    "<th>Faster than fused from</th><th>MB at 2,048</th></tr></thead><tbody>" + lines + "</tbody></table>"
)

# %%
#| label: local-time-exponent
print(f"{families['local']['exponents']['both_seconds']:.2f}")

# %%
#| label: local-memory-exponent
print(f"{families['local']['exponents']['both_bytes']:.2f}")

# %%
#| label: local-crossing
print(crossing("local", "both_seconds"))

# %%
#| label: reformer-crossing
print(crossing("reformer", "both_seconds"))

# %%
#| label: performer-crossing
print(crossing("performer", "both_seconds"))

# %%
#| label: linformer-crossing
assert families["linformer"]["rows"][0]["tokens"] == 256  # the post says: the shortest measured
print(crossing("linformer", "both_seconds"))

# %%
#| label: reformer-time-exponent
print(f"{families['reformer']['exponents']['both_seconds']:.2f}")

# %%
#| label: entmax-slower
last = families["entmax"]["rows"][-1]
print(f"{last['both_seconds'] / row('fused', last['tokens'])['both_seconds']:.0f}")

# %% [markdown]
# ## Beside libraries
#
# Theirs divided by ours at one length: above one, ours takes less. The same result is asked for
# where both compute the same thing; performer-pytorch adds 0.0001 to each feature, and
# reformer-pytorch draws its own rotations.

# %%
#| label: peers
#| fold: true
HTML(
    "<table><thead><tr><th>Library</th><th>Forward</th><th>With backward</th><th>Memory</th>"
    "<th>Results differ by</th></tr></thead><tbody>"
    + "".join(
        f"<tr><td>{name}</td><td>{r['forward_seconds']:.2f}</td><td>{r['both_seconds']:.2f}</td>"
        f"<td>{r['both_bytes']:.2f}</td><td>{r['difference']:.1g}</td></tr>"
        for name, r in record["peers"].items()
    )
    + "</tbody></table>"
)

# %%
#| label: peers-slower
slower = [name for name, r in record["peers"].items() if r["both_seconds"] > 1]
assert set(record["peers"]) - set(slower) == {"reformer-pytorch"}
print(f"{len(slower)} of {len(record['peers'])}")

# %%
#| label: reformer-peer
print(f"{record['peers']['reformer-pytorch']['both_seconds']:.0%}")

# %%
#| label: peer-tokens
print(f"{record['peer_tokens']:,}")
