"""Where channels answer most, and what they see there: against loops, padding and Keras."""

import numpy as np
import pytest

from tests.support.maps import BiasedWeights, frozen
from vgg_viz.interpretability.feature_visualization.top_patches import (
    MOST,
    Peaks,
    Spot,
    distance,
    filled_up,
    patch,
    peaks,
    peaks_of,
    strongest,
)
from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import import_keras, preprocess

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
SIDE = VGG19.input_side
# Of the last two layers no field lies within the picture.
UNCLIPPED = [layer.name for layer in VGG19.conv_layers if layer.receptive_field <= 200]


def looked_through(map_, apart, most=2):
    """The strongest places of one map, by going through it as one reads."""
    places = [(row, column) for row in range(len(map_)) for column in range(len(map_[0]))]
    found = []
    for _ in range(most):
        best, where = 0.0, (0, 0)
        for row, column in places:
            if map_[row][column] > best:
                best, where = map_[row][column], (row, column)
        found.append((best, where))
        places = [
            place
            for place in places
            if abs(place[0] - where[0]) >= apart or abs(place[1] - where[1]) >= apart
        ]
    return found


@pytest.mark.parametrize("name", ["block3_conv4", "block4_conv3", "block5_conv4"])
@pytest.mark.parametrize("levels", [0, 3])
def test_peaks_are_those_that_a_loop_finds(name, levels):
    layer = LAYERS[name]
    side = layer.output_shape[0]
    random = np.random.default_rng(side)
    # In the order of Keras' memory, channels last; with few levels most values are equal.
    maps = random.random((side, side, 12), dtype=np.float32)
    maps = frozen(np.moveaxis(np.round(maps * levels) if levels else maps, -1, 0))
    found = peaks(maps, layer)
    assert (found.values.dtype, found.places.dtype) == (np.float32, np.int16)
    for channel, map_ in enumerate(maps.tolist()):
        expected = looked_through(map_, distance(layer))
        assert found.values[channel].tolist() == [value for value, _ in expected]
        assert [tuple(place) for place in found.places[channel].tolist()] == [
            place for _, place in expected
        ]


def test_a_corner_and_what_is_beside_it():
    layer = LAYERS["block5_conv1"]  # 14 x 14; places 3 apart are told apart
    maps = np.zeros((4, 14, 14), np.float32)
    maps[0, 0, 0], maps[0, 2, 2], maps[0, 2, 3] = 9, 8, 7
    maps[1, 13, 13], maps[1, 13, 11], maps[1, 10, 13] = 9, 8, 7
    maps[2, 5, 5] = 1
    found = peaks(maps, layer)
    assert found.values.tolist() == [[9, 7], [9, 7], [1, 0], [0, 0]]
    assert found.places.tolist() == [
        [[0, 0], [2, 3]],
        [[13, 13], [10, 13]],
        [[5, 5], [0, 0]],
        [[0, 0], [0, 0]],
    ]


def test_what_is_no_number_does_not_count():
    maps = np.zeros((1, 14, 14), np.float32)
    maps[0, 3, 3:6] = np.nan, np.inf, 2
    found = peaks(frozen(maps), LAYERS["block5_conv1"])
    assert found.values.tolist() == [[2, 0]]
    assert found.places[0, 0].tolist() == [3, 5]


def of(*pairs):
    """Peaks of one channel a pair of values; each place says which value it is."""
    places = [[[channel, nth] for nth in range(2)] for channel in range(len(pairs))]
    return Peaks(np.array(pairs, np.float32), np.array(places, np.int16))


def test_one_a_picture_comes_first_then_the_next_best():
    found = [of((5, 4)), of((3, 0)), of((0, 0)), of((7, 2)), of((5, 4))]
    assert strongest(found, 9) == [
        [
            Spot(3, 7, 0, 0),
            Spot(0, 5, 0, 0),
            Spot(4, 5, 0, 0),
            Spot(1, 3, 0, 0),
            Spot(0, 4, 0, 1),
            Spot(4, 4, 0, 1),
            Spot(3, 2, 0, 1),
        ]
    ]
    assert strongest(found, 2) == [[Spot(3, 7, 0, 0), Spot(0, 5, 0, 0)]]


def test_the_second_of_a_picture_comes_before_one_on_which_the_channel_is_silent():
    found = [of((0, 0)), of((6, 1)), of((0, 0)), of((0, 0))]
    assert strongest(found, 3) == [[Spot(1, 6, 0, 0), Spot(1, 1, 0, 1)]]


def test_every_channel_has_its_own_and_a_silent_one_none():
    found = [of((1, 0), (0, 0), (2, 1)), of((3, 2), (0, 0), (2, 0))]
    assert strongest(found) == [[Spot(1, 3, 0, 0)], [], [Spot(0, 2, 2, 0)]]


