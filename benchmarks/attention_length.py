"""Time and memory of every family of attention against length; its error against its budget.

python benchmarks/attention_length.py --record [--only "local*"] [--longest 16384] [--device cuda]

Batch 1, one head of 32, one thread. Seconds are of processor time, the least of several rounds, for
the forward pass and for forward and backward together. Memory is the most that tensors held at
once, results and temporaries alike, beyond the inputs: torch's allocator reports every allocation
to the profiler. What would need more than 6 GB is left out.

Peers run the same shapes after ours, and are left out with a word when missing: pip install
--no-deps entmax linformer local-attention performer-pytorch reformer-pytorch, and what they import:
hyper-connections, axial-positional-embedding, product-key-memory, colt5-attention.

With --record the results join those in assets/records/attention-length.json.

With --device cuda all of it is measured on a graphics card, to greater lengths, without peers: by
the clock on the wall, once the card has done its work, and by torch's allocator on the card. The
record is attention-length-cuda.json.
"""

import argparse
import importlib
import json
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from device import add_device, machine, now, peak_bytes_on_card, record_on
from shapes_of_attention.efficient import (
    FAMILIES,
    Budget,
    build_family,
    entmax,
    linformer_attention,
    local_attention,
    performer_attention,
)
from shapes_of_attention.efficient.reformer import lsh_attention
from shapes_of_attention.training.checkpoint import write_atomically
from shapes_of_attention.training.machine import versions

HEADS, HEAD_DIM = 1, 32
LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384)
#: A graphics card is busy from greater lengths on.
LONG_LENGTHS = (*LENGTHS, 32768, 65536)
PEER_LENGTH = 4096
MOST_BYTES = {"cpu": 6e9, "cuda": 25e9}
RECORD = Path(__file__).resolve().parents[1] / "assets/records/attention-length.json"

#: From where on growth is fitted: below, what a call costs at any length hides it.
SHORTEST_FITTED = {"cpu": 2048, "cuda": 8192}

#: Matrices [heads, tokens, tokens] of four bytes alive at once, forward and with backward.
_FULL_MATRICES = {"explicit": 5, "entmax": 8}


