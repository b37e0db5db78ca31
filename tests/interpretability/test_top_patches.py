"""Top-activating patches, against loops, padded images and Keras."""

import numpy as np
import pytest

from tests.support.maps import frozen
from vgg_viz.interpretability.feature_visualization.top_patches import (
    MOST_PATCHES,
    Peaks,
    TopPatch,
    channel_peaks,
    complete_peaks,
    crop_patch,
    find_peaks,
    min_distance,
    rank_patches,
)
from vgg_viz.model.architecture import VGG19

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
SIDE = VGG19.input_side


def peaks_by_loop(map_, distance, count=2):
    """Find the rank_patches positions of one map by a loop in reading order."""
    places = [(row, column) for row in range(len(map_)) for column in range(len(map_[0]))]
    found = []
    for _ in range(count):
        best, peak = 0.0, (0, 0)
        for row, column in places:
            if map_[row][column] > best:
                best, peak = map_[row][column], (row, column)
        found.append((best, peak))
        places = [
            place
            for place in places
            if abs(place[0] - peak[0]) >= distance or abs(place[1] - peak[1]) >= distance
        ]
    return found


@pytest.mark.parametrize("name", ["block3_conv4", "block4_conv3", "block5_conv4"])
@pytest.mark.parametrize("levels", [0, 3])
def test_peaks_match_a_loop(name, levels):
    layer = LAYERS[name]
    side = layer.output_shape[0]
    random = np.random.default_rng(side)
    # Channels-last memory, as from Keras; with few levels, most values are equal.
    maps = random.random((side, side, 12), dtype=np.float32)
    maps = frozen(np.moveaxis(np.round(maps * levels) if levels else maps, -1, 0))
    found = find_peaks(maps, layer)
    assert (found.values.dtype, found.positions.dtype) == (np.float32, np.int16)
    for channel, map_ in enumerate(maps.tolist()):
        expected = peaks_by_loop(map_, min_distance(layer))
        assert found.values[channel].tolist() == [value for value, _ in expected]
        assert [tuple(position) for position in found.positions[channel].tolist()] == [
            position for _, position in expected
        ]


def peaks_with(*pairs):
    """Return peaks with a pair of values for each channel; positions are (channel, nth)."""
    positions = [[[channel, nth] for nth in range(2)] for channel in range(len(pairs))]
    return Peaks(np.array(pairs, np.float32), np.array(positions, np.int16))


def test_inactive_channel_has_no_patches():
    found = [peaks_with((1, 0), (0, 0), (2, 1)), peaks_with((3, 2), (0, 0), (2, 0))]
    assert rank_patches(found) == [[TopPatch(1, 3, 0, 0)], [], [TopPatch(0, 2, 2, 0)]]


def nine_patches(maps, distance):
    """Rank one channel's nine patches by a loop over its map of each image."""
    ranked = [
        (min(nth, 2), -value, nth, image, *position)
        for image, map_ in enumerate(maps)
        for nth, (value, position) in enumerate(peaks_by_loop(map_.tolist(), distance, 9))
        if value > 0
    ]
    return [(image, -value, *position) for _, value, _, image, *position in sorted(ranked)[:9]]


@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize("active", [[], [3], [0, 6], [1, 2, 4, 7], [*range(8)]])
def test_channel_inactive_on_most_images_has_nine_patches(active, levels):
    layer = LAYERS["block4_conv3"]
    side = layer.output_shape[0]
    random = np.random.default_rng(len(active))
    maps = np.zeros((8, 5, side, side), np.float32)
    for image in active:
        values = random.random((5, side, side), dtype=np.float32)
        maps[image] = np.ceil(values * levels) if levels else values
    maps[1:, 2] = 0  # channel 3 is active on the first image at most
    maps[1:4, 4, 8:] = 0  # channel 5 only at the top of some maps

    def map_of(image):
        requested.append(image)
        return maps[image, channel - 1]

    peaks = [find_peaks(frozen(each), layer) for each in maps]
    for channel in (1, 3, 5):
        requested = []
        of_channel = [channel_peaks(each, channel) for each in peaks]
        (patches,) = rank_patches(complete_peaks(of_channel, layer, map_of), MOST_PATCHES)
        found = [(patch.image, patch.value, patch.row, patch.column) for patch in patches]
        assert found == nine_patches(maps[:, channel - 1], min_distance(layer))
        assert set(requested) <= set(active)
        assert len(set(requested)) == len(requested)


def test_further_peaks_keep_their_distance_and_end_at_zero():
    layer = LAYERS["block5_conv1"]  # 14 x 14 maps, peaks at least 3 apart
    map_ = np.zeros((1, 14, 14), np.float32)
    map_[0, 0, 0], map_[0, 0, 3], map_[0, 0, 6], map_[0, 2, 4], map_[0, 13, 13] = 9, 8, 7, 6, 5
    map_[0, 13, 11:13] = np.nan, np.inf  # which are ignored
    found = complete_peaks([find_peaks(map_, layer)], layer, lambda _: map_[0])
    patches = [(patch.value, patch.row, patch.column) for patch in rank_patches(found, 9)[0]]
    assert patches == [(9, 0, 0), (8, 0, 3), (7, 0, 6), (5, 13, 13)]


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_patch_is_cropped_from_the_image_framed_in_mean_color(layer, photograph):
    color = (124, 117, 104)
    frame = np.full((3 * SIDE, 3 * SIDE, 3), color, np.uint8)
    frame[SIDE : 2 * SIDE, SIDE : 2 * SIDE] = photograph
    last = layer.output_shape[0] - 1
    for row, column in [(0, 0), (last, 0), (last // 2, last), (1, last // 3)]:
        # Position 0 is centered at `offset`, each next one a stride further.
        top, left = (
            SIDE + layer.offset + layer.stride * position - (layer.receptive_field - 1) / 2
            for position in (row, column)
        )
        rows, columns = (slice(int(a), int(a) + layer.receptive_field) for a in (top, left))
        np.testing.assert_array_equal(
            crop_patch(photograph, layer, row, column), frame[rows, columns]
        )
