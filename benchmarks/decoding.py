"""Speed of decoding: with our cache, without, and beside Hugging Face's on the same weights.

python benchmarks/decoding.py [--rounds 5] [--record] [--device cuda]

Three measurements, one thread, by the processor's clock, all in turn within a round, so that a busy
moment of the machine meets all of them; the median over the rounds is given.

1. Milliseconds for the next token against the tokens before it, with a cache and without, ours and
   those of transformers (`DynamicCache`, `StaticCache`, none), same weights; bytes of the caches
   and FLOPs of the matrix products beside.
2. Tokens a second of a whole generation, ours and transformers' `generate`.
3. Milliseconds a token for the four kinds of attention at one size, against length.

`--record` writes assets/records/decoding-benchmark.json.

With `--device cuda` models, tokens and caches are on a graphics card, contexts longer, and the
clock is that on the wall, once the card has done its work. The record is
decoding-benchmark-cuda.json, written part by part. What fails there, or runs out of memory, is left
out with a word; after a fault of the card nothing more can be measured, and what was is kept.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import DynamicCache, LlamaForCausalLM, StaticCache
from transformers.cache_utils import Cache as TheirCache

from device import add_device, machine, record_on, seconds_each
from shapes_of_attention.language_model import (
    LanguageModel,
    LanguageModelConfig,
    generate,
    generate_without_cache,
)
from shapes_of_attention.language_model.hugging_face import llama
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.training.checkpoint import write_atomically
from shapes_of_attention.training.machine import versions

RECORD = Path(__file__).parents[1] / "assets/records/decoding-benchmark.json"
LENGTHS = {"cpu": [16, 64, 128, 256, 512, 1024], "cuda": [16, 64, 256, 1024, 4096, 16384]}
KINDS_LENGTHS = {"cpu": [64, 256, 1024], "cuda": [64, 256, 1024, 4096, 16384]}
CONTEXT = {"cpu": 1152, "cuda": 16512}
PROMPT, NEW = 32, 96
SIZES: dict[str, Any] = {"dim": 256, "layers": 4, "heads": 8, "head_dim": 32, "hidden": 688}
KINDS: dict[str, dict[str, Any]] = {
    "multi-head": {"attention": "multi-head"},
    "grouped-query": {"attention": "grouped-query", "groups": 2},
    "multi-query": {"attention": "multi-query"},
    "latent": {"attention": "latent", "latent_dim": 48, "rotary_dim": 16},
}
#: Sequences side by side where kinds of attention are compared: with one, weights are all that is
#: read from memory.
BATCH = 8
#: Tokens read at once to fill a cache. Where queries share keys, a graphics card has no kernel that
#: does without the scores in float32, and all of a long text's would fill its memory.
FILL = 1024


def model_of(device: torch.device, **options: Any) -> LanguageModel:
    """Build a model with random weights: what it says takes no longer than sense would."""
    torch.manual_seed(0)
    config = LanguageModelConfig(context=CONTEXT[device.type], **{**SIZES, **options})
    return LanguageModel(config).eval().to(device)


def tokens_of(batch: int, length: int, device: torch.device) -> torch.Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randint(0, 31, (batch, length), generator=generator).to(device)


Step = Callable[[], torch.Tensor]


def our_steps(model: LanguageModel, tokens: torch.Tensor) -> tuple[Step, Step, int]:
    """Make the next token's pass, with a filled cache and without; give the cache's bytes."""
    batch, length = tokens.shape
    cache = model.new_cache(batch=batch, capacity=length)
    for some in tokens[:, :-1].split(FILL, dim=1):
        model(some, cache)

    def cached() -> torch.Tensor:
        cache.rewind(length - 1)
        return model(tokens[:, -1:], cache)[:, -1]

    return (
        cached,
        lambda: model(tokens)[:, -1],
        sum(buffer.nbytes for layer in cache.layers for buffer in layer.buffers),
    )


def their_steps(theirs: LlamaForCausalLM, tokens: torch.Tensor) -> dict[str, Step]:
    """Make the next token's pass with each of transformers' caches, and without.

    A dynamic cache grows by copying, so it is cropped after each pass; that is part of no pass in
    `generate` and takes microseconds. A static cache has a counter that is set back.
    """
    length = tokens.shape[1]
    dynamic: TheirCache = DynamicCache(config=theirs.config)
    static: TheirCache = StaticCache(config=theirs.config, max_cache_len=length)
    for cache in (dynamic, static):
        theirs(tokens[:, :-1], past_key_values=cache, use_cache=True)

    def with_dynamic() -> torch.Tensor:
        out = theirs(tokens[:, -1:], past_key_values=dynamic, use_cache=True).logits[:, -1]
        dynamic.crop(-1)
        return out

    def with_static() -> torch.Tensor:
        for layer in static.layers:
            layer.cumulative_length.fill_(length - 1)  # type: ignore[union-attr]
        return theirs(tokens[:, -1:], past_key_values=static, use_cache=True).logits[:, -1]

    return {
        "theirs, DynamicCache": with_dynamic,
        "theirs, StaticCache": with_static,
        "theirs, no cache": lambda: theirs(tokens, use_cache=False, logits_to_keep=1).logits[:, -1],
    }


def agreeing(
    works: dict[str, Step], check: Callable[[str, torch.Tensor], None], device: torch.device
) -> dict[str, Step]:
    """Keep the works whose result passes a check; on a processor all of them must."""
    kept: dict[str, Step] = {}
    for name, work in works.items():
        try:
            check(name, work())
        except Exception as error:
            if device.type == "cpu":
                raise
            print(f"{name} is left out: {type(error).__name__}: {error}", flush=True)
            torch.cuda.empty_cache()
        else:
            kept[name] = work
    return kept


def medians(
    works: dict[str, Step], *, rounds: int, least: float, device: torch.device
) -> dict[str, float]:
    """Time all works in turn, round by round: seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds_each(work, least, device))
    return {name: float(np.median(found)) for name, found in times.items()}


