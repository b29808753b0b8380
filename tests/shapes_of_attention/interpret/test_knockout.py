"""What is changed inside a model has its effect, and the model is itself again afterwards."""

import pytest
import torch

from shapes_of_attention.interpret.knockout import (
    HiddenFrom,
    head_averages,
    heads_stilled,
    keys_hidden,
    weights_replaced,
)
from shapes_of_attention.models import attention_names, build_model, capture_attention

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 2}
CROSS = ["decoder.0.cross_attention", "decoder.1.cross_attention"]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY).eval()


@pytest.fixture
def image():
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask():
    """Hide the first ten patches of the first image."""
    seen = torch.ones(2, 1, 1, 64, dtype=torch.bool)
    seen[0, ..., :10] = False
    return seen


def test_attention_is_listed_in_the_order_in_which_it_runs(model):
    assert attention_names(model) == ["encoder.0.attention", *CROSS]


def test_hiding_from_all_cross_attention_is_the_models_own_mask(model, image, mask):
    hidden = HiddenFrom(model, CROSS)
    with torch.no_grad():
        seen, masked = model(image), model(image, memory_mask=mask)
        torch.testing.assert_close(hidden(image, memory_mask=mask), masked)
        torch.testing.assert_close(hidden(image), seen)
    assert not torch.allclose(seen[0], masked[0]) and torch.allclose(seen[1], masked[1])


def test_hidden_keys_get_no_weight_from_the_named_module_and_some_from_the_others(
    model, image, mask
):
    with torch.no_grad(), capture_attention(model) as weights, keys_hidden(model, CROSS[:1], mask):
        model(image)
    # The capture sees softmax itself: the lowest finite score leaves a weight of exactly zero.
    assert (weights[CROSS[0]][0, ..., :10] == 0).all()
    assert (weights[CROSS[0]][1] > 0).all()
    assert (weights[CROSS[1]] > 0).all()


def test_what_a_modules_own_mask_hides_stays_hidden(image, mask):
    torch.manual_seed(0)
    near = build_model("encoder-decoder", {**TINY, "encoder_reach": 1}).eval()
    encoder = "encoder.0.attention"
    own = near.sight(1)
    with torch.no_grad(), capture_attention(near) as weights, keys_hidden(near, [encoder], mask):
        near(image)
    seen = (own & mask).expand_as(weights[encoder])  # [batch, heads, query, key]
    # The capture sees softmax itself, which spreads the weight of a query that may look nowhere.
    some = seen.any(dim=-1)
    assert torch.equal(weights[encoder][some] > 0, seen[some])
    assert not some.all()
    with torch.no_grad(), capture_attention(near) as weights:
        HiddenFrom(near, [encoder], head=1)(image, memory_mask=mask)
    assert (weights[encoder][:, 0][:, ~own] == 0).all(), "the other head, too, sees no farther"


def test_the_models_own_mask_and_another_hide_both(model, image, mask):
    other = mask.roll(20, dims=-1)
    with torch.no_grad():
        both = model(image, memory_mask=mask & other)
        with keys_hidden(model, CROSS, other):
            torch.testing.assert_close(model(image, memory_mask=mask), both)


def test_hiding_from_one_head_leaves_the_other_its_sight(model, image, mask):
    hidden = HiddenFrom(model, CROSS[1:], head=1)
    with torch.no_grad(), capture_attention(model) as weights:
        hidden(image, memory_mask=mask)
        masked = {name: found.clone() for name, found in weights.items()}
        model(image)
    torch.testing.assert_close(masked[CROSS[1]][:, 0], weights[CROSS[1]][:, 0])
    assert (masked[CROSS[1]][0, 1, :, :10] == 0).all()
    torch.testing.assert_close(masked[CROSS[1]][1], weights[CROSS[1]][1])


def test_weights_put_back_unchanged_change_nothing_and_uniform_ones_do(model, image):
    with torch.no_grad():
        plain = model(image)
        with weights_replaced(model, CROSS[1], lambda weights: weights):
            torch.testing.assert_close(model(image), plain)
        with weights_replaced(model, CROSS[1], lambda w: torch.full_like(w, 1 / 64)):
            assert not torch.allclose(model(image), plain)
        torch.testing.assert_close(model(image), plain)
    assert not model.get_submodule(CROSS[1]).explicit


def test_stilling_all_heads_makes_attention_the_same_everywhere(model, image):
    module = model.get_submodule(CROSS[0])
    outputs = []
    module.register_forward_hook(lambda _, __, output: outputs.append(output))
    still = head_averages(model, image)
    outputs.clear()
    with torch.no_grad(), heads_stilled(model, CROSS[0], [0, 1], still[CROSS[0]]):
        model(image)
    expected = module.output(still[CROSS[0]]).expand_as(outputs[0])
    torch.testing.assert_close(outputs[0], expected)


def test_stilling_one_head_leaves_the_others_part_alone(model, image):
    module = model.get_submodule(CROSS[0])
    inputs = []
    still = head_averages(model, image)[CROSS[0]]
    with torch.no_grad():
        with heads_stilled(model, CROSS[0], [1], still):
            handle = module.output.register_forward_pre_hook(lambda _, x: inputs.append(x[0]))
            model(image)
            handle.remove()
        handle = module.output.register_forward_pre_hook(lambda _, x: inputs.append(x[0]))
        model(image)
        handle.remove()
    stilled, plain = inputs
    torch.testing.assert_close(stilled[..., :8], plain[..., :8])
    torch.testing.assert_close(stilled[..., 8:], still[8:].expand_as(stilled[..., 8:]))


def test_a_name_that_is_no_attention_is_refused_with_those_there_are(model, mask):
    with pytest.raises(KeyError, match=r"no attention 'decoder\.0'.*cross_attention"):
        keys_hidden(model, ["decoder.0"], mask).__enter__()
