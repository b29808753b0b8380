"""What defines a training run. Two runs with equal configurations are the same run."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

from shapes_of_attention.training.optimizer import rate_at

__all__ = [
    "Budget",
    "Course",
    "Precision",
    "Progress",
    "RunConfig",
    "ShortRun",
    "differences",
    "key_of",
]

Loss = Literal["l1", "mse"]
Precision = Literal["bf16", "float32"]


@dataclass
class Progress:
    """How far a run is; what a state's note holds.

    Attributes
    ----------
    images : examples seen, be they images, series or stories.
    seconds : of training alone: of processor time on a CPU, so that a busy machine does not cheat a
        run, of the clock on other devices.
    memory : what the run gathers beside its weights; see `loop.Task`.
    """

    step: int = 0
    images: int = 0
    seconds: float = 0.0
    wall_seconds: float = 0.0
    loss: float = float("nan")
    curve: list[dict[str, float]] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """How long a run is: so many `seconds`, `images` (examples, of whatever kind) or `steps`."""

    amount: float
    unit: Literal["seconds", "images", "steps"]

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            raise ValueError(f"the budget must be positive and finite, got {self.amount}")
        if self.unit != "seconds" and self.amount != int(self.amount):
            raise ValueError(f"a budget of {self.unit} is a whole number, got {self.amount}")

    def __str__(self) -> str:
        number = f"{self.amount:g}" if self.unit == "seconds" else f"{int(self.amount)}"
        return f"{number} {self.unit}"


class Course(Protocol):
    """How long a run is, and how fast it learns on the way."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def budget(self) -> Budget: ...

    def share(self, progress: Progress) -> float:
        """Compute the share of the budget that has been used."""

    def rate(self, progress: Progress, share: float) -> float:
        """Compute the learning rate of the next step, after a share of the budget."""

    def described(self) -> dict[str, Any]:
        """Give its part of what defines a run, as a record states it."""

    def at(self, budget: Budget) -> "Course":
        """Give the same course another length; its warm-up stays as long as it is."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides the outcome of a run on images, and nothing else.

    Attributes
    ----------
    model, options : name in `models.IMAGE_MODELS`, and the options that differ from its default.
    data : options of `ShapesConfig` that differ from the default.
    seed : of the weights and the images; images of validation and tests come from other seeds.
    batch_size : images a step, over all processes together.
    learning_rate : at its highest.
    weight_decay : of matrices and tables, not of biases and norms; see `optimizer.adamw`.
    warmup_images : images over which the learning rate rises; then it falls as a cosine to zero.
    loss : mean absolute ("l1") or squared ("mse") difference of pixels in 0 ... 1.
    precision : of matrix products in training; weights are kept in float32 in either case. A
        machine that is slow in bf16 takes float32, and its record says so.
    budget_seconds, budget_images : where the run ends, exactly one of them; see `Progress`.
        Measuring and saving do not count.
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
    starts_from: str | None = None

    def __post_init__(self) -> None:
        if (self.budget_seconds is None) == (self.budget_images is None):
            raise ValueError("give exactly one of budget_seconds and budget_images")
        _ = self.budget
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

    @property
    def budget(self) -> Budget:
        """Say where the run ends."""
        if self.budget_images is not None:
            return Budget(self.budget_images, "images")
        assert self.budget_seconds is not None
        return Budget(self.budget_seconds, "seconds")

    def described(self) -> dict[str, Any]:
        """Give all that defines the run, as its record states it."""
        # Runs could once go on from others; the addresses of those that did not still say so.
        return {**_without_late(self, "starts_from"), "continues": None}

    def key(self) -> str:
        """Give the run its address: a hash of what defines it."""
        return key_of(self.described())

    def with_budget(self, seconds: float) -> "RunConfig":
        """Give the same run another length."""
        return replace(self, budget_seconds=seconds, budget_images=None)

    def at(self, budget: Budget) -> "RunConfig":
        """Give the same run another length, in any unit."""
        if budget.unit == "seconds":
            return self.with_budget(budget.amount)
        images = int(budget.amount) * (self.batch_size if budget.unit == "steps" else 1)
        return replace(self, budget_seconds=None, budget_images=images)

    def share(self, progress: Progress) -> float:
        """Compute the share of the budget that has been used."""
        done = progress.seconds if self.budget_images is None else progress.images
        return done / self.budget.amount

    def rate(self, progress: Progress, share: float) -> float:
        """Compute the learning rate of the next step, after a share of the budget."""
        rise = (progress.images + 1) / max(self.warmup_images, 1)
        return rate_at(self.learning_rate, rise=rise, progress=share)


@dataclass(frozen=True, kw_only=True)
class ShortRun:
    """How a small model is trained, in minutes.

    Attributes
    ----------
    learning_rate : at its highest.
    weight_decay : of matrices and tables, not of biases and norms; see `optimizer.adamw`.
    warmup_steps : steps over which the learning rate rises; it falls as a cosine to zero.
    steps, seconds, images : where the run ends, exactly one of them; see `Progress`.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    steps: int | None = None
    seconds: float | None = None
    images: int | None = None

    def __post_init__(self) -> None:
        given = [self.steps, self.seconds, self.images]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of steps, seconds and images")
        _ = self.budget
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")

    @property
    def budget(self) -> Budget:
        """Say where the run ends."""
        if self.steps is not None:
            return Budget(self.steps, "steps")
        if self.images is not None:
            return Budget(self.images, "images")
        assert self.seconds is not None
        return Budget(self.seconds, "seconds")

    def described(self) -> dict[str, Any]:
        """Give its part of what defines a run, as a record states it."""
        return {"run": _without_late(self, "images")}

    def at(self, budget: Budget) -> "ShortRun":
        """Give the same run another length, in any unit."""
        amount = budget.amount if budget.unit == "seconds" else int(budget.amount)
        changed: dict[str, Any] = {"steps": None, "seconds": None, "images": None}
        return replace(self, **{**changed, budget.unit: amount})

    def share(self, progress: Progress) -> float:
        """Compute the share of the budget that has been used."""
        done = {"steps": progress.step, "images": progress.images, "seconds": progress.seconds}
        return done[self.budget.unit] / self.budget.amount

    def rate(self, progress: Progress, share: float) -> float:
        """Compute the learning rate of the next step, after a share of the budget."""
        rise = (progress.step + 1) / max(self.warmup_steps, 1)
        return rate_at(self.learning_rate, rise=rise, progress=share)


def key_of(described: dict[str, Any]) -> str:
    """Give a run its address: a hash of what defines it."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]


def differences(then: Mapping[str, Any], now: Mapping[str, Any], *, within: str = "") -> list[str]:
    """Say where two descriptions differ, both in terms of JSON: "model.hidden was 128, is 256".

    What only one of them has is passed over: an option that came later had one value before.
    `within` stands before the names.
    """
    found = []
    for name in sorted(then.keys() & now.keys()):
        one, other = then[name], now[name]
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, within=f"{within}{name}.")
        elif one != other:
            found.append(f"{within}{name} was {one}, is {other}")
    return found


def _without_late(config: Any, *late: str) -> dict[str, Any]:
    """Leave out fields that came later and are not used: older runs keep their addresses."""
    return {
        name: value
        for name, value in asdict(config).items()
        if name not in late or value is not None
    }
