"""The ideal attention solves the task: it gathers each group's mean, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.data import KINDS, ShapesBatch, make_shapes
from shapes_of_attention.measure.ideal import (
    Ideal,
    group_patches,
    ideal_attention,
    patches_of_others,
)
from shapes_of_attention.measure.regions import interior_means, patch_cover

images = st.integers(0, 10_000).map(lambda index: make_shapes([index], seed=5))
few = settings(max_examples=30, deadline=None)


def asking(batch: ShapesBatch, truth: Ideal) -> np.ndarray:
    """Tell which patches mostly show a kept shape: bool [patches]."""
    return np.array([slot >= 0 and bool(batch.kept[0, slot]) for slot in truth.owner])


@few
@given(images)
def test_rows_add_up_to_one_where_a_kept_shape_asks_and_to_zero_elsewhere(
    batch: ShapesBatch,
) -> None:
    truth = ideal_attention(batch, 0)
    assert (truth.weights >= 0).all()
    np.testing.assert_allclose(truth.weights.sum(axis=1), asking(batch, truth), atol=1e-5)


@few
@given(images)
def test_every_shape_of_the_group_gets_an_equal_part(batch: ShapesBatch) -> None:
    truth = ideal_attention(batch, 0)
    touched = patch_cover(batch, 16)[0] > 0  # [slots, patches]
    for query in np.flatnonzero(asking(batch, truth)):
        members = np.flatnonzero(
            batch.kept[0] & (batch.kind[0] == batch.kind[0, truth.owner[query]])
        )
        for slot in members:
            rest = [other for other in members if other != slot]
            alone = touched[slot] & ~touched[rest].any(axis=0)
            apart = not (touched[slot] & ~alone).any()
            part = truth.weights[query, alone].sum()
            assert part <= 1 / len(members) + 1e-5
            if apart:  # no patch shows it and another one of its group
                np.testing.assert_allclose(part, 1 / len(members), rtol=1e-4)
        outside = ~touched[members].any(axis=0)
        assert not truth.weights[query, outside].any()


@few
@given(images)
def test_colours_weighed_by_it_are_those_of_the_target(batch: ShapesBatch) -> None:
    """A patch's value is the mean colour of the group's shapes in it, each by its share there."""
    truth = ideal_attention(batch, 0)
    cover = patch_cover(batch, 16)[0]
    painted = interior_means(batch.target.astype(np.float32), batch)[0]  # [slots, 3]
    for query in np.flatnonzero(asking(batch, truth)):
        owner = truth.owner[query]
        members = np.flatnonzero(batch.kept[0] & (batch.kind[0] == batch.kind[0, owner]))
        share = cover[members] / cover[members].sum(axis=1, keepdims=True)  # [members, patches]
        values = share.T @ batch.colour[0, members] / np.maximum(share.sum(axis=0), 1e-9)[:, None]
        # The target is rounded to whole levels.
        np.testing.assert_allclose(truth.weights[query] @ values, painted[owner], atol=0.75)


@few
@given(images)
def test_the_group_holds_all_the_weight_and_the_others_leave_the_own_shape_out(
    batch: ShapesBatch,
) -> None:
    truth = ideal_attention(batch, 0)
    cover = patch_cover(batch, 16)[0]
    assert not (truth.others & ~truth.group).any()
    for query in np.flatnonzero(asking(batch, truth)):
        assert truth.weights[query, truth.group[query]].sum() > 0.98  # slivers of a pixel aside
        assert not (truth.others[query] & (cover[truth.owner[query]] >= 1)).any()
        assert truth.group[query, query]
        alone = (batch.kept[0] & (batch.kind[0] == batch.kind[0, truth.owner[query]])).sum() == 1
        assert not (alone and truth.others[query].any())


def test_background_and_filtered_circles_ask_for_nothing() -> None:
    batch = make_shapes(range(64), seed=5)
    row, slot = np.argwhere(batch.present & ~batch.kept)[0]
    one = make_shapes([int(row)], seed=5)
    truth = ideal_attention(one, 0)
    filtered, background = truth.owner == slot, truth.owner < 0
    assert filtered.any()
    assert background.any()
    for silent in (filtered, background):
        assert not truth.weights[silent].any()
        assert not truth.group[silent].any()
        assert not truth.others[silent].any()


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
