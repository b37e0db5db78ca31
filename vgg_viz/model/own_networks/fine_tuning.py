"""Changes of a network by fine-tuning: of its weights, and of what its layers compute."""

from collections.abc import Sequence

import numpy as np

FEWEST_IMAGES = 4  # below, the unbiased estimate is undefined


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


def unbiased_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the similarity of two layers' outputs for the same images, ``(images, features)``.

    About 0 for independent features, 1 for features that agree up to rotation and scale. Linear
    centered kernel alignment, Kornblith et al. (2019), https://arxiv.org/abs/1905.00414, with the
    unbiased estimate of Song et al. (2012), https://jmlr.org/papers/v13/song12a.html, as Nguyen et
    al. (2021), https://arxiv.org/abs/2010.15327: the biased one is near 1 for few images.

    NaN if a layer's own estimate is not positive. Raises a ``ValueError`` for fewer images than
    ``FEWEST_IMAGES``.
    """
    return _alignment(_similarities(first), _similarities(second))


def shuffled_cka(
    first: np.ndarray, second: np.ndarray, *, repeats: int = 20, seed: int = 0
) -> np.ndarray:
    """Compute the same with the images of the second layer in random orders: the value by chance.

    Returns float64 ``(repeats,)``.
    """
    similarities, others = _similarities(first), _similarities(second)
    random = np.random.default_rng(seed)
    orders = (random.permutation(len(others)) for _ in range(repeats))
    return np.array([_alignment(similarities, others[np.ix_(order, order)]) for order in orders])


def _norm(numbers: np.ndarray, axes: Sequence[int] | None = None) -> np.ndarray:
    squares = np.square(numbers, dtype=np.float64)
    return np.sqrt(squares.sum(axis=None if axes is None else tuple(axes)))


def _ratio(change: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Divide, where 0/0 is 0: nothing has changed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0, 0.0, change / original)


def _similarities(features: np.ndarray) -> np.ndarray:
    """Compute the dot products of each image's features with another's, and 0 with its own."""
    if len(features) < FEWEST_IMAGES:
        raise ValueError(f"expected at least {FEWEST_IMAGES} images, got {len(features)}")
    # The estimate ignores the mean, whose products would only round others away.
    centered = features - features.mean(axis=0, dtype=np.float64)
    products: np.ndarray = centered @ centered.T
    np.fill_diagonal(products, 0)
    return products


def _alignment(first: np.ndarray, second: np.ndarray) -> float:
    own = _hsic(first, first), _hsic(second, second)
    return float(_hsic(first, second) / np.sqrt(np.prod(own))) if min(own) > 0 else float("nan")


def _hsic(first: np.ndarray, second: np.ndarray) -> float:
    """Estimate the Hilbert-Schmidt independence criterion, Song et al., equation 5."""
    n = len(first)
    total = np.sum(first * second)
    total += first.sum() * second.sum() / ((n - 1) * (n - 2))
    total -= 2 / (n - 2) * (first.sum(axis=0) @ second.sum(axis=0))
    return float(total / (n * (n - 3)))
