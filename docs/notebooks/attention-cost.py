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
#| inputs: [assets/records/attention-length.json, assets/records/attention-length-cuda.json]
import json
from pathlib import Path

from IPython.display import HTML

from shapes_of_attention.efficient.families import FAMILIES
from shapes_of_attention.figures import efficiency

record = json.loads(Path("../../assets/records/attention-length.json").read_text())
families = {name: record["families"][name] for name in FAMILIES if name in record["families"]}
on_card = json.loads(Path("../../assets/records/attention-length-cuda.json").read_text())
card = {name: on_card["families"][name] for name in FAMILIES if name in on_card["families"]}


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
#| label: exponents
{
    name: {
        "time": f"{families[name]['exponents']['both_seconds']:.2f}",
        "memory": f"{families[name]['exponents']['both_bytes']:.2f}",
    }
    for name in ("explicit", "fused", "local", "reformer")
}

# %%
#| label: longest
longest = families["explicit"]["rows"][-1]
fused = row("fused", longest["tokens"])
{
    "tokens": longest["tokens"],
    "megabytes": {
        "explicit": f"{longest['both_bytes'] / 1e6:,.0f}",
        "fused": f"{fused['both_bytes'] / 1e6:,.0f}",
    },
    "explicit-over-fused": f"{longest['both_seconds'] / fused['both_seconds']:.1f}",
}

# %% [markdown]
# Why more than the square: one doubling takes far more than four times as long.

