"""The mixture of experts beside Mixtral's, beside a plain loop, and what its parts promise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import (
    MixtralSparseMoeBlock,
    load_balancing_loss_func,
)

from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models import build_model, experts
from shapes_of_attention.models.experts import (
    MixtureConfig,
    MixtureOfExperts,
    Router,
    Routing,
    balance_loss,
    capture_routing,
    group_by_expert,
    grouped_linear,
)

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)


def mixtral(config: MixtureConfig, implementation: str) -> MixtralSparseMoeBlock:
    """Build transformers' block with weights of its own."""
    block = MixtralSparseMoeBlock(
        MixtralConfig(
            hidden_size=config.dim,
            intermediate_size=config.hidden,
            num_local_experts=config.experts,
            num_experts_per_tok=config.chosen,
            experts_implementation=implementation,  # type: ignore[call-arg]
        )
    )
    for weight in block.parameters():
        nn.init.normal_(weight, std=0.3)
    return block


def with_weights_of(theirs: MixtralSparseMoeBlock, config: MixtureConfig) -> MixtureOfExperts:
    ours = MixtureOfExperts(config)
    with torch.no_grad():
        ours.router.score.weight.copy_(theirs.gate.weight)
        ours.experts.expand.copy_(theirs.experts.gate_up_proj)
        ours.experts.contract.copy_(theirs.experts.down_proj)
    return ours


def one_token_at_a_time(layer: MixtureOfExperts, x: Tensor) -> Tensor:
    """Compute the layer as its formula says: for each token, for each of its experts."""
    rows = []
    for token in x.reshape(-1, x.shape[-1]):
        logits = layer.router.score.weight @ token
        best = (logits.softmax(0) + layer.router.bias).argsort(descending=True)
        best = best[: layer.config.chosen]
        # Softmax over the chosen is the softmax over all, scaled to add up to one.
        shares = logits.softmax(0)[best]
        if layer.config.chosen > 1:
            shares = shares / shares.sum()
        row = torch.zeros_like(token)
        for share, expert in zip(shares, best, strict=True):
            row = row + share * feed_forward(
                token, layer.experts.expand[expert], layer.experts.contract[expert], layer
            )
        if layer.shared is not None:
            row = row + feed_forward(token, layer.shared.expand[0], layer.shared.contract[0], layer)
        rows.append(row)
    return torch.stack(rows).reshape(x.shape)


def feed_forward(token: Tensor, expand: Tensor, contract: Tensor, layer: MixtureOfExperts):
    inner = expand @ token
    if layer.config.form == "gelu":
        return contract @ functional.gelu(inner)
    half = len(inner) // 2
    return contract @ (functional.silu(inner[:half]) * inner[half:])


def gradients(layer: nn.Module, out: Tensor, x: Tensor, weight: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((out * weight).sum(), [x, *layer.parameters()]))


@pytest.mark.parametrize("implementation", ["eager", "grouped_mm"])
@pytest.mark.parametrize("chosen", [2, 3])
def test_the_mixture_equals_mixtrals_block_with_copied_weights_forward_and_backward(
    implementation, chosen
):
    config = MixtureConfig(dim=24, hidden=40, experts=8, chosen=chosen, form="swiglu")
    theirs = mixtral(config, implementation)
    ours = with_weights_of(theirs, config)
    x = torch.randn(3, 17, 24, requires_grad=True)
    out, wanted = ours(x), theirs(x)
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    weight = torch.randn_like(out)
    found = dict(
        zip(
            ["x", *(name for name, _ in ours.named_parameters())],
            gradients(ours, out, x, weight),
            strict=True,
        )
    )
    names = ["x", "router.score.weight", "experts.expand", "experts.contract"]
    for name, gradient in zip(names, gradients(theirs, wanted, x, weight), strict=True):
        torch.testing.assert_close(found.pop(name), gradient, msg=name, **TOLERANCE)
    assert not found


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 9),
    experts=st.integers(1, 6),
    data=st.data(),
    shared=st.integers(0, 2),
    form=st.sampled_from(["gelu", "swiglu"]),
    seed=st.integers(0, 2**16),
)
def test_the_mixture_equals_a_loop_over_tokens_and_their_experts_forward_and_backward(
    batch, tokens, experts, data, shared, form, seed
):
    torch.manual_seed(seed)
    chosen = data.draw(st.integers(1, experts))
    layer = MixtureOfExperts(
        MixtureConfig(dim=8, hidden=16, experts=experts, chosen=chosen, shared=shared, form=form)
    )
    layer.router.bias.uniform_(-0.1, 0.1)
    x = torch.randn(batch, tokens, 8, requires_grad=True)
    out, wanted = layer(x), one_token_at_a_time(layer, x)
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    weight = torch.randn_like(out)
    for mine, loops in zip(
        gradients(layer, out, x, weight), gradients(layer, wanted, x, weight), strict=True
    ):
        torch.testing.assert_close(mine, loops, **TOLERANCE)


