"""Top-activating patches: image patches that activate a channel most, among several images.

Maps are arrays ``(maps, height, width)``. Rows and columns count from 0. As in Zeiler
and Fergus, "Visualizing and Understanding Convolutional Networks" (2013),
https://arxiv.org/abs/1311.2901, a patch is the receptive field of a strong activation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np

from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.preprocessing import MEAN_COLOR

PEAKS_PER_IMAGE = 2  # found for every channel
MOST_PATCHES = 9  # of a channel, over all images


@dataclass(frozen=True, eq=False)
class Peaks:
    """Strongest activations of a layer's channels on one image, strongest first.

    A channel's peaks are at least `min_distance` rows or columns apart. Where a channel has no
    further activation above zero, value and position are zero.
    """

    values: np.ndarray  # activations, float32 `(channels, n)`
    positions: np.ndarray  # row and column of each activation, int16 `(channels, n, 2)`


@dataclass(frozen=True)
class TopPatch:
    """A top-activating patch: index of its image, its activation, and row and column in the map."""

    image: int
    value: float
    row: int
    column: int


def min_distance(layer: ConvLayer) -> int:
    """Return the least distance between two peaks of one map, in rows or columns.

    It is half the layer's receptive field, but at most a quarter of the map's side.
    """
    half_field = ceil(layer.receptive_field / (2 * layer.stride))
    return min(half_field, layer.output_shape[0] // 4)


def find_peaks(maps: np.ndarray, layer: ConvLayer, count: int = PEAKS_PER_IMAGE) -> Peaks:
    """Find the strongest activations of each map of a layer, some distance apart.

    The maps are float32 ``(n, h, w)``, after ReLU. Among equals, the first in reading order counts.
    Non-finite values are ignored.

    >>> from vgg_viz.model.architecture import VGG19
    >>> maps = np.zeros((1, 14, 14), np.float32)
    >>> maps[0, 2, 3], maps[0, 2, 4], maps[0, 9, 9] = 8, 7, 5
    >>> find_peaks(maps, VGG19.conv_layer("block5_conv1")).positions.tolist()
    [[[2, 3], [9, 9]]]
    """
    values = np.zeros((len(maps), count), np.float32)
    positions, near = np.zeros((*values.shape, 2), np.int16), min_distance(layer) - 1
    for index, map_ in enumerate(maps):
        left = np.where(np.isfinite(map_), map_, 0)
        for nth in range(count):
            row, column = divmod(int(left.argmax()), left.shape[1])
            if left[row, column] <= 0:
                break
            values[index, nth], positions[index, nth] = left[row, column], (row, column)
            left[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = 0
    return Peaks(values, positions)


def channel_peaks(peaks: Peaks, channel: int) -> Peaks:
    """Return the peaks of one of a layer's channels, numbered from 1."""
    return Peaks(peaks.values[[channel - 1]], peaks.positions[[channel - 1]])


def complete_peaks(
    peaks: Sequence[Peaks], layer: ConvLayer, map_of: Callable[[int], np.ndarray]
) -> list[Peaks]:
    """Find further peaks of one channel where two per image yield fewer than nine patches.

    ``map_of`` returns the channel's map for an image's index; it is called only for images that may
    have a third peak. If two peaks per image are enough, they are returned unchanged.
    """
    if sum(int((each.values > 0).sum()) for each in peaks) >= MOST_PATCHES:
        return list(peaks)
    return [
        find_peaks(map_of(index)[None], layer, MOST_PATCHES) if each.values[0, -1] > 0 else each
        for index, each in enumerate(peaks)
    ]


def rank_patches(peaks: Sequence[Peaks], count: int = 1) -> list[list[TopPatch]]:
    """Rank each channel's peaks over several images; return its top ``count`` patches at most.

    Each image's strongest peak comes first, then each image's second, then all others. Within these
    groups, stronger peaks come first, and equal peaks are in the order of their images. A channel
    that is inactive on all images has no patches.
    """
    lists = [(each.values.tolist(), each.positions.tolist()) for each in peaks]
    ranked = []
    for channel in range(len(peaks[0].values)):
        found = [
            (min(nth, PEAKS_PER_IMAGE), -value, nth, image, *position)
            for image, (values, positions) in enumerate(lists)
            for nth, (value, position) in enumerate(
                zip(values[channel], positions[channel], strict=True)
            )
            if value > 0
        ]
        ranked.append([TopPatch(one[3], -one[1], *one[4:]) for one in sorted(found)[:count]])
    return ranked


def crop_patch(pixels: np.ndarray, layer: ConvLayer, row: int, column: int) -> np.ndarray:
    """Crop an image to the receptive field of a position in a layer, uint8 ``(side, side, 3)``.

    ``side`` is the layer's receptive field in pixels. Pixels beyond the image's border have the
    mean color, which preprocessing turns into almost zero, like the network's padding.
    """
    fields = receptive_fields(layer)
    (top, bottom), (left, right) = fields[row], fields[column]
    height, width = pixels.shape[:2]
    patch = _mean_colored(bottom - top).copy()  # ten times as fast as filling it
    above, before = max(0, -top), max(0, -left)
    inside = pixels[max(0, top) : min(bottom, height), max(0, left) : min(right, width)]
    patch[above : above + inside.shape[0], before : before + inside.shape[1]] = inside
    return patch


@lru_cache(maxsize=16)
def _mean_colored(side: int) -> np.ndarray:
    return np.full((side, side, 3), MEAN_COLOR, np.uint8)
