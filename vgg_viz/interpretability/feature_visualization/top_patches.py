"""Where channels answer most: the strongest places of every map, and what lies under them.

Plain arrays in, tiles first: maps ``(maps, height, width)``. Rows and columns count from 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import MEAN_COLOR

A_PICTURE = 2  # places of each picture that are known
MOST = 9  # places of a channel, over all pictures


@dataclass(frozen=True, eq=False)
class Peaks:
    """Where the channels of a layer answer most to one picture, the strongest place first.

    ``values`` float32 (channels, n), ``places`` int16 (channels, n, 2): row and column. Each
    further place is the strongest of those that are at least `distance` rows or columns away from
    all before it; `peaks` knows two, `all_peaks` up to nine. Where nothing above 0 is left the
    value is 0, and so is the place.
    """

    values: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Spot:
    """A place where a channel answers: the picture's index, the map's value, row and column."""

    picture: int
    value: float
    row: int
    column: int


def distance(layer: ConvLayer) -> int:
    """How many rows, or columns, apart two places of a picture are that are told apart.

    Half a receptive field, but never more than a quarter of the map.
    """
    apart = ceil(layer.receptive_field / (2 * layer.stride))
    return min(apart, layer.output_shape[0] // 4)


def peaks(maps: np.ndarray, layer: ConvLayer) -> Peaks:
    """The two strongest places of every map of a layer ``(n, h, w)``, after its ReLU.

    Of equal values the first counts, as one reads: row by row. What is not finite does not count.
    """
    rows = _largest_of_rows(maps)
    if not np.isfinite(rows).all():
        maps = np.nan_to_num(maps, nan=0.0, posinf=0.0, neginf=0.0)
        rows = _largest_of_rows(maps)
    values, row = rows.max(axis=1), rows.argmax(axis=1)
    column = _line(maps, row).argmax(axis=1)
    reach = np.arange(1 - distance(layer), distance(layer))
    near = (row[:, None] + reach).clip(0, maps.shape[1] - 1)
    taken = (column[:, None] + reach).clip(0, maps.shape[2] - 1)
    # Of the rows near the first place only what is beside it may be the second: a small part of
    # the maps, all the rest of which is looked at once.
    beside = np.take_along_axis(maps, near[:, :, None], axis=1)
    np.put_along_axis(beside, taken[:, None], 0, axis=2)
    np.put_along_axis(rows, near, beside.max(axis=2), axis=1)
    second_values, second_row = rows.max(axis=1), rows.argmax(axis=1)
    line = _line(maps, second_row)
    is_near = (second_row[:, None] == near).any(axis=1)
    line[is_near] = _with_zeros(line[is_near], taken[is_near])
    places = np.stack([row, column, second_row, line.argmax(axis=1)], axis=1)
    return Peaks(
        np.stack([values, second_values], axis=1).astype(np.float32),
        places.reshape(-1, A_PICTURE, 2).astype(np.int16),
    )


def peaks_of(found: Peaks, channel: int) -> Peaks:
    """One channel's, from 1."""
    return Peaks(found.values[[channel - 1]], found.places[[channel - 1]])


def all_peaks(map_: np.ndarray, layer: ConvLayer) -> Peaks:
    """The nine strongest places of one map of a layer ``(h, w)``: those of one channel."""
    left = np.nan_to_num(map_, nan=0.0, posinf=0.0, neginf=0.0)
    near, found = distance(layer) - 1, []
    for _ in range(MOST):
        row, column = divmod(int(left.argmax()), left.shape[1])
        found.append((left[row, column], row, column))
        left[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = 0
    values, *places = np.array(found, np.float32).T
    return Peaks(values[None], np.stack(places, axis=1)[None].astype(np.int16))


def filled_up(
    found: Sequence[Peaks], layer: ConvLayer, map_of: Callable[[int], np.ndarray]
) -> list[Peaks]:
    """One channel's peaks in several pictures, with further ones where two of each are not nine.

    ``map_of`` gives the channel's map of the picture of that index; it is asked only for pictures
    that may have a third place.
    """
    if sum(int((one.values > 0).sum()) for one in found) >= MOST:
        return list(found)
    none = MOST - A_PICTURE
    return [
        all_peaks(map_of(index), layer)
        if one.values[0, -1] > 0
        else Peaks(
            np.pad(one.values, [(0, 0), (0, none)]), np.pad(one.places, [(0, 0), (0, none), (0, 0)])
        )
        for index, one in enumerate(found)
    ]


def strongest(found: Sequence[Peaks], count: int = 1) -> list[list[Spot]]:
    """The strongest places of every channel over several pictures, at most ``count`` a channel.

    One a picture first, then the second ones of pictures, and then all further ones, the stronger
    first; of equal ones that of the picture which comes first. A picture on which a channel is
    silent has none. All peaks have as many places.
    """
    # Of every channel the firsts of all pictures, in their order, then the seconds, and so on.
    known = found[0].values.shape[1]
    values = np.stack([one.values[:, nth] for nth in range(known) for one in found], axis=1)
    kinds = (np.arange(values.shape[1]) // len(found)).clip(max=A_PICTURE)
    order = np.lexsort((-values, np.broadcast_to(kinds, values.shape), values <= 0), axis=1)
    order = order[:, :count]
    return [
        [_spot(found, channel, index) for index in indices if values[channel, index] > 0]
        for channel, indices in enumerate(order.tolist())
    ]


def patch(pixels: np.ndarray, layer: ConvLayer, row: int, column: int) -> np.ndarray:
    """What a place of a layer's maps sees of a picture: uint8 ``(side, side, 3)``.

    ``side`` is the layer's receptive field. Beyond the picture's border it is the mean color,
    which to the network is 0, as its padding is.
    """
    fields = receptive_fields(layer)
    (top, bottom), (left, right) = fields[row], fields[column]
    height, width = pixels.shape[:2]
    seen = np.full((bottom - top, right - left, 3), MEAN_COLOR, np.uint8)
    above, before = max(0, -top), max(0, -left)
    inside = pixels[max(0, top) : min(bottom, height), max(0, left) : min(right, width)]
    seen[above : above + inside.shape[0], before : before + inside.shape[1]] = inside
    return seen


def _largest_of_rows(maps: np.ndarray) -> np.ndarray:
    """The largest value of every row of maps ``(n, h, w)``: ``(n, h)``."""
    largest: np.ndarray = maps.max(axis=2)
    return largest


def _line(maps: np.ndarray, row: np.ndarray) -> np.ndarray:
    """One row of every map, a copy, ``(n, w)``."""
    line: np.ndarray = maps[np.arange(len(maps)), row]
    return line


def _with_zeros(lines: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Lines ``(n, w)`` with zeros in these columns ``(n, k)``."""
    emptied = lines.copy()
    np.put_along_axis(emptied, columns, 0, axis=1)
    return emptied


def _spot(found: Sequence[Peaks], channel: int, index: int) -> Spot:
    """The place of that index in `strongest`'s order of values."""
    nth, picture = divmod(index, len(found))
    row, column = found[picture].places[channel, nth].tolist()
    return Spot(picture, float(found[picture].values[channel, nth]), row, column)
