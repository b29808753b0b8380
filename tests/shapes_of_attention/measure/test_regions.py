"""Where shapes are: the colours they were drawn in, and the patches that they cover."""

import numpy as np
import pytest

from shapes_of_attention.data import make_shapes
from shapes_of_attention.measure.regions import interior_means, patch_cover


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