def rows_of(
    row: Callable[[int], dict[str, Any]], lengths: list[int], device: torch.device
) -> list[dict[str, Any]]:
    """Measure length by length; a graphics card stops where it cannot go on."""
    rows: list[dict[str, Any]] = []
    for length in lengths:
        try:
            rows.append(row(length))
        except RuntimeError as error:  # too little memory is one
            if device.type == "cpu":
                raise
            print(f"left out from {length} tokens on: {type(error).__name__}: {error}", flush=True)
            break
        print(rows[-1], flush=True)
    return rows


def against_length(*, rounds: int, least: float, device: torch.device) -> list[dict[str, Any]]:
    """Measure the next token with and without caches, ours and theirs."""
    ours = model_of(device, attention="grouped-query", groups=2)
    peers = peers_of(ours, device)

    def row(length: int) -> dict[str, Any]:
        tokens = tokens_of(1, length, device)
        cached, uncached, size = our_steps(ours, tokens)
        works: dict[str, Step] = {"ours, cache": cached, "ours, no cache": uncached}
        try:
            works |= {
                name: work for theirs in peers for name, work in their_steps(theirs, tokens).items()
            }
        except Exception as error:
            if device.type == "cpu":
                raise
            print(f"transformers is left out at {length}: {type(error).__name__}: {error}")
        wanted = uncached()

        def check(_: str, found: torch.Tensor) -> None:
            torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)

        works = agreeing(works, check, device)
        seconds = medians(works, rounds=rounds, least=least, device=device)
        return {
            "length": length,
            "milliseconds": {name: round(1e3 * s, 4) for name, s in seconds.items()},
            "megaflops": {
                name: round(flops_of(work) / 1e6, 3)
                for name, work in works.items()
                if name.startswith("ours")
            },
            "cache_bytes": size,
        }

    return rows_of(row, LENGTHS[device.type], device)


def peers_of(ours: LanguageModel, device: torch.device) -> list[LlamaForCausalLM]:
    """Build transformers' model with the same weights; none if that fails on a graphics card."""
    try:
        theirs = llama(ours).to(device)  # type: ignore[arg-type]
    except Exception as error:
        if device.type == "cpu":
            raise
        print(f"transformers is left out: {type(error).__name__}: {error}", flush=True)
        return []
    theirs.generation_config.pad_token_id = 0
    return [theirs]


