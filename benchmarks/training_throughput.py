"""Training speed of the encoder-decoder: against this machine's limit, and beside its peers.

python benchmarks/training_throughput.py [--batch 16] [--seconds 3] [--rounds 5]

The limit is what a large matrix product reaches here, in float32 and in bfloat16. FLOPs are those
of all matrix products of a step, counted by torch. A step is forward, loss, backward, clipping and
AdamW, on images that are there already; one thread, by the processor's clock, peers in turn.

Peers: the same encoder-decoder built from `torch.nn.Transformer` layers, and vit-pytorch's
`SimpleViT` for the encoder (pip install --no-deps vit-pytorch==1.26.11; left out when missing).
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models import build_model
from shapes_of_attention.models.blocks import EncoderBlock
from shapes_of_attention.models.patches import PaletteHead, PatchEmbedding, unpatchify
from shapes_of_attention.models.positions import (
    LearnedPositions,
    SinusoidalPositions,
    grid_coordinates,
)

DIM, HEADS, HIDDEN, PATCH, GRID = 128, 4, 512, 16, 8


class TorchEncoderDecoder(nn.Module):
    """The encoder-decoder with learned positions and decoder self-attention, of torch's layers."""

    def __init__(self) -> None:
        super().__init__()
        same: dict[str, Any] = {
            "dropout": 0.0,
            "activation": "gelu",
            "batch_first": True,
            "norm_first": True,
        }
        self.encoder_embedding = PatchEmbedding(patch=PATCH, dim=DIM)
        self.decoder_embedding = PatchEmbedding(patch=PATCH, dim=DIM)
        self.encoder_positions = LearnedPositions(tokens=GRID**2, dim=DIM)
        self.decoder_positions = LearnedPositions(tokens=GRID**2, dim=DIM)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(DIM, HEADS, HIDDEN, **same),
            2,
            norm=nn.LayerNorm(DIM),
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(DIM, HEADS, HIDDEN, **same), 2, norm=nn.LayerNorm(DIM)
        )
        self.paint = PaletteHead(patch=PATCH, dim=DIM)

    def forward(self, image: Tensor) -> Tensor:
        memory = self.encoder(self.encoder_positions(self.encoder_embedding(image)))
        queries = self.decoder_positions(self.decoder_embedding(image))
        return unpatchify(self.paint(self.decoder(queries, memory)), patch=PATCH, rows=GRID)


class OurEncoder(nn.Module):
    """Our encoder blocks in the frame of `SimpleViT`: mean over tokens, linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(patch=PATCH, dim=DIM)
        cells = grid_coordinates(GRID, GRID)
        self.positions = SinusoidalPositions(coordinates=cells, dim=DIM)
        self.blocks = nn.Sequential(
            *(EncoderBlock(dim=DIM, heads=HEADS, hidden=HIDDEN) for _ in range(4))
        )
        self.norm = nn.LayerNorm(DIM)
        self.classify = nn.Linear(DIM, 10)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.blocks(self.positions(self.embedding(image)))
        return self.classify(self.norm(tokens).mean(dim=1))


def simple_vit() -> nn.Module | None:
    """Build vit-pytorch's encoder, from its own file: its package would import torchvision."""
    spec = importlib.util.find_spec("vit_pytorch")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "simple_vit.py"
    file = importlib.util.spec_from_file_location("simple_vit", path)
    assert file is not None
    assert file.loader is not None
    module = importlib.util.module_from_spec(file)
    file.loader.exec_module(module)
    model: nn.Module = module.SimpleViT(
        image_size=GRID * PATCH,
        patch_size=PATCH,
        num_classes=10,
        dim=DIM,
        depth=4,
        heads=HEADS,
        mlp_dim=HIDDEN,
        dim_head=DIM // HEADS,
    )
    return model


def training_step(model: nn.Module, batch: int, *, bf16: bool) -> Callable[[], None]:
    """Make one step of training as a function without arguments."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    image = torch.rand(batch, 3, GRID * PATCH, GRID * PATCH)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            painted = model(image)
        loss = painted.float().abs().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def product_limit(dtype: torch.dtype, seconds: float) -> float:
    """Measure the GFLOP/s of a product of two 1024 x 1024 matrices."""
    left, right = (torch.randn(1024, 1024).to(dtype) for _ in range(2))
    return 2 * 1024**3 / seconds_each(lambda: left @ right, seconds) / 1e9


def seconds_each(work: Callable[[], object], seconds: float) -> float:
    """Repeat for about so many seconds of processor time; give the seconds of one."""
    work()
    start, number = time.process_time(), 0
    while time.process_time() - start < seconds:
        work()
        number += 1
    return (time.process_time() - start) / number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    twin = {"decoder_self_attention": True, "positions": "learned"}
    models: dict[str, nn.Module | None] = {
        "encoder-decoder": build_model("encoder-decoder"),
        "encoder-decoder, as torch's": build_model("encoder-decoder", twin),
        "torch.nn.Transformer": TorchEncoderDecoder(),
        "encoder": OurEncoder(),
        "vit-pytorch": simple_vit(),
    }
    steps = {
        (name, precision): training_step(model, chosen.batch, bf16=precision == "bf16")
        for name, model in models.items()
        if model is not None
        for precision in ("float32", "bf16")
    }
    work = {key: flops_of(step) / 1e9 for key, step in steps.items()}
    times: dict[tuple[str, str], list[float]] = {key: [] for key in steps}
    limits: dict[str, list[float]] = {"float32": [], "bf16": []}
    for _ in range(chosen.rounds):
        # All in turn within a round, so that a busy moment of the machine meets all of them.
        limits["float32"].append(product_limit(torch.float32, chosen.seconds / 3))
        limits["bf16"].append(product_limit(torch.bfloat16, chosen.seconds / 3))
        for key, step in steps.items():
            times[key].append(seconds_each(step, chosen.seconds))
    limit = {name: float(np.median(found)) for name, found in limits.items()}
    rows = []
    for (name, precision), found in times.items():
        middle = float(np.median(found))
        speed = work[name, precision] / middle
        rows.append(
            {
                "model": name,
                "precision": precision,
                "images_per_second": round(chosen.batch / middle, 1),
                "gflops_per_image": round(work[name, precision] / chosen.batch, 3),
                "gflops_per_second": round(speed, 1),
                "share_of_limit": round(speed / limit[precision], 3),
                "share_of_float32_limit": round(speed / limit["float32"], 3),
            }
        )
    rounded = {name: round(value, 1) for name, value in limit.items()}
    print(json.dumps({"matrix_product_gflops_per_second": rounded, "models": rows}, indent=1))


if __name__ == "__main__":
    main()
