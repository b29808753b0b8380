"""Attention against torch.nn with copied weights, outputs and gradients; masks; equivariance."""

import pytest
import torch
from torch import nn

from shapes_of_attention.models import Attention, capture_attention, explicit_attention
from shapes_of_attention.models.blocks import DecoderBlock, EncoderBlock

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)


def copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    """Copy torch's packed weights into our separate layers."""
    with torch.no_grad():
        parts = zip(
            (ours.query, ours.key, ours.value),
            theirs.in_proj_weight.chunk(3),
            theirs.in_proj_bias.chunk(3),
            strict=True,
        )
        nn.init.normal_(theirs.in_proj_bias)
        nn.init.normal_(theirs.out_proj.bias)
        for layer, weight, bias in parts:
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        ours.output.load_state_dict(theirs.out_proj.state_dict())


def packed_gradient(ours: Attention) -> torch.Tensor:
    return torch.cat([layer.weight.grad for layer in (ours.query, ours.key, ours.value)])


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_attention_equals_torch_with_copied_weights_forward_and_backward(explicit, masked):
    ours, theirs = Attention(dim=24, heads=4), nn.MultiheadAttention(24, 4, batch_first=True)
    copy_attention(ours, theirs)
    ours.explicit = explicit
    x, context = torch.randn(3, 7, 24), torch.randn(3, 5, 24)
    mask = torch.rand(7, 5) > 0.3 if masked else None
    if mask is not None:
        mask[:, 0] = True
    inputs = [(x.clone().requires_grad_(), context.clone().requires_grad_()) for _ in range(2)]
    out = ours(*inputs[0], mask=mask)
    # Torch's mask says where a query may NOT look.
    wanted, _ = theirs(
        inputs[1][0], inputs[1][1], inputs[1][1], attn_mask=None if mask is None else ~mask
    )
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (wanted * weight).sum().backward()
    for mine, torchs in zip(*inputs, strict=True):
        torch.testing.assert_close(mine.grad, torchs.grad, **TOLERANCE)
    torch.testing.assert_close(packed_gradient(ours), theirs.in_proj_weight.grad, **TOLERANCE)
    torch.testing.assert_close(ours.output.weight.grad, theirs.out_proj.weight.grad, **TOLERANCE)


def test_explicit_weights_equal_those_torch_returns():
    ours, theirs = Attention(dim=24, heads=4), nn.MultiheadAttention(24, 4, batch_first=True)
    copy_attention(ours, theirs)
    x, context = torch.randn(3, 7, 24), torch.randn(3, 5, 24)
    _, wanted = theirs(x, context, context, average_attn_weights=False)
    with capture_attention(nn.ModuleDict({"one": ours})) as weights:
        ours(x, context)
    torch.testing.assert_close(weights["one"], wanted, **TOLERANCE)
    torch.testing.assert_close(weights["one"].sum(-1), torch.ones(3, 4, 7))


def copy_feed_forward(ours: nn.Module, theirs: nn.Module) -> None:
    ours.expand.load_state_dict(theirs.linear1.state_dict())
    ours.contract.load_state_dict(theirs.linear2.state_dict())


def test_encoder_block_equals_torchs_layer_forward_and_backward():
    ours = EncoderBlock(dim=24, heads=4, hidden=48)
    theirs = nn.TransformerEncoderLayer(
        24, 4, 48, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    copy_attention(ours.attention, theirs.self_attn)
    copy_feed_forward(ours.feed_forward, theirs)
    x = torch.randn(3, 7, 24)
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, wanted = ours(first), theirs(second)
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    out.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(first.grad, second.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        packed_gradient(ours.attention), theirs.self_attn.in_proj_weight.grad, atol=1e-4, rtol=1e-4
    )


def test_decoder_block_equals_torchs_layer_forward_and_backward():
    ours = DecoderBlock(dim=24, heads=4, hidden=48)
    theirs = nn.TransformerDecoderLayer(
        24, 4, 48, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    copy_attention(ours.self_attention, theirs.self_attn)
    copy_attention(ours.cross_attention, theirs.multihead_attn)
    copy_feed_forward(ours.feed_forward, theirs)
    x, memory = torch.randn(3, 7, 24), torch.randn(3, 5, 24)
    mine = [x.clone().requires_grad_(), memory.clone().requires_grad_()]
    torchs = [x.clone().requires_grad_(), memory.clone().requires_grad_()]
    out, wanted = ours(*mine), theirs(*torchs)
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    out.square().sum().backward()
    wanted.square().sum().backward()
    for a, b in zip(mine, torchs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-4)


def test_a_query_that_may_look_nowhere_gets_zeros_and_finite_gradients_on_both_paths():
    query, key, value = (torch.randn(2, 3, 4, 8, requires_grad=True) for _ in range(3))
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[2] = False
    mixed, weights = explicit_attention(query, key, value, mask=mask)
    assert weights[:, :, 2].abs().max() == 0
    assert mixed[:, :, 2].abs().max() == 0
    fused = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(mixed, fused, **TOLERANCE)
    mixed.sum().backward()
    assert torch.isfinite(query.grad).all()


def test_a_masked_key_changes_nothing():
    attention = Attention(dim=16, heads=2)
    x, context = torch.randn(1, 3, 16), torch.randn(1, 5, 16)
    mask = torch.tensor([[True, True, True, True, False]])
    changed = context.clone()
    changed[:, 4] += 100
    torch.testing.assert_close(
        attention(x, context, mask=mask), attention(x, changed, mask=mask), **TOLERANCE
    )


def test_self_attention_without_positions_is_permutation_equivariant():
    block = EncoderBlock(dim=16, heads=2, hidden=32)
    x, order = torch.randn(2, 9, 16), torch.randperm(9)
    torch.testing.assert_close(block(x)[:, order], block(x[:, order]), **TOLERANCE)


def test_cross_attention_does_not_care_for_the_order_of_its_keys():
    attention = Attention(dim=16, heads=2)
    x, context, order = torch.randn(2, 4, 16), torch.randn(2, 9, 16), torch.randperm(9)
    torch.testing.assert_close(attention(x, context), attention(x, context[:, order]), **TOLERANCE)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="heads must divide dim"):
        Attention(dim=10, heads=4)


def test_a_context_may_have_another_width():
    assert Attention(dim=16, heads=2, context_dim=6)(
        torch.randn(1, 3, 16), torch.randn(1, 5, 6)
    ).shape == (1, 3, 16)
