"""Masks are drawn as they are: every cell that is kept is filled, and no other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.patches import PathPatch
from numpy.typing import NDArray

from shapes_of_attention.figures.efficiency import mask_grid


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()))
def test_the_kept_cells_are_filled_and_no_other(mask: NDArray[np.bool_]) -> None:
    figure = mask_grid({"a mask": mask}).static
    (drawn,) = (patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch))
    rows, columns = np.indices(mask.shape)
    middles = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    filled = drawn.get_path().contains_points(middles) if mask.any() else np.zeros(mask.size, bool)
    np.testing.assert_array_equal(filled.reshape(mask.shape), mask)
