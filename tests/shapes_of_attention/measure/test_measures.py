"""Measures where the answer is known: the perfect painter, the copier, the uniform looker."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.data import KINDS, make_shapes
from shapes_of_attention.measure.attention_score import AttentionScore, value_weighted
from shapes_of_attention.measure.colours import ColourScore
from shapes_of_attention.measure.ideal import group_patches, patches_of_others
from shapes_of_attention.measure.intervention import Intervention
from shapes_of_attention.measure.regions import interior_means, patch_cover
from shapes_of_attention.models import build_model


def test_interiors_of_the_image_and_target_have_the_colours_they_were_drawn_in():
    batch = make_shapes(range(60), seed=1)
    image = interior_means(batch.image.astype(np.float32), batch)
    np.testing.assert_allclose(image[batch.present], batch.colour[batch.present], atol=0.51)
    target = interior_means(batch.target.astype(np.float32), batch)
    np.testing.assert_allclose(target[batch.kept], batch.group_mean[batch.kept], atol=0.51)
    assert (target[batch.present & ~batch.kept] == 0).all()
    assert np.isnan(image[~batch.present]).all()


def test_cover_by_patch_adds_up_to_the_shapes_areas():
    batch = make_shapes(range(40), seed=2)
    cover = patch_cover(batch, 16)
    sides = batch.box[..., 2:] - batch.box[..., :2]
    outer = sides.prod(axis=-1)
    inner = (sides - 2 * batch.stroke[..., None]).prod(axis=-1) * (batch.stroke > 0)
    share = np.where(batch.kind < 2, np.pi / 4, 1)
    area = np.where(batch.present, share * (outer - inner), 0)
    np.testing.assert_allclose(cover.sum(axis=-1), area, rtol=0.02, atol=1)
    with pytest.raises(ValueError, match="do not divide"):
        patch_cover(batch, 10)


def test_the_perfect_painter_makes_no_error():
    batch = make_shapes(range(100), seed=3)
    score = ColourScore()
    score.add(batch, batch.target.astype(np.float32) + 1e-3)
    found = score.result()
    assert found["colour_error_median"] < 0.5
    assert found["within_8"] == 1
    assert found["filtered_removed"] == 1
    assert found["psnr"] > 80
    assert found["kept_shapes"] == batch.kept.sum()


def test_the_copier_removes_nothing_and_errs_by_the_distance_to_the_mean():
    batch = make_shapes(range(100), seed=3)
    score = ColourScore()
    score.add(batch, batch.image.astype(np.float32) + 1e-3)
    found = score.result()
    distance = np.abs(batch.colour - batch.group_mean).mean(axis=-1)[batch.kept]
    assert found["colour_error_mean"] == pytest.approx(distance.mean(), abs=0.5)
    assert found["filtered_removed"] == 0


def test_group_patches_are_those_that_shapes_of_the_kind_touch():
    batch = make_shapes(range(20), seed=4)
    queries, keys, cover = group_patches(batch, 16)
    for row in range(20):
        for kind in range(len(KINDS)):
            mask = np.zeros((128, 128), dtype=bool)
            for slot in np.flatnonzero((batch.kind[row] == kind) & batch.kept[row]):
                x0, y0, x1, y1 = batch.box[row, slot]
                mask[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
            boxes = mask.reshape(8, 16, 8, 16).any(axis=(1, 3)).ravel()
            assert not (keys[row, kind] & ~boxes).any()
            assert not (queries[row, kind] & ~keys[row, kind]).any()
    assert cover.shape == (20, 8, 64)


def test_patches_of_others_hold_other_shapes_of_the_group_and_not_the_querys_own():
    batch = make_shapes(range(12), seed=7)
    queries, _, cover = group_patches(batch, 16)
    others, ideal = patches_of_others(batch, queries, cover)
    touched = cover >= 1
    for row, kind, query in np.argwhere(queries):
        members = np.flatnonzero((batch.kind[row] == kind) & batch.kept[row])
        own = members[cover[row, members, query].argmax()]
        wanted = touched[row, [m for m in members if m != own]].any(axis=0) & ~touched[row, own]
        np.testing.assert_array_equal(others[row, kind, query], wanted)
        assert ideal[row, kind] == pytest.approx(1 - 1 / len(members))
    assert not (others.any(axis=3) & ~queries).any()


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
    found = score.result()
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


class Oracle(nn.Module):
    """Paints the truth, reckoned without the shapes whose patches are all hidden."""

    def __init__(self, batch):
        super().__init__()
        self.config = SimpleNamespace(patch=16, tokens="rgb")
        self.anchor = nn.Parameter(torch.zeros(1))
        self.batch = batch

    def forward(self, image, memory_mask=None):
        batch = self.batch
        painted = batch.target.astype(np.float32)
        if memory_mask is None:
            return torch.from_numpy(painted) / 255
        seen = memory_mask[:, 0, 0].numpy()
        touched = patch_cover(batch, 16) >= 1
        for row in range(len(batch)):
            if seen[row].all():
                continue
            gone = ~(touched[row] & seen[row]).any(axis=1) & batch.present[row]
            for slot in np.flatnonzero(batch.kept[row]):
                group = (batch.kind[row] == batch.kind[row, slot]) & batch.kept[row] & ~gone
                if not group.any():
                    continue
                mean = batch.colour[row][group].mean(axis=0)
                x0, y0, x1, y1 = batch.box[row, slot]
                box = (slice(None), slice(int(y0), int(y1) + 1), slice(int(x0), int(x1) + 1))
                inside = painted[row][box].max(axis=0) > 0
                painted[row][box][:, inside] = mean[:, None]
        return torch.from_numpy(painted) / 255


def test_the_intervention_finds_slope_one_in_an_oracle_and_zero_in_a_painter_that_never_looks():
    batch = make_shapes(range(80), seed=6)
    oracle = Intervention(Oracle(batch))
    oracle.add(batch)
    found = oracle.result()
    assert found["shapes"] > 50
    assert found["slope"] == pytest.approx(1, abs=0.12)

    blind = Oracle(batch)
    blind.forward = lambda image, memory_mask=None: torch.from_numpy(batch.target) / 255
    careless = Intervention(blind)
    careless.add(batch)
    assert careless.result()["slope"] == 0
