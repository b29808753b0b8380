"""Mixture of experts: many feed-forward networks, of which each token visits only a few.

Sources: top-k gating with softmax over the chosen logits, arXiv 2401.04088; balance loss and the
router in float32, arXiv 2101.03961; capacity, arXiv 2006.16668; balance by a bias, arXiv
2408.15664; shared experts, arXiv 2401.06066.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "Experts",
    "MixtureConfig",
    "MixtureOfExperts",
    "Router",
    "Routing",
    "balance_loss",
    "capture_routing",
    "group_by_expert",
    "grouped_linear",
    "start_evenly",
]

Form = Literal["gelu", "swiglu"]


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """Shape of a mixture of experts.

    Attributes
    ----------
    dim, hidden : width of a token, width inside one expert; multiples of 8.
    experts, chosen : experts to choose from, and how many of them a token visits.
    shared : experts besides, which every token visits.
    form : what an expert is: two matrices with a GELU between, or the three of SwiGLU
        (arXiv 2002.05202), as in Mixtral. No biases.
    capacity_factor : an expert takes at most this many times its even share of a batch, and what
        overflows is dropped; None sets no limit.
    """

    dim: int
    hidden: int
    experts: int = 8
    chosen: int = 2
    shared: int = 0
    form: Form = "gelu"
    capacity_factor: float | None = None

    def __post_init__(self) -> None:
        # Grouped products want every row to start at a multiple of 16 bytes.
        if min(self.dim, self.hidden) < 1 or self.dim % 8 or self.hidden % 8:
            raise ValueError(
                f"dim and hidden must be multiples of 8, got {self.dim} and {self.hidden}"
            )
        if not 1 <= self.chosen <= self.experts:
            raise ValueError(
                f"chosen must lie between 1 and the {self.experts} experts, got {self.chosen}"
            )
        if self.shared < 0:
            raise ValueError(f"shared must not be negative, got {self.shared}")
        if self.form not in ("gelu", "swiglu"):
            raise ValueError(f"form must be gelu or swiglu, got {self.form!r}")
        if self.capacity_factor is not None and not self.capacity_factor > 0:
            raise ValueError(f"capacity_factor must be positive, got {self.capacity_factor}")


class Routing(NamedTuple):
    """Where tokens go: `probabilities` [tokens, experts], `chosen` and `weights` [tokens, chosen].

    The experts that a token chose come with the best first. The weights of several add up to one;
    the weight of a single one is its probability, lest the router learn nothing.
    """

    probabilities: Tensor
    chosen: Tensor
    weights: Tensor

    def load(self) -> Tensor:
        """Compute the share of all choices that fell on each expert: [experts]."""
        number = self.probabilities.shape[-1]
        return _count(self.chosen.flatten(), number) / self.chosen.numel()


class Router(nn.Module):
    """Choose experts for each token: [tokens, dim] -> `Routing`.

    `bias` [experts] takes part in the choice alone. It has no gradient: `balance` moves it.
    """

    bias: Tensor

    def __init__(self, *, dim: int, experts: int, chosen: int) -> None:
        super().__init__()
        self.chosen = chosen
        self.score = nn.Linear(dim, experts, bias=False)
        self.register_buffer("bias", torch.zeros(experts))

    def forward(self, tokens: Tensor) -> Routing:
        # Close calls decide where a token goes, so scores are as precise as the weights are.
        with torch.autocast(tokens.device.type, enabled=False):
            logits = self.score(tokens.to(self.score.weight.dtype))  # [tokens, experts]
        probabilities = logits.softmax(dim=-1)
        chosen = (probabilities + self.bias).topk(self.chosen, dim=-1).indices
        if self.chosen == 1:
            # The softmax of one logit is 1 whatever the logit, and would teach the router nothing.
            return Routing(probabilities, chosen, probabilities.gather(-1, chosen))
        return Routing(probabilities, chosen, logits.gather(-1, chosen).softmax(dim=-1))

    @torch.no_grad()
    def balance(self, load: Tensor, *, rate: float) -> None:
        """Make experts with less than their share of `load` [experts] easier to choose."""
        self.bias += rate * torch.sign(load.mean() - load)


class Experts(nn.Module):
    """Feed-forward networks side by side: expert i has the matrices `expand[i]` and `contract[i]`.

    `rows` [rows, dim], those of the first expert first, and `counts` [experts], the rows of each
    -> [rows, dim]. An expert without rows costs nothing. None has more than `most` rows, all of
    them if that is not given.
    """

    def __init__(self, *, experts: int, dim: int, hidden: int, form: Form) -> None:
        super().__init__()
        self.form = form
        wide = 2 * hidden if form == "swiglu" else hidden
        self.expand = nn.Parameter(torch.empty(experts, wide, dim))
        self.contract = nn.Parameter(torch.empty(experts, dim, hidden))
        for weight in (self.expand, self.contract):
            # As `nn.Linear` does for a layer of its own.
            limit = 1 / math.sqrt(weight.shape[-1])
            nn.init.uniform_(weight, -limit, limit)

    def forward(self, rows: Tensor, counts: Tensor, *, most: int | None = None) -> Tensor:
        if len(self.expand) == 1 or not _wants_even_groups(rows):
            return self._network(rows, partial(grouped_linear, counts=counts))
        places = _places_in_even_groups(counts, rows=len(rows), size=most or len(rows))
        even = rows.new_zeros(len(counts), most or len(rows), rows.shape[-1])
        even = even.flatten(0, 1).index_copy(0, places, rows).view_as(even)
        return self._network(even, _batched_linear).flatten(0, 1).index_select(0, places)

    def _network(self, rows: Tensor, product: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        inner = product(rows, self.expand)
        if self.form == "swiglu":
            gate, value = inner.chunk(2, dim=-1)
            inner = functional.silu(gate) * value
        else:
            inner = functional.gelu(inner)
        return product(inner, self.contract)


class MixtureOfExperts(nn.Module):
    """A feed-forward layer of which each token uses a part: [..., dim] -> the same.

    In float32 or shorter, as `grouped_linear`.
    """

    def __init__(self, config: MixtureConfig) -> None:
        super().__init__()
        self.config = config
        self.router = Router(dim=config.dim, experts=config.experts, chosen=config.chosen)
        self.experts = Experts(
            experts=config.experts, dim=config.dim, hidden=config.hidden, form=config.form
        )
        self.shared: Experts | None = None
        if config.shared:
            # Networks whose results are added up are one network of their joint width.
            self.shared = Experts(
                experts=1, dim=config.dim, hidden=config.shared * config.hidden, form=config.form
            )

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.config.dim:
            raise ValueError(f"tokens must be {self.config.dim} wide, got {tuple(x.shape)}")
        tokens = x.reshape(-1, self.config.dim)  # [tokens, dim]
        routing = self.router(tokens)
        places, counts = group_by_expert(
            routing.chosen, experts=self.config.experts, capacity=self.capacity(len(tokens))
        )
        rows = tokens.index_select(0, places % len(tokens))  # [places, dim], sorted by expert
        # A token chooses an expert once at most.
        results = self.experts(rows, counts, most=len(tokens))
        # Back to where they came from: [chosen * tokens, dim], zero where a choice was dropped.
        spread = results.new_zeros(routing.chosen.numel(), self.config.dim)
        spread = spread.index_copy_(0, places, results).unflatten(0, (self.config.chosen, -1))
        mixed = (spread * routing.weights.T[..., None]).sum(dim=0)  # [tokens, dim]
        if self.shared is not None:
            mixed = mixed + self.shared(tokens, counts.sum())
        return mixed.to(x.dtype).reshape(x.shape)

    def capacity(self, tokens: int) -> int | None:
        """Compute how many tokens an expert takes from a batch of `tokens`; None for any number."""
        if self.config.capacity_factor is None:
            return None
        even = tokens * self.config.chosen / self.config.experts
        return math.ceil(self.config.capacity_factor * even)


def grouped_linear(rows: Tensor, weights: Tensor, counts: Tensor) -> Tensor:
    """Multiply each group of rows with its group's own matrix.

    `rows` [rows, in], group after group; `weights` [groups, out, in]; `counts` [groups], the rows
    of each -> [rows, out]. `in` and `out` must be multiples of 8.

    Raises
    ------
    TypeError
        For float64: torch has no grouped product of it.
    """
    if len(weights) == 1 or len(rows) == 0:
        return functional.linear(rows, weights[0])
    kind = rows.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        rows, weights = rows.to(dtype), weights.to(dtype)
    if rows.dtype == torch.float64:
        raise TypeError("experts are computed in float32 or shorter, got float64")
    ends = counts.cumsum(0, dtype=torch.int32)
    return functional.grouped_mm(rows, weights.mT, offs=ends)


def _wants_even_groups(rows: Tensor) -> bool:
    """Tell whether groups are padded to one size on this device.

    In float32 graphics cards have no kernel for groups of any size: torch then asks the device for
    the sizes, product after product, and waits for its answer.
    """
    short = torch.is_autocast_enabled(rows.device.type) or rows.dtype != torch.float32
    return rows.is_cuda and not short


def _places_in_even_groups(counts: Tensor, *, rows: int, size: int) -> Tensor:
    """Say where each row stands when every group has room for `size` rows: [rows].

    `counts` [groups]; rows come group after group. Nothing here has to be known on the CPU.
    """
    ends = counts.cumsum(0)
    row = torch.arange(rows, device=counts.device)
    group = torch.searchsorted(ends, row, right=True)
    return group * size + row - (ends - counts)[group]


def _batched_linear(rows: Tensor, weights: Tensor) -> Tensor:
    """Multiply [groups, rows, in] with `weights` [groups, out, in] -> [groups, rows, out]."""
    return rows @ weights.mT


def _count(choices: Tensor, experts: int) -> Tensor:
    """Count how often each expert is chosen: [choices] -> [experts].

    Unlike `bincount` it lets a graphics card go on without an answer.
    """
    return (choices[:, None] == torch.arange(experts, device=choices.device)).sum(dim=0)


def group_by_expert(
    chosen: Tensor, *, experts: int, capacity: int | None = None
) -> tuple[Tensor, Tensor]:
    """Sort all choices by their expert.

    Parameters
    ----------
    chosen : experts that tokens chose, [tokens, chosen], the best first.
    capacity : choices that one expert accepts. First choices go before second ones, and earlier
        tokens before later ones.

    Returns
    -------
    places
        Accepted choices, sorted by expert, as choice * tokens + token: [accepted].
    counts
        How many there are for each expert: [experts].
    """
    choices = chosen.T.flatten()
    places = choices.argsort(stable=True)
    counts = _count(choices, experts)
    if capacity is not None:
        first = (counts.cumsum(0) - counts).repeat_interleave(counts)
        turn = torch.arange(len(places), device=places.device) - first
        places, counts = places[turn < capacity], counts.clamp(max=capacity)
    return places, counts


def balance_loss(routing: Routing) -> Tensor:
    """Compute how uneven the experts' work is: a scalar, 1 when it is shared evenly.

    experts * sum_i f_i P_i, with f_i the share of choices that fell on expert i and P_i its mean
    probability (arXiv 2101.03961). The gradient flows through P alone.
    """
    experts = routing.probabilities.shape[-1]
    return experts * (routing.load() * routing.probabilities.mean(dim=0)).sum()


@contextmanager
def capture_routing(model: nn.Module) -> Iterator[dict[str, Routing]]:
    """Collect how every mixture of experts in the model routes in this context.

    Yields a dictionary that the last forward pass fills: name of the mixture, such as
    `encoder.0.feed_forward` -> `Routing`, with its gradients. Tokens are in reading order, image by
    image.
    """
    captured: dict[str, Routing] = {}
    handles = []
    try:
        for name, module in model.named_modules():
            if not isinstance(module, MixtureOfExperts):
                continue

            def keep(_: nn.Module, __: Any, routing: Routing, name: str = name) -> None:
                captured[name] = routing

            handles.append(module.router.register_forward_hook(keep))
        yield captured
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def start_evenly(model: nn.Module, *inputs: Tensor) -> None:
    """Let every router of an untrained model begin with a load that is about even.

    Tokens have much in common, and on that alone a random router scores its experts so differently
    that nearly all tokens choose the same few. So each router is made blind to what its tokens are
    on average, when the model reads `inputs`.
    """
    handles = []

    def level(router: nn.Module, given: tuple[Tensor]) -> None:
        common = functional.normalize(given[0].mean(dim=0), dim=0)  # [dim]
        assert isinstance(router, Router)
        weight = router.score.weight  # [experts, dim]
        weight -= (weight @ common)[:, None] * common

    try:
        for module in model.modules():
            if isinstance(module, Router):
                handles.append(module.register_forward_pre_hook(level))
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