@pytest.mark.parametrize("form", ["gelu", "swiglu"])
@pytest.mark.parametrize("lopsided", [False, True])
def test_experts_of_even_groups_as_graphics_cards_compute_them_give_the_same(
    form, lopsided, monkeypatch
):
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=16, experts=5, chosen=2, form=form))
    if lopsided:
        layer.router.bias.copy_(torch.tensor([9.0, 0, 0, 9, 0]))
    x = torch.randn(3, 7, 8, requires_grad=True)
    weight = torch.randn(3, 7, 8)
    wanted = layer(x)
    slopes = gradients(layer, wanted, x, weight)
    monkeypatch.setattr(experts, "_wants_even_groups", lambda rows: True)
    monkeypatch.setattr(experts, "grouped_linear", None)
    out = layer(x)
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    torch.testing.assert_close(gradients(layer, out, x, weight), slopes, **TOLERANCE)
    assert layer(torch.randn(0, 8)).shape == (0, 8)


def test_one_expert_is_a_feed_forward_network_weighted_by_a_probability_of_one():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=8, experts=1, chosen=1))
    x = torch.randn(2, 4, 8)
    inner = functional.gelu(x @ layer.experts.expand[0].T)
    torch.testing.assert_close(layer(x), inner @ layer.experts.contract[0].T)


def test_a_lone_choice_still_teaches_the_router():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=8, experts=4, chosen=1))
    layer(torch.randn(20, 8)).square().sum().backward()
    assert layer.router.score.weight.grad.abs().max() > 1e-3


@pytest.mark.parametrize("shared", [0, 1])
def test_only_the_chosen_experts_are_computed(shared):
    config = MixtureConfig(dim=8, hidden=16, experts=12, chosen=3, shared=shared)
    layer, tokens = MixtureOfExperts(config), 40
    done = flops_of(lambda: layer(torch.randn(tokens, 8)))
    router = 2 * tokens * 8 * 12
    an_expert = 2 * 2 * tokens * 8 * 16
    assert done == router + (3 + shared) * an_expert


def test_an_expert_that_nobody_chose_is_not_computed_and_gets_no_gradient():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=16, experts=6, chosen=2))
    layer.router.bias.copy_(torch.tensor([9.0, 0, 0, 9, 0, 0]))
    with torch.no_grad():
        # Work whose result is multiplied by zero would show: NaN times zero is NaN.
        layer.experts.expand[[1, 2, 4, 5]] = torch.nan
    out = layer(torch.randn(10, 8))
    assert out.isfinite().all()
    out.sum().backward()
    reached = layer.experts.contract.grad.abs().amax(dim=(1, 2)) > 0
    assert reached.tolist() == [True, False, False, True, False, False]


def test_grouped_products_and_their_gradients_are_those_of_one_product_for_each_group():
    counts = [3, 0, 2, 1]
    rows = torch.randn(6, 8, requires_grad=True)
    weights = torch.randn(4, 16, 8, requires_grad=True)
    found = grouped_linear(rows, weights, torch.tensor(counts))
    parts = zip(rows.split(counts), weights, strict=True)
    wanted = torch.cat([part @ weight.T for part, weight in parts])
    torch.testing.assert_close(found, wanted, **TOLERANCE)
    slope = torch.randn(6, 16)
    mine = torch.autograd.grad(found, (rows, weights), slope)
    torch.testing.assert_close(mine, torch.autograd.grad(wanted, (rows, weights), slope))
    assert not mine[1][1].any()