def whole_generation(*, rounds: int, device: torch.device) -> dict[str, Any]:
    """Measure greedy generation from a prompt, tokens a second."""
    ours = model_of(device, attention="grouped-query", groups=2)
    peers, prompt = peers_of(ours, device), tokens_of(1, PROMPT, device)

    def with_transformers(theirs: LlamaForCausalLM, **options: Any) -> Step:
        return lambda: theirs.generate(  # type: ignore[return-value, misc]
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=NEW,
            do_sample=False,
            **options,
        )

    works: dict[str, Step] = {
        "ours, cache": lambda: generate(ours, prompt, new=NEW),
        "ours, no cache": lambda: generate_without_cache(ours, prompt, new=NEW),
    }
    for theirs in peers:
        works["theirs, DynamicCache"] = with_transformers(theirs, use_cache=True)
        works["theirs, StaticCache"] = with_transformers(
            theirs, cache_implementation="static", disable_compile=True
        )
        works["theirs, no cache"] = with_transformers(theirs, use_cache=False)
    wanted = works["ours, no cache"]()

    def check(name: str, found: torch.Tensor) -> None:
        assert torch.equal(found, wanted), f"{name} says something else"

    works = agreeing(works, check, device)
    seconds = medians(works, rounds=rounds, least=0, device=device)
    speed = {name: round(NEW / s, 1) for name, s in seconds.items()}
    print(speed, flush=True)
    return {
        "prompt": PROMPT,
        "new": NEW,
        "tokens_per_second": speed,
        "ours_over_theirs": {
            name: round(seconds[name] / seconds["ours, cache"], 2)
            for name in seconds
            if name.startswith("theirs") and "ours, cache" in seconds
        },
    }


def kinds_against_length(
    *, rounds: int, least: float, device: torch.device
) -> list[dict[str, Any]]:
    """Measure the next token of the four kinds of attention, decoding from their caches."""
    models = {name: model_of(device, **options) for name, options in KINDS.items()}

    def row(length: int) -> dict[str, Any]:
        tokens = tokens_of(BATCH, length, device)
        works, sizes = {}, {}
        for name, model in models.items():
            works[name], _, size = our_steps(model, tokens)
            sizes[name] = size // (BATCH * length)
        seconds = medians(works, rounds=rounds, least=least, device=device)
        return {
            "length": length,
            "milliseconds": {name: round(1e3 * s, 4) for name, s in seconds.items()},
            "megaflops": {name: round(flops_of(w) / 1e6, 3) for name, w in works.items()},
            "cache_bytes_per_token": sizes,
        }

    return rows_of(row, KINDS_LENGTHS[device.type], device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each measurement, at least")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    add_device(parser)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    device = chosen.device
    timing = {"rounds": chosen.rounds, "least": chosen.seconds, "device": device}
    found: dict[str, Any] = {
        "command": f"python benchmarks/decoding.py --rounds {chosen.rounds} "
        f"--seconds {chosen.seconds} --record"
        + (f" --device {device.type}" if device.type != "cpu" else ""),
        "machine": machine(device),
        "versions": {**versions(), "transformers": transformers.__version__},
        "model": SIZES,
        "batch_of_kinds": BATCH,
    }
    parts: dict[str, Callable[[], Any]] = {
        "generation": lambda: whole_generation(rounds=chosen.rounds, device=device),
        "against_length": lambda: against_length(**timing),
        "kinds": lambda: kinds_against_length(**timing),
    }

    def keep() -> None:
        if chosen.record:
            content = (json.dumps(found, indent=1) + "\n").encode()
            write_atomically(record_on(device, RECORD), content)

    for name, part in parts.items():
        try:
            with torch.no_grad():
                found[name] = part()
        except RuntimeError as error:
            if device.type == "cpu":
                raise
            print(f"{name} is left out: {type(error).__name__}: {error}", flush=True)
        if device.type != "cpu":
            keep()  # a card may be gone before the end
    keep()


if __name__ == "__main__":
    main()
