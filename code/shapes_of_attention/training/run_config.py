"""What defines a training run. Two runs with equal configurations are the same run."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from shapes_of_attention.training.optimizer import rate_at

__all__ = ["RunConfig"]

Loss = Literal["l1", "mse"]
Precision = Literal["bf16", "float32"]


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides the outcome of a run, and nothing else.

    Attributes
    ----------
    model, options : name in `models.IMAGE_MODELS`, and the options that differ from its default.
    data : options of `ShapesConfig` that differ from the default.
    seed : of the weights and the images; images of validation and tests come from other seeds.
    batch_size : images a step, over all processes together.
    learning_rate : at its highest.
    weight_decay : of matrices; biases, norms and tables have none.
    warmup_images : images over which the learning rate rises; then it falls as a cosine to zero.
    loss : mean absolute ("l1") or squared ("mse") difference of pixels in 0 ... 1.
    precision : of matrix products in training; weights are kept in float32 in either case. A
        machine that is slow in bf16 takes float32, and its record says so.
    budget_seconds, budget_images : where the run ends, exactly one of them. Seconds are of the
        training process: of its processor time on a CPU, so that a busy machine does not cheat
        a run, of the clock on other devices. Measuring and saving do not count.
    continues : key of the finished run whose last state this one starts from.
    starts_from : name of a kept checkpoint whose weights this run starts from; see
        `training.start`.
    """

    model: str
    options: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup_images: int = 5_000
    loss: Loss = "l1"
    precision: Precision = "bf16"
    budget_seconds: float | None = None
    budget_images: int | None = None
    continues: str | None = None
    starts_from: str | None = None

    def __post_init__(self) -> None:
        if (self.budget_seconds is None) == (self.budget_images is None):
            raise ValueError("give exactly one of budget_seconds and budget_images")
        budget = self.budget_seconds if self.budget_images is None else self.budget_images
        if budget is None or not 0 < budget < math.inf:
            raise ValueError(f"the budget must be positive and finite, got {budget}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.loss not in ("l1", "mse"):
            raise ValueError(f"loss must be l1 or mse, got {self.loss!r}")
        if self.precision not in ("bf16", "float32"):
            raise ValueError(f"precision must be bf16 or float32, got {self.precision!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.warmup_images < 0 or self.weight_decay < 0:
            raise ValueError("warmup_images and weight_decay must not be negative")

    def key(self) -> str:
        """Give the run its address: a hash of what defines it."""
        defining = asdict(self)
        if self.starts_from is None:  # came later; runs without it keep their addresses
            del defining["starts_from"]
        text = json.dumps(defining, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def with_budget(self, seconds: float) -> "RunConfig":
        """Give the same run another length."""
        return replace(self, budget_seconds=seconds, budget_images=None)

    def learning_rate_at(self, *, progress: float, images: int) -> float:
        """Compute the learning rate after `images` images and a share `progress` of the budget."""
        rise = (images + 1) / max(self.warmup_images, 1)
        return rate_at(self.learning_rate, rise=rise, progress=progress)