def test_in_mixed_precision_the_products_are_short_and_the_choice_is_not():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=16, experts=6, chosen=2))
    x = torch.randn(200, 8)
    with torch.autocast("cpu", torch.bfloat16), capture_routing(nn.Sequential(layer)) as short:
        out = layer(x)
    assert torch.equal(short["0"].chosen, layer.router(x).chosen)
    assert short["0"].probabilities.dtype == out.dtype == torch.float32
    error = (out - layer(x)).abs().max()
    assert 0 < error < 0.05
    out.sum().backward()
    assert layer.experts.expand.grad.dtype == torch.float32


@pytest.mark.parametrize("chosen", [1, 2, 5])
def test_the_balance_loss_is_1_at_perfect_balance_and_the_number_of_experts_at_worst(chosen):
    experts, tokens = 5, 10
    even = torch.full((tokens, experts), 1 / experts)
    rounds = (torch.arange(tokens)[:, None] + torch.arange(chosen)) % experts
    assert balance_loss(Routing(even, rounds, rounds)).item() == pytest.approx(1)
    all_on_the_first = functional.one_hot(torch.zeros(tokens, dtype=torch.long), experts).float()
    first = torch.zeros(tokens, 1, dtype=torch.long)
    worst = Routing(all_on_the_first, first, torch.ones(tokens, 1))
    assert balance_loss(worst).item() == pytest.approx(experts)


def test_mixtral_counts_every_choice_so_its_balance_loss_is_ours_times_their_number():
    for chosen in (1, 2, 3):
        router = Router(dim=8, experts=6, chosen=chosen)
        x = torch.randn(50, 8)
        theirs = load_balancing_loss_func((router.score(x),), num_experts=6, top_k=chosen)
        torch.testing.assert_close(chosen * balance_loss(router(x)), theirs)


def test_a_step_down_the_balance_loss_makes_the_load_more_even():
    router = Router(dim=8, experts=6, chosen=2)
    with torch.no_grad():
        router.score.weight.mul_(3)
    x = 1 + torch.randn(400, 8)
    before = router(x).load()
    for _ in range(50):
        router.score.weight.grad = None
        balance_loss(router(x)).backward()
        router.score.weight.data -= 0.5 * router.score.weight.grad
    assert router(x).load().std() < before.std() / 2


def test_the_bias_moves_the_choice_and_nothing_else():
    router = Router(dim=8, experts=6, chosen=2)
    x = torch.randn(30, 8)
    before = router(x)
    router.bias.fill_(0.7)
    for part, same in zip(router(x), before, strict=True):
        assert torch.equal(part, same), "one bias for all changes nothing"
    router.bias.zero_()[4] = 5.0
    after = router(x)
    assert (after.chosen[:, 0] == 4).all()
    assert torch.equal(after.probabilities, before.probabilities)
    among = after.probabilities.gather(1, after.chosen)
    torch.testing.assert_close(after.weights, among / among.sum(1, keepdim=True))
    assert "bias" not in dict(router.named_parameters())


def test_balancing_moves_each_bias_one_step_against_its_load():
    router = Router(dim=4, experts=4, chosen=1)
    router.balance(torch.tensor([0.25, 0.4, 0.0, 0.35]), rate=0.1)
    torch.testing.assert_close(router.bias, torch.tensor([0.0, -0.1, 0.1, -0.1]))


def test_balancing_evens_out_the_load_of_a_lopsided_router():
    router = Router(dim=8, experts=6, chosen=2)
    with torch.no_grad():
        router.score.weight.mul_(3)
    x = 1 + torch.randn(600, 8)
    before = router(x).load()
    for _ in range(300):
        router.balance(router(x).load(), rate=2e-3)
    after = router(x).load()
    assert before.max() > 1.5 / 6
    assert after.max() < 1.1 / 6


@settings(max_examples=60, deadline=None)
@given(
    tokens=st.integers(1, 30),
    experts=st.integers(1, 6),
    data=st.data(),
    capacity=st.integers(1, 12),
    seed=st.integers(0, 2**16),
)
def test_capacity_drops_exactly_the_overflow_second_choices_first(
    tokens, experts, data, capacity, seed
):
    chosen = data.draw(st.integers(1, experts))
    generator = torch.Generator().manual_seed(seed)
    choices = torch.rand(tokens, experts, generator=generator).argsort()[:, :chosen]
    places, counts = group_by_expert(choices, experts=experts, capacity=capacity)

    room = [capacity] * experts
    accepted: list[list[int]] = [[] for _ in range(experts)]
    for choice in range(chosen):
        for token in range(tokens):
            expert = int(choices[token, choice])
            if room[expert]:
                room[expert] -= 1
                accepted[expert].append(choice * tokens + token)
    assert counts.tolist() == [len(found) for found in accepted]
    assert places.tolist() == [place for found in accepted for place in found]


