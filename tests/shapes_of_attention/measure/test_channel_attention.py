"""How attention is shared between red, green and blue, against a sum by hand, patch by patch."""

import numpy as np
import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.measure.channel_attention import ASKING, channel_attention
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import build_model, capture_attention

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 2}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY | {"tokens": "channel"}).eval()


def test_shares_are_the_mean_over_heads_and_patches_of_who_asks(model):
    halves = [make_shapes(range(24), seed=5), make_shapes(range(24, 40), seed=5)]
    found = channel_attention(model, halves)
    batch = make_shapes(range(40), seed=5)
    with torch.no_grad(), capture_attention(model) as weights:
        model(torch.from_numpy(batch.image).float() / 255)
    cover = patch_cover(batch, 16)
    for name in ("decoder.0.cross_attention", "decoder.1.cross_attention"):
        assert list(found[name]) == list(ASKING)
        for subject, kind, kept in zip(ASKING, (0, 2, 0), (True, True, False), strict=True):
            rows = []
            for image in range(40):
                for patch in range(64):
                    owners = [
                        slot
                        for slot in np.flatnonzero(cover[image, :, patch] >= 128)
                        if batch.kept[image, slot] == kept and batch.kind[image, slot] == kind
                    ]
                    if owners:
                        looked = weights[name][image, :, patch].reshape(2, 3, 64)
                        rows.append(looked.sum(-1).mean(0))
            assert len(rows) > 20
            wanted = torch.stack(rows).mean(0).tolist()
            assert found[name][subject] == pytest.approx(wanted, abs=1e-5)
    assert not any("self" in name or "encoder." in name for name in found)


def test_one_who_has_no_keys_of_one_channel_is_told_apart():
    plain = build_model("encoder-decoder", TINY)
    with pytest.raises(ValueError, match="has no keys of one channel"):
        channel_attention(plain, [make_shapes(range(2), seed=5)])