# %%
#| label: doubling
times = {r["tokens"]: r["both_seconds"] for r in families["explicit"]["rows"]}
growth = {n: times[n] / times[n // 2] for n in times if n // 2 in times}
assert max(growth, key=growth.get) == 4096
forward = {r["tokens"]: r["forward_seconds"] for r in families["explicit"]["rows"]}
assert max(forward, key=lambda n: forward[n] / forward.get(n // 2, forward[n])) == 1024

bytes_of = {n: 4 * n**2 for n in (2048, 4096)}  # four bytes a weight
{
    "times-as-long": {n: f"{by:.1f}" for n, by in growth.items()},
    "to-4096": f"{growth[4096]:.0f}",
    "forward-to-1024": f"{forward[1024] / forward[512]:.0f}",
    "last": f"{growth[longest['tokens']]:.1f}",
    "matrix-megabytes": {
        "before": f"{bytes_of[2048] / 1e6:.0f}",
        "after": f"{bytes_of[4096] / 1e6:.0f}",
    },
}

# %% [markdown]
# ## All families

# %%
#| label: all
efficiency.cost_chart(families)


# %%
#| label: table
#| fold: true
def crossing(name, measure, families=families, against=("fused",)):
    """Find the shortest measured length from which a family stays below full attention.

    Full attention is the fastest, or smallest, of the forms `against`, where they were measured.
    """
    full = {}
    for form in against:
        for r in families[form]["rows"]:
            full[r["tokens"]] = min(r[measure], full.get(r["tokens"], r[measure]))
    below = None
    for r in families[name]["rows"]:
        if r["tokens"] not in full:
            continue
        if r[measure] < full[r["tokens"]]:
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
    "<th>Faster than fused from</th><th>MB at 2,048</th></tr></thead><tbody>"
    + lines
    + "</tbody></table>"
)

# %% [markdown]
# ## All families at a glance
#
# All families in one table. The measured column is the exponent of time, forward and backward.

# %%
#| label: families
#| fold: true
GLANCE = [
    # name, family measured, time, memory, exact?, causal?, any length?, when to take it
    ("Full, step by step", "explicit", "n²d", "n²", "yes", "yes", "yes", "when the weights are wanted: to look at them"),
    ("FlashAttention", "fused", "n²d", "nd", "yes", "yes", "yes", "by default"),
    ("Local window", "local", "nwd", "nw", "in the window", "yes", "yes", "what matters is near"),
    ("Local + global, sinks", None, "n(w + g)d", "n(w + g)", "in the pattern", "yes", "yes", "few tokens matter to all; endless text"),
    ("Local + strided", None, "n(w + n/s)d", "n(w + n/s)", "in the pattern", "yes", "yes", "regular inputs: rows of an image, bars of music"),
    ("Block-sparse", "block-sparse", "nbd", "nb", "in the blocks", "yes", "yes, with a new layout", "long documents; a known structure"),
    ("Adaptive span", "adaptive-span", "nzd, z learned", "nz", "in the span", "yes", "yes", "heads that differ in reach"),
    ("Entmax", "entmax", "n²d, and a search", "n²", "another function", "yes", "yes", "zeros that can be read; saves nothing"),
    ("Linformer", "linformer", "nkd", "nk", "no", "no", "no", "one fixed length, both ways, low rank"),
    ("Performer", "performer", "nmd", "nm", "in the limit", "yes", "yes", "softmax is wanted and the length is extreme"),
    ("Linear attention", None, "nmd", "md a step", "another function", "yes", "yes", "token by token with a state of fixed size"),
    ("Reformer", "reformer", "ncd; hashing n²d/c (paper: n log n)", "nc; hashing n²/c", "in the bucket", "yes", "yes", "few keys matter and can be anywhere"),
]  # fmt: skip
assert {one[1] for one in GLANCE if one[1]} == set(families)
lines = ""
for name, family, *cells in GLANCE:
    power_of_time = power(family, "both_seconds") if family else "–"
    written = [*cells[:1], power_of_time, *cells[1:]]
    lines += (
        f"<tr><th scope='row'>{name}</th>{''.join(f'<td>{cell}</td>' for cell in written)}</tr>"
    )
titles = (
    "Family",
    "Time",
    "Measured",
    "Memory",
    "Exact?",
    "Causal?",
    "Any length?",
    "When to take it",
)
HTML(
    "<table><thead><tr>"
    + "".join(f"<th scope='col'>{title}</th>" for title in titles)
    + f"</tr></thead><tbody>{lines}</tbody></table>"
)

# %%
#| label: against-fused
assert families["linformer"]["rows"][0]["tokens"] == 256  # the post says: the shortest measured
last = families["entmax"]["rows"][-1]
{
    "faster-from": {
        name: crossing(name, "both_seconds")
        for name in ("local", "reformer", "performer", "linformer")
    },
    "entmax-slower": f"{last['both_seconds'] / row('fused', last['tokens'])['both_seconds']:.0f}",
}

# %% [markdown]
# ## On a graphics card
#
# The same shapes in float32, from `python benchmarks/attention_length.py --record --device cuda`:
# by the clock on the wall, to greater lengths.

# %%
#| label: card
efficiency.time_chart(card)

# %%
#| label: on-card
def card_row(name, tokens):
    """Find what the card took for a family at a length."""
    return next(r for r in card[name]["rows"] if r["tokens"] == tokens)


crossings = {
    name: crossing(name, "both_seconds", card, against=("fused", "explicit"))
    for name in ("local", "reformer", "performer", "linformer")
}
flat = [r["both_seconds"] for r in card["linformer"]["rows"]]
assert max(flat) < 1.5 * min(flat)  # the post says: a line that does not rise
assert crossings["linformer"] == crossings["local"]  # the post names them in pairs
assert crossings["performer"] == crossings["reformer"]
assert any(
    r["both_seconds"] < card_row("fused", r["tokens"])["both_seconds"]
    for r in card["explicit"]["rows"]
)
last_memory = [r["both_bytes"] for r in card["reformer"]["rows"][-2:]]
{
    "name": on_card["machine"]["card"],
    "faster-from": crossings,
    "flat": f"{1e3 * min(flat):.1f} to {1e3 * max(flat):.1f}",
    "longest": f"{card['fused']['rows'][-1]['tokens']:,}",
    "reformer-memory": f"{last_memory[1] / last_memory[0]:.0f}",
    "fused": f"{1e3 * card['fused']['rows'][-1]['both_seconds']:.0f}",
    "fused-over-local": f"{card['fused']['rows'][-1]['both_seconds'] / card['local']['rows'][-1]['both_seconds']:.0f}",
}

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
#| label: beside-libraries
slower = [name for name, r in record["peers"].items() if r["both_seconds"] > 1]
assert set(record["peers"]) - set(slower) == {"reformer-pytorch"}
{
    "slower": f"{len(slower)} of {len(record['peers'])}",
    "reformer": f"{record['peers']['reformer-pytorch']['both_seconds']:.2f}",
    "tokens": record["peer_tokens"],
}
