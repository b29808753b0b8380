"""Scores of heads agree with those that training records, and with attention that we know."""

import numpy as np
import pytest
import torch

from shapes_of_attention.data import KINDS, make_shapes
from shapes_of_attention.interpret.scores import company_error, head_shares
from shapes_of_attention.measure.attention_score import AttentionScore
from shapes_of_attention.measure.ideal import ideal_attention
from shapes_of_attention.models import build_model

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}
CROSS = "decoder.0.cross_attention"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY).eval()


def test_shares_are_those_of_the_training_record(model):
    batches = [make_shapes(range(8), seed=3), make_shapes(range(8, 20), seed=3)]
    shares, reference = head_shares(model, batches)
    score = AttentionScore(model)
    for batch in batches:
        score.add(batch)
    known = score.result()
    layer = known["layers"][CROSS]
    for index, kind in enumerate(KINDS):
        for ours, theirs in (
            (shares[CROSS].group, layer["weights"]),
            (shares[CROSS].group_by_value, layer["value_weighted"]),
            (shares[CROSS].others, layer["others"]),
        ):
            np.testing.assert_allclose(ours[:, index], theirs[kind]["heads"], atol=1e-4)
        assert reference.group_uniform[index] == pytest.approx(known["uniform"][kind], abs=1e-4)
        assert reference.others_ideal[index] == pytest.approx(known["others_ideal"][kind], abs=1e-4)


def test_ideal_attention_scores_as_the_reference_says(model):
    batch = make_shapes(range(24), seed=4)
    truth = torch.from_numpy(np.stack([ideal_attention(batch, row).weights for row in range(24)]))
    softmax = model.get_submodule(CROSS).softmax
    softmax.forward = lambda scores: truth[:, None].expand_as(scores)
    shares, reference = head_shares(model, [batch])
    # Patches on an edge between two shapes ask for both, and the ideal serves the larger one.
    assert (shares[CROSS].group > 0.85).all()
    np.testing.assert_allclose(shares[CROSS].others[0], reference.others_ideal, atol=0.12)


def test_a_painter_of_the_input_errs_by_the_distance_from_the_mean(model):
    batch = make_shapes(range(16), seed=5)

    class Copier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.anything = torch.nn.Parameter(torch.zeros(1))

        def forward(self, image):
            return image

    error, kind = company_error(Copier(), [batch])
    same = batch.kind[:, :, None] == batch.kind[:, None, :]
    same &= batch.kept[:, :, None] & batch.kept[:, None, :]
    chosen = same.sum(axis=2) >= 2
    expected = np.abs(batch.colour - batch.group_mean).mean(axis=-1)[chosen]
    np.testing.assert_allclose(error, expected, atol=0.6)
    np.testing.assert_array_equal(kind, batch.kind[chosen])