def inputs(tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw normal queries, keys and values: [1, heads, tokens, head_dim] each."""
    generator = torch.Generator().manual_seed(tokens)
    q, k, v = torch.randn(3, 1, HEADS, tokens, HEAD_DIM, generator=generator)
    return q, k, v


def measure(
    attend: nn.Module | Callable[..., Tensor],
    tokens: int,
    seconds: float,
    device: torch.device = torch.device("cpu"),  # noqa: B008
) -> dict[str, float]:
    """Measure forward, and forward with backward: seconds, and bytes at the peak."""
    leaves = [x.clone().to(device).requires_grad_() for x in inputs(tokens)]

    def forward() -> None:
        with torch.no_grad():
            attend(*leaves)

    def both() -> None:
        for leaf in leaves:
            leaf.grad = None
        attend(*leaves).sum().backward()

    found = {
        "tokens": tokens,
        "forward_seconds": least_seconds(forward, seconds, device),
        "both_seconds": least_seconds(both, seconds, device),
        "forward_bytes": peak_bytes(forward, device),
    }
    if device.type == "cuda":
        for leaf in leaves:
            leaf.grad = None  # or what the pass before held would be taken off
    return {**found, "both_bytes": peak_bytes(both, device)}


def least_seconds(work: Callable[[], None], seconds: float, device: torch.device) -> float:
    """Repeat for about so many seconds, twice at least; give the least of one."""
    found: list[float] = []
    while len(found) < 2 or sum(found) < seconds:
        start = now(device)
        work()
        found.append(now(device) - start)
    return min(found)


def peak_bytes(work: Callable[[], None], device: torch.device) -> int:
    """Give the most bytes that tensors made by `work` held at once."""
    if device.type == "cuda":
        return peak_bytes_on_card(work, device)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    result = profiled.profiler.kineto_results
    changes = [(e.start_ns(), e.nbytes()) for e in result.events() if e.name() == "[memory]"]
    held = np.cumsum([change for _, change in sorted(changes, key=lambda c: c[0])])
    return int(max(held.max(initial=0), 0))


def exponent(rows: list[dict[str, float]], name: str, *, shortest: int) -> float | None:
    """Fit log(measure) against log(tokens) by a line, from a length where overheads are small."""
    long = [row for row in rows if row["tokens"] >= shortest]
    if len(long) < 2:
        return None
    x, y = (np.log([row[key] for row in long]) for key in ("tokens", name))
    return round(float(np.polyfit(x, y, 1)[0]), 3)


def measure_family(
    name: str, *, longest: int, seconds: float, device: torch.device
) -> dict[str, Any]:
    """Measure one family at all lengths that fit in memory."""
    rows: list[dict[str, float]] = []
    for tokens in (n for n in lengths_on(device) if n <= longest):
        if _FULL_MATRICES.get(name, 0) * 4 * HEADS * tokens**2 > MOST_BYTES[device.type]:
            print(f"{name}: {tokens} tokens would need too much memory")
            break
        torch.manual_seed(0)
        attend = build_family(name, heads=HEADS, head_dim=HEAD_DIM, tokens=tokens).to(device)
        try:
            rows.append(measure(attend, tokens, seconds, device))
        except torch.OutOfMemoryError:
            print(f"{name}: {tokens} tokens need more memory than there is")
            torch.cuda.empty_cache()
            break
        print(name, rows[-1], flush=True)
    shortest = SHORTEST_FITTED[device.type]
    measured = [key for row in rows[:1] for key in row if key != "tokens"]
    return {
        "rows": rows,
        "exponents": {key: exponent(rows, key, shortest=shortest) for key in measured},
    }


def lengths_on(device: torch.device) -> tuple[int, ...]:
    return LONG_LENGTHS if device.type == "cuda" else LENGTHS


Pair = tuple[Callable[..., Tensor], Callable[..., Tensor]]


def entmax_pair(module: Any) -> Pair:
    """Compare the weights of 1024 queries and keys: a whole matrix of scores."""

    def scores(q: Tensor, k: Tensor) -> Tensor:
        return q[:, :, :1024] @ k[:, :, :1024].transpose(-2, -1) / HEAD_DIM**0.5

    return (
        lambda q, k, v: entmax(scores(q, k), 1.5) @ v[:, :, :1024],
        lambda q, k, v: module.entmax_bisect(scores(q, k), 1.5) @ v[:, :, :1024],
    )


def local_pair(module: Any) -> Pair:
    window = Budget().window
    theirs = module.LocalAttention(
        window_size=window, exact_windowsize=True, use_rotary_pos_emb=False
    )
    return lambda q, k, v: local_attention(q, k, v, window=window), theirs


def performer_pair(module: Any) -> Pair:
    theirs = module.FastAttention(dim_heads=HEAD_DIM, nb_features=Budget().features)
    directions = theirs.projection_matrix
    return lambda q, k, v: performer_attention(q, k, v, directions=directions), theirs


def linformer_pair(module: Any) -> Pair:
    """Give ours the linear layers that theirs has inside."""
    theirs = module.LinformerSelfAttention(
        dim=HEADS * HEAD_DIM, seq_len=PEER_LENGTH, k=Budget().rank, heads=HEADS
    )
    layers = (theirs.to_q, theirs.to_k, theirs.to_v)

    def ours(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        x = q.transpose(1, 2).flatten(2)
        parts = [layer(x).unflatten(2, (HEADS, HEAD_DIM)).transpose(1, 2) for layer in layers]
        matrices = {"to_keys": theirs.proj_k.T, "to_values": theirs.proj_v.T}
        return theirs.to_out(linformer_attention(*parts, **matrices).transpose(1, 2).flatten(2))

    return ours, lambda q, k, v: theirs(q.transpose(1, 2).flatten(2))


def reformer_pair(module: Any) -> Pair:
    """Compare speed alone: theirs draws its own rotations, and cuts chunks across buckets."""
    chunk, rounds = Budget().chunk, Budget().rounds
    theirs = module.LSHAttention(
        bucket_size=chunk,
        n_hashes=rounds,
        allow_duplicate_attention=False,
        attend_across_buckets=False,
    )
    generator = torch.Generator().manual_seed(0)
    rotations = torch.randn(rounds, HEAD_DIM, PEER_LENGTH // chunk // 2, generator=generator)
    return (
        lambda q, k, v: lsh_attention(q, v, rotations=rotations, chunk=chunk),
        lambda q, k, v: theirs(q.flatten(0, 1), v.flatten(0, 1))[0],
    )


PEERS: dict[str, Callable[[Any], Pair]] = {
    "entmax": entmax_pair,
    "local-attention": local_pair,
    "linformer": linformer_pair,
    "performer-pytorch": performer_pair,
    "reformer-pytorch": reformer_pair,
}


def measure_peers(only: str, seconds: float) -> dict[str, dict[str, float]]:
    """Measure libraries beside ours: theirs / ours, and the largest difference of the results."""
    results = {}
    for name, pair in PEERS.items():
        if not fnmatch(name, only):
            continue
        try:
            module = importlib.import_module(name.replace("-", "_"))
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        ours, theirs = pair(module)
        q, k, v = inputs(PEER_LENGTH)
        with torch.no_grad():
            mine = ours(q, k, v)
            difference = float((mine - theirs(q, k, v).view_as(mine)).abs().max())
        rows = [measure(attend, PEER_LENGTH, seconds) for attend in (ours, theirs)]
        ratios = {key: round(rows[1][key] / rows[0][key], 3) for key in rows[0] if key != "tokens"}
        results[name] = {**ratios, "difference": round(difference, 6)}
        print(name, results[name], flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="join the results to the record")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="families, with * and ?")
    parser.add_argument("--peers", default="*", metavar="PATTERN", help="libraries, with * and ?")
    parser.add_argument("--longest", type=int, default=LONG_LENGTHS[-1], help="tokens")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    add_device(parser)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    on_card = chosen.device.type == "cuda"
    families = {
        name: measure_family(
            name, longest=chosen.longest, seconds=chosen.seconds, device=chosen.device
        )
        for name in FAMILIES
        if fnmatch(name, chosen.only)
    }
    found = {} if on_card else measure_peers(chosen.peers, chosen.seconds)
    if not chosen.record:
        return
    path = record_on(chosen.device, RECORD)
    record = json.loads(path.read_text()) if path.exists() else {"families": {}, "peers": {}}
    record = {
        "command": "python benchmarks/attention_length.py --record"
        + (f" --device cuda --seconds {chosen.seconds}" if on_card else ""),
        "heads": HEADS,
        "head_dim": HEAD_DIM,
        "budget": vars(Budget()),
        "peer_tokens": PEER_LENGTH,
        "families": {**record["families"], **families},
        "peers": {**record["peers"], **found},
        "fitted_from": SHORTEST_FITTED[chosen.device.type],
        "machine": machine(chosen.device),
        "versions": versions(),
    }
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
