import pytest
import torch

from shapes_of_attention.models.attention import causal_mask
from shapes_of_attention.models.capture import capture_attention
from shapes_of_attention.series.models import (
    ConvolutionConfig,
    build_series_model,
    receptive_field,
)

EVERY = [
    ("fully-connected", {}),
    ("convolutional", {}),
    ("convolutional", {"dilated": True}),
    ("recurrent", {}),
    ("recurrent", {"both_ways": False}),
    ("recurrent", {"hidden": 32}),
    ("recurrent", {"hidden": 32, "both_ways": False}),
    ("recurrent", {"hidden": 32, "state": 5}),
    *(
        ("attention", {"positions": p})
        for p in ("none", "linear", "learned", "sinusoidal", "rotary")
    ),
    ("attention", {"causal": True}),
]


def built(name, options, seed=0):
    torch.manual_seed(seed)
    model = build_series_model(name, options).eval()
    with torch.no_grad():  # positions start small: let them show
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def touched(model, token: int) -> set[int]:
    """Find the tokens whose output changes with one token of the input."""
    signal = torch.randn(1, 500, generator=torch.Generator().manual_seed(1))
    other = signal.clone()
    other[:, 10 * token : 10 * token + 10] += 3
    with torch.no_grad():
        moved = (model(signal) != model(other)).view(50, 10).any(dim=1)
    return set(torch.nonzero(moved)[:, 0].tolist())


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_every_series_model_redraws_the_length_it_is_given_and_all_its_weights_learn(name, options):
    model = built(name, options)
    model(torch.randn(3, 500)).square().mean().backward()
    assert model(torch.randn(3, 500)).shape == (3, 500)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    with pytest.raises(ValueError, match="series must be"):
        model(torch.randn(3, 400))


@pytest.mark.parametrize("dilated", [False, True])
def test_a_convolution_hears_just_its_receptive_field(dilated):
    field = receptive_field(ConvolutionConfig(dilated=dilated))
    reach = (field - 1) // 2
    changed = touched(built("convolutional", {"dilated": dilated}), 25)
    assert changed == {t for t in range(50) if abs(t - 25) <= reach}


@pytest.mark.parametrize(
    ("name", "options"), [("recurrent", {"both_ways": False}), ("attention", {"causal": True})]
)
def test_one_way_models_never_look_ahead(name, options):
    assert touched(built(name, options), 25) == set(range(25, 50))


@pytest.mark.parametrize(
    ("name", "options"), [("fully-connected", {}), ("recurrent", {}), ("attention", {})]
)
def test_the_others_see_the_whole_series(name, options):
    assert touched(built(name, options), 25) == set(range(50))


def test_without_positions_shuffled_tokens_come_out_shuffled():
    model = built("attention", {"positions": "none"})
    signal, order = torch.randn(2, 50, 10), torch.randperm(50)
    with torch.no_grad():
        shuffled = model(signal[:, order].flatten(1)).view(2, 50, 10)
        plain = model(signal.flatten(1)).view(2, 50, 10)
    torch.testing.assert_close(shuffled, plain[:, order], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("positions", ["linear", "learned", "sinusoidal", "rotary"])
def test_with_positions_the_order_of_tokens_matters(positions):
    model = built("attention", {"positions": positions})
    signal, order = torch.randn(2, 50, 10), torch.randperm(50)
    with torch.no_grad():
        shuffled = model(signal[:, order].flatten(1)).view(2, 50, 10)
        plain = model(signal.flatten(1)).view(2, 50, 10)
    assert (shuffled - plain[:, order]).abs().max() > 1e-2


def test_causal_weights_lie_on_and_below_the_diagonal():
    model = built("attention", {"causal": True})
    with torch.no_grad(), capture_attention(model) as weights:
        model(torch.randn(2, 500))
    assert len(weights) == len(model.body.layers)
    for matrix in weights.values():
        assert (matrix.masked_select(~causal_mask(50)) == 0).all()
        torch.testing.assert_close(matrix.sum(dim=-1), torch.ones(2, 4, 50))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("transformer", {}, "no model 'transformer'"),
        ("attention", {"depth": 3}, "attention has no option depth"),
        ("attention", {"positions": "absolute"}, "positions must be one of"),
        ("convolutional", {"token": 7}, "tokens of 7 samples do not divide 500 samples"),
        ("recurrent", {"layers": 0}, "layers must be at least 1"),
        ("recurrent", {"state": 8}, "state is for layers with a network of hidden units"),
    ],
)
def test_a_series_model_that_makes_no_sense_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build_series_model(name, options)


def test_a_recurrent_layer_can_be_built_as_a_transformers_is():
    attention = build_series_model("attention", {"hidden": 128})
    recurrent = build_series_model("recurrent", {"dim": 64, "hidden": 128})
    shared = {"embed", "norm", "draw"}
    for name in shared:
        sizes = [
            {key: value.shape for key, value in getattr(model, name).state_dict().items()}
            for model in (attention, recurrent)
        ]
        assert sizes[0] == sizes[1]
    for layer, block in zip(attention.body.layers, recurrent.body, strict=True):
        assert layer.feed_forward.expand.weight.shape == block.feed_forward.expand.weight.shape


def test_the_state_of_recurrent_layers_has_a_width_of_its_own():
    for state, width in ((None, 64), (5, 5)):
        model = build_series_model("recurrent", {"dim": 64, "hidden": 128, "state": state})
        assert all(block.units.hidden_size == width for block in model.body)


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary"])
def test_positions_take_a_base(positions):
    signal = torch.randn(1, 500)
    drawn = [
        built("attention", {"positions": positions} | options)(signal)
        for options in (
            {},
            {"base": {"sinusoidal": 100.0, "rotary": 2000.0}[positions]},
            {"base": 30.0},
        )
    ]
    torch.testing.assert_close(drawn[0], drawn[1], rtol=0, atol=0)
    assert not torch.allclose(drawn[0], drawn[2])