def nine_of(maps, apart):
    """One channel's nine places: a loop over its map of each picture, one a picture first."""
    some = [
        (min(nth, 2), -value, nth, picture, *place)
        for picture, map_ in enumerate(maps)
        for nth, (value, place) in enumerate(looked_through(map_.tolist(), apart, 9))
        if value > 0
    ]
    return [(picture, -value, *place) for _, value, _, picture, *place in sorted(some)[:9]]


@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize("answering", [[], [3], [0, 6], [1, 2, 4, 7], [*range(8)]])
def test_a_channel_that_is_silent_on_most_pictures_has_nine_patches_as_well(answering, levels):
    layer = LAYERS["block4_conv3"]
    side = layer.output_shape[0]
    random = np.random.default_rng(len(answering))
    maps = np.zeros((8, 5, side, side), np.float32)
    for picture in answering:
        values = random.random((5, side, side), dtype=np.float32)
        maps[picture] = np.ceil(values * levels) if levels else values
    maps[1:, 2] = 0  # channel 3 answers to the first picture at most
    maps[1:4, 4, 8:] = 0  # channel 5 only at the top of some

    def map_of(picture):
        asked.append(picture)
        return maps[picture, channel - 1]

    found = [peaks(frozen(one), layer) for one in maps]
    for channel in (1, 3, 5):
        asked = []
        of_channel = [peaks_of(one, channel) for one in found]
        (spots,) = strongest(filled_up(of_channel, layer, map_of), MOST)
        given = [(spot.picture, spot.value, spot.row, spot.column) for spot in spots]
        assert given == nine_of(maps[:, channel - 1], distance(layer))
        assert set(asked) <= set(answering)
        assert len(set(asked)) == len(asked)


def test_further_places_of_a_channel_are_away_from_all_others_and_silent_where_nothing_is_left():
    layer = LAYERS["block5_conv1"]  # 14 x 14; places 3 apart are told apart
    map_ = np.zeros((1, 14, 14), np.float32)
    map_[0, 0, 0], map_[0, 0, 3], map_[0, 0, 6], map_[0, 2, 4], map_[0, 13, 13] = 9, 8, 7, 6, 5
    map_[0, 13, 12] = np.inf
    found = filled_up([peaks(map_, layer)], layer, lambda _: map_[0])
    spots = [(spot.value, spot.row, spot.column) for spot in strongest(found, 9)[0]]
    assert spots == [(9, 0, 0), (8, 0, 3), (7, 0, 6), (5, 13, 13)]


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_a_patch_is_cut_from_the_picture_in_a_frame_of_the_mean_color(layer, photograph):
    color = (124, 117, 104)
    frame = np.full((3 * SIDE, 3 * SIDE, 3), color, np.uint8)
    frame[SIDE : 2 * SIDE, SIDE : 2 * SIDE] = photograph
    last = layer.output_shape[0] - 1
    for row, column in [(0, 0), (last, 0), (last // 2, last), (1, last // 3)]:
        # Position 0 is centered at `offset`, and each next one is a stride further.
        top, left = (
            SIDE + layer.offset + layer.stride * position - (layer.receptive_field - 1) / 2
            for position in (row, column)
        )
        rows, columns = (slice(int(a), int(a) + layer.receptive_field) for a in (top, left))
        np.testing.assert_array_equal(patch(photograph, layer, row, column), frame[rows, columns])


def alone(patches, layer):
    """What Keras makes of patches without any padding, up to that layer: (n, channels)."""
    keras, weights = import_keras(), BiasedWeights()
    values = np.concatenate([preprocess(one) for one in patches])
    for step in VGG19.layers[1 : layer.index + 1]:
        if step.kind == "pool":
            values = keras.ops.max_pool(values, 2, 2, padding="valid")
            continue
        kernel, bias = weights.read(step.name)
        values = keras.ops.relu(keras.ops.conv(values, kernel, padding="valid") + bias)
    values = np.asarray(values)
    assert values.shape[1:3] == (1, 1)
    return values[:, 0, 0]


@pytest.mark.parametrize("name", UNCLIPPED)
def test_a_patch_alone_gives_the_maps_value(name, photograph, computed_maps):
    layer = LAYERS[name]
    fields = receptive_fields(layer)
    inside = {n for n, (start, end) in enumerate(fields) if start >= 0 and end <= SIDE}
    found = peaks(computed_maps[name], layer)
    whole = [
        (channel, nth)
        for channel, places in enumerate(found.places.tolist())
        for nth, place in enumerate(places)
        if set(place) <= inside and found.values[channel, nth] > 0
    ][:6]
    assert len(whole) >= 3
    places = [found.places[one].tolist() for one in whole]
    made = alone([patch(photograph, layer, *place) for place in places], layer)
    values = made[np.arange(len(whole)), [channel for channel, _ in whole]]
    expected = np.array([found.values[one] for one in whole])
    np.testing.assert_allclose(values, expected, rtol=1e-5)
