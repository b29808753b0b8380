"""Masks against their rule, written out pair by pair."""

import pytest
import torch

from shapes_of_attention.efficient.masks import (
    block_mask,
    full_mask,
    global_mask,
    local_mask,
    strided_mask,
)
from shapes_of_attention.models.attention import causal_mask

TOKENS = 13
RULES = {
    "full": (full_mask(TOKENS), lambda i, j: True),
    "causal": (causal_mask(TOKENS), lambda i, j: j <= i),
    "local": (local_mask(TOKENS, window=3), lambda i, j: abs(i - j) <= 3),
    "global": (global_mask(TOKENS, number=2), lambda i, j: i < 2 or j < 2),
    "strided": (strided_mask(TOKENS, stride=4), lambda i, j: (i - j) % 4 == 0),
}


@pytest.mark.parametrize("name", RULES)
def test_a_mask_follows_its_rule_pair_by_pair(name):
    mask, rule = RULES[name]
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[rule(i, j) for j in range(TOKENS)] for i in range(TOKENS)]


def test_a_block_mask_enlarges_its_layout_and_cuts_the_last_block():
    layout = torch.tensor([[1, 0], [0, 1]], dtype=torch.bool)
    mask = block_mask(5, block=3, layout=layout)
    assert mask.tolist() == [[(i < 3) == (j < 3) for j in range(5)] for i in range(5)]


def test_window_and_stride_together_reach_every_token_in_two_steps():
    mask = (local_mask(30, window=5) | strided_mask(30, stride=5)).float()
    assert (mask @ mask > 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: full_mask(0), "tokens must be at least 1"),
        (lambda: local_mask(4, window=-1), "window must not be negative"),
        (lambda: global_mask(4, number=5), "number must be from 0 to 4"),
        (lambda: strided_mask(4, stride=0), "stride must be at least 1"),
        (lambda: block_mask(4, block=0, layout=full_mask(1)), "block must be at least 1"),
        (lambda: block_mask(4, block=2, layout=full_mask(3)), r"need a layout \[2, 2\]"),
    ],
)
def test_bad_mask_sizes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
