"""Failures by shape: what is counted, and whose colour a wrong shape has taken."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shapes_of_attention.data import make_shapes
from shapes_of_attention.measure.painted_shapes import PaintedShapes, find_leaks, paint_shapes
from shapes_of_attention.measure.regions import patch_cover

IMAGES, SEED = 80, 7


class Fixed(nn.Module):
    """Paints what it is told to, batch after batch, or hands the input back."""

    def __init__(self, pictures: Tensor | None = None) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.pictures = pictures
        self.start = 0

    def forward(self, image: Tensor) -> Tensor:
        if self.pictures is None:
            return image
        self.start += len(image)
        return self.pictures[self.start - len(image) : self.start]


@pytest.fixture(scope="module")
def copied() -> PaintedShapes:
    return paint_shapes(Fixed(), images=IMAGES, seed=SEED)


def test_the_target_has_no_error() -> None:
    target = torch.from_numpy(make_shapes(range(IMAGES), seed=SEED).target).float() / 255
    assert paint_shapes(Fixed(target), images=IMAGES, seed=SEED).error.max() < 1


def test_the_copied_input_is_off_by_own_colour_against_mean(copied: PaintedShapes) -> None:
    batch = make_shapes(range(IMAGES), seed=SEED)
    assert len(copied.kind) == batch.kept.sum()
    np.testing.assert_array_equal(copied.image, np.nonzero(batch.kept)[0])
    np.testing.assert_allclose(copied.wanted, batch.group_mean[batch.kept], atol=1e-3)
    np.testing.assert_allclose(copied.painted, copied.colour, atol=1)
    assert (copied.error[copied.company == 1] < 1).all()


def test_company_and_crowding_agree_with_a_plain_count(copied: PaintedShapes) -> None:
    batch = make_shapes(range(IMAGES), seed=SEED)
    cover = patch_cover(batch, 16)
    for place, (row, slot) in enumerate(np.argwhere(batch.kept)):
        kind = batch.kind[row, slot]
        same = batch.kept[row] & (batch.kind[row] == kind)
        assert copied.company[place] == same.sum()
        shared = pixels = 0.0
        for patch in range(64):
            pixels += cover[row, slot, patch]
            if any(cover[row, s, patch] >= 1 for s in np.flatnonzero(batch.kept[row] & ~same)):
                shared += cover[row, slot, patch]
        assert copied.crowded[place] == pytest.approx(shared / pixels, abs=1e-5)
    assert 0 < (copied.crowded > 0).mean() < 1


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_leak_is_traced_to_its_kind_and_share(copied: PaintedShapes, share: float) -> None:
    others = ~np.isnan(copied.means[..., 0])
    others[np.arange(len(others)), copied.kind] = False
    rows = np.flatnonzero(others.any(axis=1))
    source = others.argmax(axis=1)
    painted = copied.wanted.copy()
    painted[rows] += share * (copied.means[rows, source[rows]] - copied.wanted[rows])
    leaks = find_leaks(dataclasses.replace(copied, painted=painted))
    np.testing.assert_array_equal(leaks.kind[rows], source[rows])
    np.testing.assert_allclose(leaks.share[rows], share, atol=1e-3)
    assert leaks.rest[rows].max() < 0.05


def test_an_error_away_from_all_kinds_is_no_leak(copied: PaintedShapes) -> None:
    rows = np.arange(len(copied.kind))
    ways = copied.means - copied.wanted[:, None]
    ways[rows, copied.kind] = np.nan
    one_other = np.flatnonzero((~np.isnan(ways[..., 0])).sum(axis=1) == 1)
    assert len(one_other)
    painted = copied.wanted - 0.3 * np.nansum(ways, axis=1)
    leaks = find_leaks(dataclasses.replace(copied, painted=painted))
    assert (leaks.kind[one_other] == -1).all()
    assert (leaks.rest[one_other] == 1).all()
