"""Counter-based draws: uniform, independent of company, unlike their neighbours."""

import numpy as np

from shapes_of_attention.data.counter_rng import uniform_draws


def test_draws_are_uniform_and_uncorrelated():
    draws = uniform_draws(np.arange(20_000), seed=0, count=8).astype(np.float64)
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, bins=64, range=(0, 1))[0]
    expected = draws.size / 64
    # Chi-squared with 63 degrees of freedom: mean 63, standard deviation 11.2.
    assert ((counts - expected) ** 2 / expected).sum() < 63 + 5 * 11.2
    between = np.corrcoef(draws, rowvar=False) - np.eye(8)
    assert np.abs(between).max() < 5 / np.sqrt(len(draws))
    neighbours = np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(len(draws))


def test_seeds_that_differ_by_one_are_unrelated():
    one, two = (uniform_draws(np.arange(20_000), seed=s, count=1)[:, 0] for s in (0, 1))
    assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(len(one))
    assert not np.isin(one[:100], two[:200]).all()


def test_a_draw_depends_on_seed_index_and_number_alone():
    many = uniform_draws(np.arange(100), seed=9, count=20)
    one = uniform_draws(np.array([57]), seed=9, count=5)
    np.testing.assert_array_equal(one[0], many[57, :5])
