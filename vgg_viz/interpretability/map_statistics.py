"""A layer's maps in numbers: of every map, of all together, and beside the photograph.

Plain arrays in, tiles first: maps ``(maps, height, width)``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.map_orders import ORDERS

# Brightness of RGB as people see it: ITU-R BT.601, which Pillow's mode "L" follows too.
LUMA = (0.299, 0.587, 0.114)
STRIP_VALUES = 2**17  # half a megabyte of float32, which a core's own cache holds


@dataclass(frozen=True, eq=False)
class Statistics:
    """Numbers of every map, each float ``(n,)``; ``active`` is the share of positions above 0."""

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    active: np.ndarray

    @property
    def silent(self) -> int:
        """How many maps are nowhere above 0."""
        return int(np.count_nonzero(self.active == 0))

    def order(self, by: str) -> np.ndarray:
        """The maps' indices, int ``(n,)``: as they are numbered, or the largest first.

        Args:
            by: ``"number"``, ``"mean"``, ``"maximum"``, ``"variance"`` or ``"active"``. Of equal
                maps the one with the lower number comes first.

        Raises:
            ValueError: another word.
        """
        if by == "number":
            return np.arange(len(self.mean))
        if by not in ORDERS:
            raise ValueError(f"expected one of {', '.join(ORDERS)}, got {by!r}")
        return np.argsort(-getattr(self, by), kind="stable")


@dataclass(frozen=True)
class Profile:
    """What one layer makes of one picture, in three numbers.

    ``active`` is the share of all positions of all maps that are above 0; ``silent`` the number of
    maps that are nowhere; ``likeness`` how much of the photograph can still be recognized: the
    largest correlation (at most 1) of a map with the photograph's brightness at the map's size, and
    ``likest`` that map's number, from 1.
    """

    active: float
    silent: int
    likeness: float
    likest: int


def statistics(maps: np.ndarray) -> Statistics:
    """Minimum, maximum, mean and share of active positions of every map ``(n, h, w)``.

    Raises:
        ValueError: the array has not three dimensions.
    """
    if maps.ndim != 3:
        raise ValueError(f"expected maps (n, height, width), got shape {maps.shape}")
    mean = means(maps)
    squares, active = np.zeros(len(maps)), np.zeros(len(maps), int)
    for rows in strips(maps):
        squares += sums(np.square(maps[:, rows] - mean.astype(maps.dtype)[:, None, None]))
        active += np.count_nonzero(maps[:, rows] > 0, axis=(1, 2))
    positions = maps.shape[1] * maps.shape[2]
    return Statistics(
        minimum=maps.min(axis=1).min(axis=1),
        maximum=maps.max(axis=1).max(axis=1),
        mean=mean,
        variance=squares / positions,
        active=active / positions,
    )


def means(maps: np.ndarray) -> np.ndarray:
    """The mean of every map ``(n, h, w)``, float64 ``(n,)``."""
    positions: int = maps.shape[1] * maps.shape[2]
    mean: np.ndarray = sums(maps) / positions
    return mean


def sums(maps: np.ndarray) -> np.ndarray:
    """The sum of every map ``(n, h, w)``, float64 ``(n,)``."""
    # One axis after the other: three times as quick as both at once on channels-last memory, and
    # a float32 sum over 224 positions is 1e-5 exact at worst, one over 50,176 is not.
    each: np.ndarray = maps.sum(axis=1).sum(axis=1, dtype=np.float64)
    return each


def strips(maps: np.ndarray) -> Iterator[slice]:
    """The rows of maps ``(n, h, w)``, as many at a time as a processor's cache can hold.

    What is computed on the way to a number per map is then never as large as the maps, of which
    the first layers' have 13 MB.
    """
    rows = max(1, STRIP_VALUES // max(1, len(maps) * maps.shape[2]))
    for start in range(0, maps.shape[1], rows):
        yield slice(start, start + rows)


def profile(maps: np.ndarray, pixels: np.ndarray) -> Profile:
    """Measure what a layer makes of a picture.

    Args:
        maps: the layer's maps of it, after ReLU, ``(n, h, w)``.
        pixels: the picture, RGB uint8, its sides whole multiples of ``h`` and ``w``.
    """
    active = np.count_nonzero(maps > 0, axis=(1, 2))
    likeness = correlations(maps, brightness(pixels, *maps.shape[1:]))
    likest = int(likeness.argmax())
    return Profile(
        active=float(active.sum() / maps.size),
        silent=int(np.count_nonzero(active == 0)),
        likeness=float(likeness[likest]),
        likest=likest + 1,
    )


def brightness(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The brightness of RGB pixels averaged down to ``(height, width)``, float64, 0 to 255.

    Raises:
        ValueError: the picture's sides are not whole multiples of these.
    """
    rows, columns = pixels.shape[:2]
    if rows % height or columns % width:
        raise ValueError(f"expected divisors of {rows} and {columns}, got {height} and {width}")
    luma = pixels.astype(np.float64) @ np.array(LUMA)
    parts = luma.reshape(height, rows // height, width, columns // width)
    averaged: np.ndarray = parts.mean(axis=(1, 3))
    return averaged


def correlations(maps: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Pearson's correlation of every map ``(n, h, w)`` with an image ``(h, w)``: float64 ``(n,)``.

    It is 0 where a map or the image is constant.
    """
    target = (image - image.mean()).astype(maps.dtype)
    mean = means(maps).astype(maps.dtype)[:, None, None]
    together, squares = np.zeros(len(maps)), np.zeros(len(maps))
    for rows in strips(maps):
        deviations = maps[:, rows] - mean
        together += sums(deviations * target[rows])
        squares += sums(np.square(deviations))
    apart = np.sqrt(squares * sums(np.square(target)[None]))
    likeness = np.zeros(len(maps))
    np.divide(together, apart, out=likeness, where=apart > 0)
    return likeness


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of every value ``(n,)`` among them, int ``(n,)``; 1 is the largest.

    Equal values share the better rank, so that all dead maps stand together.
    """
    larger: np.ndarray = np.count_nonzero(values[None, :] > values[:, None], axis=1)
    return larger + 1


def histogram(map_: np.ndarray, bins: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """How many values of a map lie in each of ``bins`` equal steps from its least to its largest.

    Returns the counts, int ``(bins,)``, and the steps' edges, float64 ``(bins + 1,)``. A constant
    map stands in the middle; values that are not finite are left out.
    """
    values = map_[np.isfinite(map_)].astype(np.float64)  # float32 may lack numbers for the edges
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    margin = max(abs(low), 1.0) / 2 if low == high else 0.0
    return np.histogram(values, bins, range=(low - margin, high + margin))
