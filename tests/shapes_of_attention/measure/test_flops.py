"""Work is counted as it is worked out by hand, attention and gradients included."""

import torch
from torch.nn import functional

from shapes_of_attention.measure.expert_load import forward_flops
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models import build_model


def test_attention_counts_two_products_and_its_gradient_four():
    query, key, value = (torch.randn(2, 3, n, 8, requires_grad=True) for n in (10, 20, 20))
    product = 2 * 2 * 3 * 10 * 20 * 8

    def forward():
        return functional.scaled_dot_product_attention(query, key, value)

    assert flops_of(forward) == 2 * product
    assert flops_of(lambda: forward().sum().backward()) == 6 * product


def test_attention_is_part_of_what_an_image_costs():
    # Heads do not change any product but those of attention, and these not in total.
    one, many = (
        forward_flops(build_model("encoder-only", {"dim": 16, "heads": heads, "layers": layers}))
        for heads, layers in ((1, 1), (4, 1))
    )
    assert one == many
    two = forward_flops(build_model("encoder-only", {"dim": 16, "heads": 4, "layers": 2}))
    tokens, dim, hidden = 64, 16, build_model("encoder-only", {}).config.hidden
    projections, attention = 4 * 2 * tokens * dim * dim, 2 * 2 * tokens * tokens * dim
    assert two - one == projections + attention + 2 * 2 * tokens * dim * hidden
