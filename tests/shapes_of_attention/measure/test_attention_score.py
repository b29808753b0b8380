"""Attention judged where the answer is known: the uniform looker, the ideal one, a sum by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.data import KINDS, make_shapes
from shapes_of_attention.measure.attention_score import AttentionScore, value_weighted
from shapes_of_attention.measure.ideal import group_patches, ideal_attention, patches_of_others
from shapes_of_attention.models import (
    attention_names,
    attention_of,
    build_model,
    capture_attention,
    capture_outputs,
)

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}
CROSS = "decoder.0.cross_attention"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY).eval()


def uniform_model(tokens):
    """Build a model whose cross-attention looks everywhere alike."""
    model = build_model(
        "encoder-decoder",
        {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "tokens": tokens},
    ).eval()
    for block in model.decoder:
        nn.init.zeros_(block.cross_attention.query.weight)
        nn.init.zeros_(block.cross_attention.query.bias)
    return model


@pytest.mark.parametrize("tokens", ["rgb", "channel"])
def test_a_model_that_looks_everywhere_alike_scores_as_uniform(tokens):
    score = AttentionScore(uniform_model(tokens))
    for start in (0, 8):
        score.add(make_shapes(range(start, start + 8), seed=5))
    found = score.result().as_record()
    for kind in KINDS:
        best = found["best"]["weights"][kind]["share"]
        assert best == pytest.approx(found["uniform"][kind], abs=1e-3)
        others = found["layers"]["decoder.0.cross_attention"]["others"][kind]["heads"]
        assert others == pytest.approx([found["others_uniform"][kind]] * 2, abs=1e-3)
    if tokens == "channel":
        layer = found["layers"]["decoder.0.cross_attention"]["weights"][KINDS[0]]
        by_channel = np.array(layer["heads_by_channel"])
        assert by_channel.shape == (2, 3)
        np.testing.assert_allclose(by_channel, found["uniform"][KINDS[0]] / 3, atol=1e-3)


def test_ideal_attention_scores_as_the_reference_says(model):
    batch = make_shapes(range(24), seed=4)
    truth = torch.from_numpy(np.stack([ideal_attention(batch, row).weights for row in range(24)]))
    softmax = model.get_submodule(CROSS).softmax
    softmax.forward = lambda scores: truth[:, None].expand_as(scores)
    found = AttentionScore(model).over([batch]).result()
    shares = found.modules[CROSS]
    # Patches on an edge between two shapes ask for both, and the ideal serves the larger one.
    assert (shares.group > 0.85).all()
    np.testing.assert_allclose(shares.others[0], found.others_ideal, atol=0.12)


def test_value_weighting_equals_its_definition_spelt_out():
    torch.manual_seed(0)
    weights = torch.rand(1, 2, 3, 4).softmax(-1)
    values, output = torch.randn(1, 4, 6), torch.randn(6, 6)
    found = value_weighted(weights, values, output)
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        for query in range(3):
            lengths = [
                weights[0, head, query, key] * (output[:, part] @ values[0, key, part]).norm()
                for key in range(4)
            ]
            wanted = torch.stack(lengths) / sum(lengths)
            torch.testing.assert_close(found[0, head, query], wanted)


@pytest.mark.parametrize("tokens", ["rgb", "channel"])
def test_shares_equal_a_sum_over_every_query_and_key(tokens):
    torch.manual_seed(0)
    model = build_model("encoder-decoder", {**TINY, "tokens": tokens}).eval()
    batches = [make_shapes(range(3), seed=3), make_shapes(range(3, 8), seed=3)]
    shares = AttentionScore(model).over(batches).result().modules[CROSS]
    whole, rest = np.zeros((2, 2, len(KINDS))), np.zeros((2, 2, len(KINDS)))  # [sum, head, kind]
    red = np.zeros((2, len(KINDS)))
    asked, accompanied = np.zeros(len(KINDS)), np.zeros(len(KINDS))
    for batch in batches:
        queries, keys, cover = group_patches(batch, 16)
        others, _ = patches_of_others(batch, queries, cover)
        with (
            torch.no_grad(),
            capture_attention(model) as weights,
            capture_outputs(model, [f"{CROSS}.value"]) as values,
        ):
            model(torch.from_numpy(batch.image).float() / 255)
        joined = attention_of(model, CROSS).output.weight
        carried = value_weighted(weights[CROSS], values[f"{CROSS}.value"], joined)
        for number, found in enumerate((weights[CROSS], carried)):
            channels = found.detach().numpy().reshape(len(batch), 2, 64, -1, 64)
            for row, kind, query in np.argwhere(queries):
                looked = channels[row, :, query].sum(axis=1)  # [heads, patches]
                whole[number, :, kind] += looked[:, keys[row, kind]].sum(axis=1)
                rest[number, :, kind] += looked[:, others[row, kind, query]].sum(axis=1)
                if number == 0:
                    asked[kind] += 1
                    accompanied[kind] += others[row, kind, query].any()
                    red[:, kind] += channels[row, :, query, 0][:, keys[row, kind]].sum(axis=1)
    for ours, summed, count in (
        (shares.group, whole[0], asked),
        (shares.group_by_value, whole[1], asked),
        (shares.others, rest[0], accompanied),
        (shares.others_by_value, rest[1], accompanied),
    ):
        np.testing.assert_allclose(ours, summed / count, rtol=1e-5)
    if tokens == "channel":
        np.testing.assert_allclose(shares.group_by_channel[..., 0], red / asked, rtol=1e-5)
        np.testing.assert_allclose(shares.group_by_channel.sum(axis=2), shares.group)
    else:
        assert shares.group_by_channel is None


def test_the_record_names_the_best_head_of_each_kind(model):
    found = AttentionScore(model, attention_names(model)).over([make_shapes(range(8), seed=3)])
    shares, record = found.result().modules, found.result().as_record()
    for index, kind in enumerate(KINDS):
        best = record["best"]["others"][kind]
        everywhere = [shares[name].others[:, index].max() for name in shares]
        assert best["share"] == pytest.approx(max(everywhere), abs=1e-4)
        assert (
            best["share"] == record["layers"][best["module"]]["others"][kind]["heads"][best["head"]]
        )


def test_nothing_added_is_nothing_to_share_out(model):
    with pytest.raises(ValueError, match="no attention was added"):
        AttentionScore(model).result()
