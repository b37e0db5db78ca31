"""Clenshaw–Curtis quadrature on [0, 1] at several levels.

The points nest: each level includes the points of all levels before it, so a finer level needs the
integrand at its new points only. With n points it is exact for polynomials up to degree n - 1.
"""

import numpy as np

POINTS = (9, 17, 33, 65)  # number of points of each level


def clenshaw_curtis(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and weights of an odd number of points, float64 ``(points,)`` each.

    >>> positions, weights = clenshaw_curtis(3)  # Simpson's rule
    >>> positions.round(6).tolist(), (6 * weights).round(6).tolist()
    ([0.0, 0.5, 1.0], [1.0, 4.0, 1.0])
    """
    angles = np.pi * np.arange(points) / (points - 1)
    degrees = np.arange(0, points, 2)
    # The integral of the cosine series that interpolates the integrand at these angles.
    terms = np.cos(np.outer(angles, degrees)) * 2 / (1 - degrees**2)
    terms[:, [0, -1]] /= 2
    weights = terms.sum(axis=1) / (points - 1)
    weights[[0, -1]] /= 2
    return (1 - np.cos(angles)) / 2, weights


def level_weights() -> np.ndarray:
    """Return the weight of each point of the last level at every level, ``(levels, points)``.

    It is zero where a level does not have the point.
    """
    weights = np.zeros((len(POINTS), POINTS[-1]))
    for row, points in zip(weights, POINTS, strict=True):
        row[:: (POINTS[-1] - 1) // (points - 1)] = clenshaw_curtis(points)[1]
    return weights


def new_points(level: int) -> np.ndarray:
    """Return the indices, among the last level's points, of those that are new at a level.

    >>> new_points(0).tolist(), new_points(1).tolist()
    ([0, 8, 16, 24, 32, 40, 48, 56, 64], [4, 12, 20, 28, 36, 44, 52, 60])
    """
    step = (POINTS[-1] - 1) // (POINTS[level] - 1)
    return np.arange(step, POINTS[-1], 2 * step) if level else np.arange(0, POINTS[-1], step)
