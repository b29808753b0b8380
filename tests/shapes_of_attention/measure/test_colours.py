"""Colours judged where the answer is known: the perfect painter, the copier."""

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.data import ShapesConfig, make_shapes
from shapes_of_attention.measure.colours import ColourScore, company_error, score_colours


def test_the_perfect_painter_makes_no_error():
    batch = make_shapes(range(100), seed=3)
    score = ColourScore()
    score.add(batch, batch.target.astype(np.float32) + 1e-3)
    found = score.result()
    assert found.colour_error_median < 0.5
    assert found.within_8 == 1
    assert found.filtered_removed == 1
    assert found.psnr > 80
    assert found.kept_shapes == batch.kept.sum()


def test_the_copier_removes_nothing_and_errs_by_the_distance_to_the_mean():
    batch = make_shapes(range(100), seed=3)
    score = ColourScore()
    score.add(batch, batch.image.astype(np.float32) + 1e-3)
    found = score.result()
    distance = np.abs(batch.colour - batch.group_mean).mean(axis=-1)[batch.kept]
    assert found.colour_error_mean == pytest.approx(distance.mean(), abs=0.5)
    assert found.filtered_removed == 0


def test_a_painter_of_the_input_errs_by_the_distance_from_the_mean():
    batch = make_shapes(range(16), seed=5)

    class Copier(nn.Module):
        def __init__(self):
            super().__init__()
            self.anything = nn.Parameter(torch.zeros(1))

        def forward(self, image):
            return image

    error, kind = company_error(Copier(), [batch])
    same = batch.kind[:, :, None] == batch.kind[:, None, :]
    same &= batch.kept[:, :, None] & batch.kept[:, None, :]
    chosen = same.sum(axis=2) >= 2
    expected = np.abs(batch.colour - batch.group_mean).mean(axis=-1)[chosen]
    np.testing.assert_allclose(error, expected, atol=0.6)
    np.testing.assert_array_equal(kind, batch.kind[chosen])


def test_curves_keep_no_share_of_filtered_circles_where_none_is_filtered():
    batch = make_shapes(range(8), seed=3, config=ShapesConfig(red_filter=False))
    score = ColourScore()
    score.add(batch, batch.target.astype(np.float32) + 1e-3)
    found = score.result()
    assert found.filtered_removed is None and found.filtered_circles == 0
    assert "filtered_removed" not in found.as_curve()
    assert found.as_record()["filtered_removed"] is None


def test_nothing_added_is_nothing_to_judge():
    with pytest.raises(ValueError, match="no image was added"):
        score_colours(nn.Identity(), [])
