"""Hiding a shape, where the answer is known: a painter that knows the rule, one that never looks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.data import KINDS, make_shapes
from shapes_of_attention.measure.intervention import Intervention, change_without, choose_one
from shapes_of_attention.measure.regions import patch_cover


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
    assert found.shapes > 50
    assert found.slope == pytest.approx(1, abs=0.12)

    blind = Oracle(batch)
    blind.forward = lambda image, memory_mask=None: torch.from_numpy(batch.target) / 255
    careless = Intervention(blind)
    careless.add(batch)
    assert careless.result().slope == 0


def test_slopes_by_kind_rest_on_the_shapes_of_the_kind():
    batch = make_shapes(range(80), seed=6)
    hiding = Intervention(Oracle(batch)).over([batch])
    changes, found = hiding.changes(), hiding.result()
    assert found.shapes == changes.apart.sum() and found.shapes_all == len(changes.kind)
    for number, kind in enumerate(KINDS):
        x, y = (
            v[changes.apart & (changes.kind == number)].ravel()
            for v in (changes.expected, changes.observed)
        )
        assert found.slope_by_kind[kind] == pytest.approx((x @ y) / (x @ x), rel=1e-4)
    assert found.as_record()["slope"] == round(found.slope, 4)


def test_where_no_group_has_two_there_is_no_slope():
    batch = make_shapes(range(200), seed=6)
    pairs = (batch.kind[:, :, None] == batch.kind[:, None, :]) & batch.kept[:, :, None]
    alone = np.flatnonzero((pairs & batch.kept[:, None, :]).sum(axis=2).max(axis=1) < 2)
    assert len(alone)
    lonely = make_shapes([int(alone[0])], seed=6)
    hiding = Intervention(Oracle(lonely)).over([lonely])
    assert hiding.result() is None and len(hiding.changes().kind) == 0


def test_one_shape_an_image_is_chosen_and_the_search_for_it_begins_at_another_slot_each_time():
    fit = np.ones((5, 3), dtype=bool)
    fit[1] = False
    fit[4] = [True, False, True]
    rows, slots = choose_one(fit)
    assert rows.tolist() == [0, 2, 3, 4]
    assert slots.tolist() == [0, 2, 0, 2]
    rows, slots = choose_one(np.zeros((4, 3), dtype=bool))
    assert len(rows) == len(slots) == 0


def test_a_shape_without_a_vote_changes_the_mean_to_that_of_the_others():
    batch = make_shapes(range(40), seed=1)
    tried = 0
    for image, gone in np.argwhere(batch.kept):
        group = batch.kept[image] & (batch.kind[image] == batch.kind[image, gone])
        group[gone] = False
        for slot in np.flatnonzero(group):
            (change,) = change_without(
                batch, np.array([image]), np.array([slot]), gone=np.array([gone])
            )
            wanted = batch.colour[image, group].mean(axis=0) - batch.group_mean[image, slot]
            np.testing.assert_allclose(change, wanted, atol=1e-3)
            tried += 1
    assert tried > 100
