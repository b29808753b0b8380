"""The optimiser and the learning rate's course that all training here shares."""

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["adamw", "rate_at", "set_rate"]


def adamw(
    model: nn.Module,
    *,
    learning_rate: float,
    weight_decay: float,
    fused: bool = True,
    recorded_on: torch.device | None = None,
) -> torch.optim.AdamW:
    """Make AdamW (arXiv 1711.05101) that lets parameters of two dimensions or more decay.

    These are matrices, and with them tables of embeddings and places, registers, projections and
    the vectors that tell channels apart. Biases and the gains of norms do not decay.

    `recorded_on` is the graphics card on which steps are recorded and replayed: the learning rate
    stands there then, as a number in Python would be recorded, too.
    """
    rate: float | Tensor = learning_rate
    if recorded_on is not None:
        rate = torch.tensor(learning_rate, device=recorded_on)
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=rate,
        betas=(0.9, 0.99),
        fused=fused,
        capturable=recorded_on is not None,
    )


def set_rate(optimizer: Any, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def rate_at(highest: float, *, rise: float, progress: float) -> float:
    """Compute a learning rate: a straight rise to the highest, under a cosine that falls to zero.

    Parameters
    ----------
    rise : how much of the warm-up is done, 1 or more when it is over.
    progress : how much of the whole run is done, 0 ... 1.
    """
    return highest * min(1.0, rise) * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))