def test_what_overflows_adds_nothing_and_the_rest_is_as_before():
    config = {"dim": 8, "hidden": 16, "experts": 4, "chosen": 1}
    free = MixtureOfExperts(MixtureConfig(**config))
    tight = MixtureOfExperts(MixtureConfig(**config, capacity_factor=0.5))
    tight.load_state_dict(free.state_dict())
    x = torch.randn(24, 8)
    with capture_routing(nn.ModuleDict({"layer": free})) as routings:
        wanted = free(x)
    places, _ = group_by_expert(routings["layer"].chosen, experts=4, capacity=3)
    served = torch.zeros(24, dtype=torch.bool)
    served[places] = True
    assert 0 < served.sum() <= 12
    torch.testing.assert_close(tight(x), wanted * served[:, None])


def test_the_capacity_is_the_factor_times_the_even_share_rounded_up():
    config = MixtureConfig(dim=8, hidden=8, experts=8, chosen=2, capacity_factor=1.25)
    assert MixtureOfExperts(config).capacity(100) == math.ceil(1.25 * 100 * 2 / 8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chosen": 9}, "chosen must lie between 1 and the 8 experts, got 9"),
        ({"chosen": 0}, "chosen must lie between 1 and the 8 experts, got 0"),
        ({"hidden": 0}, "dim and hidden must be multiples of 8, got 8 and 0"),
        ({"dim": 12}, "dim and hidden must be multiples of 8, got 12 and 8"),
        ({"shared": -1}, "shared must not be negative"),
        ({"form": "relu"}, "form must be gelu or swiglu"),
        ({"capacity_factor": 0.0}, "capacity_factor must be positive"),
        ({"capacity_factor": float("nan")}, "capacity_factor must be positive"),
    ],
)
def test_a_mixture_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        MixtureConfig(**{"dim": 8, "hidden": 8, **wrong})


def test_tokens_of_another_width_are_refused():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=8))
    with pytest.raises(ValueError, match="tokens must be 8 wide"):
        layer(torch.randn(4, 7))


def test_no_tokens_give_no_tokens():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=8, shared=1))
    assert layer(torch.randn(0, 3, 8)).shape == (0, 3, 8)


def test_a_gradient_that_is_the_same_everywhere_passes_through():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=8, shared=1))
    x = torch.randn(5, 8, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.abs().max() > 0


def test_an_encoder_decoder_of_experts_routes_every_patch_in_every_layer():
    small = {"size": 32, "dim": 16, "hidden": 8, "experts": 4, "chosen_experts": 2}
    model = build_model("encoder-decoder", small)
    with capture_routing(model) as routings:
        painted = model(torch.rand(3, 3, 32, 32))
    assert painted.shape == (3, 3, 32, 32)
    assert list(routings) == [
        f"{side}.{layer}.feed_forward" for side in ("encoder", "decoder") for layer in (0, 1)
    ]
    for routing in routings.values():
        assert routing.chosen.shape == (3 * 4, 2)
        assert routing.load().sum().item() == pytest.approx(1)
    sum(balance_loss(routing) for routing in routings.values()).backward()
    assert model.encoder[0].feed_forward.router.score.weight.grad is not None


def test_capturing_leaves_no_hooks_behind():
    layer = nn.Sequential(MixtureOfExperts(MixtureConfig(dim=8, hidden=8)))
    with capture_routing(layer) as routings:
        layer(torch.randn(3, 8))
    kept = routings["0"]
    layer(torch.randn(5, 8))
    assert routings["0"] is kept


def test_options_of_experts_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="chosen must lie between 1 and the 2 experts"):
        build_model("encoder-decoder", {"experts": 2, "chosen_experts": 3})


def test_numbers_that_no_grouped_product_takes_are_refused_in_words():
    layer = MixtureOfExperts(MixtureConfig(dim=8, hidden=8)).double()
    with pytest.raises(TypeError, match="float32 or shorter, got float64"):
        layer(torch.zeros(3, 8, dtype=torch.float64))
