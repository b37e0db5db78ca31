"""Clenshaw–Curtis quadrature: polynomials integrated by hand, and its nested levels."""

import numpy as np
import pytest

from vgg_viz.interpretability.attribution.integrated_gradients import (
    POINTS,
    clenshaw_curtis,
    level_weights,
    new_points,
)


@pytest.mark.parametrize("points", [3, 5, *POINTS])
def test_polynomials_up_to_the_number_of_points_minus_one_are_integrated_exactly(points):
    positions, weights = clenshaw_curtis(points)
    degrees = np.arange(points)
    powers = positions[:, None] ** degrees
    np.testing.assert_allclose(weights @ powers, 1 / (degrees + 1), rtol=0, atol=1e-14)
    assert (weights > 0).all()
    assert (positions[0], positions[-1]) == (0, 1)


def test_five_points_have_the_weights_worked_by_hand():
    # Weights of [-1, 1] in Clenshaw and Curtis' rule: 1/15, 8/15, 12/15, 8/15, 1/15.
    positions, weights = clenshaw_curtis(5)
    np.testing.assert_allclose(30 * weights, [1, 8, 12, 8, 1])
    np.testing.assert_allclose(positions, [0, 0.5 - 0.5**1.5, 0.5, 0.5 + 0.5**1.5, 1])


def test_each_level_adds_points_between_those_of_the_level_before():
    weights, (positions, _) = level_weights(), clenshaw_curtis(POINTS[-1])
    known = np.array([], int)
    for level, points in enumerate(POINTS):
        new = new_points(level)
        assert not set(new) & set(known)
        known = np.union1d(known, new)
        np.testing.assert_allclose(positions[known], clenshaw_curtis(points)[0], atol=1e-15)
        np.testing.assert_array_equal(weights[level, known], clenshaw_curtis(points)[1])
        assert np.count_nonzero(weights[level]) == points
    assert len(known) == POINTS[-1]
