"""Statistics of a layer's feature maps, given as arrays ``(maps, height, width)``."""

from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.map_orders import NUMBER, ORDERS


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of each map of a layer over its positions, float arrays ``(maps,)``."""

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    active: np.ndarray  # share of positions above zero

    @property
    def inactive(self) -> int:
        """Number of maps that are not above zero at any position."""
        return int(np.count_nonzero(self.active == 0))

    def of(self, index: slice | np.ndarray) -> "Statistics":
        """Return the statistics of some of the maps, by their indices."""
        return Statistics(**{name: array[index] for name, array in vars(self).items()})

    def order(self, by: str) -> np.ndarray:
        """Return the maps' indices in an order of `ORDERS`, equal maps by number."""
        if ORDERS[by].name == NUMBER:
            return np.arange(len(self.mean))
        return np.argsort(-getattr(self, by), kind="stable")

    def numbers(self, order: str, count: int) -> list[int]:
        """Return the numbers of the first ``count`` maps of the layer in a given order."""
        return [int(index) + 1 for index in self.order(order)[:count]]


@dataclass(frozen=True)
class Profile:
    """Summary of one layer's maps for one image."""

    active: float  # share of positions above zero, over all maps
    inactive: int  # number of maps that are not above zero at any position
    # Largest correlation of any map with the image's brightness, averaged down to the maps' size.
    correlation: float
    correlated_map: int  # number of that map


def statistics(maps: np.ndarray) -> Statistics:
    """Compute the statistics of each map of an array ``(n, h, w)``.

    >>> maps = np.array([[[0, 4]], [[0, 0]]], np.float32)
    >>> statistics(maps).mean.tolist(), statistics(maps).inactive
    ([2.0, 0.0], 1)
    """
    mean = means(maps)
    return Statistics(
        minimum=maps.min(axis=1).min(axis=1),
        maximum=maps.max(axis=1).max(axis=1),
        mean=mean,
        variance=means(np.square(maps - mean.astype(maps.dtype)[:, None, None])),
        active=np.count_nonzero(maps > 0, axis=(1, 2)) / (maps.shape[1] * maps.shape[2]),
    )


def mean_differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute each map's mean absolute difference of two arrays ``(n, h, w)``, float64 ``(n,)``.

    >>> mean_differences(np.zeros((2, 1, 2)), np.array([[[0, 0]], [[1, -3]]])).tolist()
    [0.0, 2.0]
    """
    return means(np.abs(second - first))


def means(maps: np.ndarray) -> np.ndarray:
    """Compute the mean of each map ``(n, h, w)``, float64 ``(n,)``."""
    # One axis at a time is three times as fast on channels-last memory. A float32 sum over 224
    # positions has a relative error of at most 1e-5; one over 50,176 positions exceeds that.
    mean: np.ndarray = maps.sum(axis=1).sum(axis=1, dtype=np.float64)
    mean /= maps.shape[1] * maps.shape[2]
    return mean


def strongest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of up to ``count`` largest positive and negative values, largest first.

    >>> [indices.tolist() for indices in strongest(np.array([2, 0, -5, 7, -1]), 2)]
    [[3, 0], [2, 4]]
    """
    order = np.argsort(-values, kind="stable")
    signs = np.sign(values[order])
    return order[signs > 0][:count], order[signs < 0][::-1][:count]


def profile(maps: np.ndarray, pixels: np.ndarray) -> Profile:
    """Summarize a layer's maps ``(n, h, w)`` for an RGB image with multiples of ``h`` and ``w``."""
    active = np.count_nonzero(maps > 0, axis=(1, 2))
    correlation = correlations(maps, brightness(pixels, *maps.shape[1:]))
    best = int(correlation.argmax())
    return Profile(
        active=float(active.sum() / maps.size),
        inactive=int(np.count_nonzero(active == 0)),
        correlation=float(correlation[best]),
        correlated_map=best + 1,
    )


def brightness(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Compute the brightness of RGB pixels, 0 to 255, averaged down to a height and width."""
    rows, columns = pixels.shape[:2]
    parts = luma(pixels).reshape(height, rows // height, width, columns // width)
    averaged: np.ndarray = parts.mean(axis=(1, 3))
    return averaged


def luma(pixels: np.ndarray) -> np.ndarray:
    """Compute the brightness of each RGB pixel, 0 to 255: ITU-R BT.601, as Pillow's mode "L"."""
    brightness: np.ndarray = pixels @ np.array([0.299, 0.587, 0.114])
    return brightness


def correlations(maps: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Compute the Pearson correlation of each map with a gray image ``(h, w)``; 0 for constants."""
    target = image - image.mean()
    deviations = maps - means(maps).astype(maps.dtype)[:, None, None]
    products = np.tensordot(deviations, target.astype(maps.dtype), 2)
    norms = np.sqrt(means(np.square(deviations)) * target.size * np.square(target).sum())
    correlation = np.zeros(len(maps))
    np.divide(products, norms, out=correlation, where=norms > 0)
    return correlation


def ranks(values: np.ndarray) -> np.ndarray:
    """Compute the rank of each value, int ``(n,)``: 1 for the largest; equal ones share the better.

    >>> ranks(np.array([0.5, 3.0, 0.5])).tolist()
    [2, 1, 2]
    """
    larger: np.ndarray = np.count_nonzero(values[None, :] > values[:, None], axis=1)
    return larger + 1


def histogram(map_: np.ndarray, bins: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Count a map's finite values in bins of equal width; return the counts and the bins' edges."""
    # In float64, since neighboring float32 numbers leave no room for edges between them.
    values = map_[np.isfinite(map_)].astype(np.float64)
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    margin = max(abs(low), 1.0) / 2 if low == high else 0.0  # centers a constant map's bins
    return np.histogram(values, bins, range=(low - margin, high + margin))
