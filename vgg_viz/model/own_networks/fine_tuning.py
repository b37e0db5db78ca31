"""Relative change of a network's weights by fine-tuning."""

from collections.abc import Sequence

import numpy as np


def relative_change(weights: np.ndarray, original: np.ndarray) -> float:
    """Compute the norm of the change of weights, relative to that of the original ones.

    Exactly 0 for equal weights; infinite if the original ones are all zero.

    >>> relative_change(np.array([3.0, 5.0]), np.array([3.0, 4.0]))
    0.2
    """
    return float(_ratio(_norm(weights - original), _norm(original)))


def relative_change_by_filter(kernel: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Compute the relative change of each filter of two kernels ``(3, 3, channels, filters)``."""
    axes = (0, 1, 2)
    return _ratio(_norm(kernel - original, axes), _norm(original, axes))


def _norm(numbers: np.ndarray, axes: Sequence[int] | None = None) -> np.ndarray:
    squares = np.square(numbers, dtype=np.float64)
    return np.sqrt(squares.sum(axis=None if axes is None else tuple(axes)))


def _ratio(change: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Divide, where 0/0 is 0: nothing has changed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0, 0.0, change / original)
