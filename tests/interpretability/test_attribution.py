"""What a value comes from: against NumPy in float64, by hand, and against the network itself."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.back_by_numpy import Whole, integrated
from tests.support.maps import BiasedWeights
from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.attribution import attribution_pass
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    NotFiniteError,
    attribute,
    correlation,
    cosine,
    mean_input,
    reach,
    seen,
)
from vgg_viz.interpretability.decomposition import receptive_fields
from vgg_viz.interpretability.receptive_field import Area, Interval
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import Network, network_input

METHODS = ("input_x_gradient", "gradient", "guided_backpropagation", "deconvnet")
# As large as the true one: only so there are fields in block 4 that no border cuts.
LARGE = Architecture("large", THIN.blocks, (), input_side=224)
HAND = Architecture("hand", ((1, 1), (1, 1)), (), input_side=4)


class ByHand:
    """The first layer takes the green of "rgb" times 255, minus 10; the second four neighbors."""

    label = identity = "by hand"

    def read(self, layer_name):
        kernel = np.zeros((3, 3, 3 if layer_name == "block1_conv1" else 1, 1), np.float32)
        if layer_name == "block1_conv1":
            kernel[1, 1, 1] = 255
            return kernel, np.array([-10], np.float32)
        kernel[1:, 1:, 0, 0] = [[1, 3], [-2, 2]]
        return kernel, np.array([100], np.float32)


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_a_value_reaches_beyond_the_border_as_far_as_it_would_see(layer):
    fields = receptive_fields(layer)
    last = len(fields) - 1
    for row, column in ((0, last), (last // 2, 0), (1, last // 2)):
        question = AttributionSpec(layer, 1, row, column, "input")
        whole = reach(question)
        assert tuple(map(tuple, whole)) == (fields[row], fields[column])
        picture = Interval(0, VGG19.input_side)
        assert whole.within(Area(picture, picture)) == seen(question)


@pytest.fixture(scope="module")
def thin_network():
    return Network(RandomWeights(THIN), THIN)


def asked(network, pixels, question, preprocessing="caffe"):
    found, _ = outcome(attribute(network, pixels, question, preprocessing))
    return found


def on_map(found, shape):
    """The same on whole maps, zero where the value does not see."""
    whole = np.zeros(shape)
    whole[:, slice(*found.area.rows), slice(*found.area.columns)] = found.values
    return whole


def assert_near(got, wanted, relative=2e-5):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=relative * max(np.abs(wanted).max(), 1e-9))


def places(layer):
    """Two corners, two edges, and the middle."""
    last = layer.output_shape[0] - 1
    half = last // 2
    return [(0, 0), (0, half), (half, half), (half, last), (last, 0)]


@pytest.fixture(scope="module")
def pixels():
    """A picture at which no ReLU and no pool of the thin network is undecided in float32."""
    return noise(48, seed=13)


@pytest.fixture(scope="module")
def whole(pixels):
    found = Whole(THIN, RandomWeights(THIN), network_input(pixels))
    assert found.margin() > 1e-4
    return found


@pytest.mark.parametrize("layer", THIN.conv_layers[1:], ids=lambda layer: layer.name)
def test_every_method_is_numpys_at_corners_edges_and_in_the_middle(
    layer, thin_network, pixels, whole
):
    earlier = [one.name for one in THIN.conv_layers[: layer.conv_number - 1]]
    for number, (row, column) in enumerate(places(layer)):
        channel = number % layer.filters + 1
        for method in METHODS if number == 0 else METHODS[number % 4 :][:1]:
            wanted = whole.attributed(layer, channel, row, column, method)
            # From one corner to a layer between as well, by one method or another.
            between = number == 0 and method == METHODS[layer.conv_number % 4]
            for back_to in ["input"] + between * [earlier[len(earlier) // 2]]:
                question = AttributionSpec(layer, channel, row, column, back_to, method)
                found = asked(thin_network, pixels, question)
                assert_near(on_map(found, wanted.values[back_to].shape), wanted.values[back_to])
                assert found.value == pytest.approx(wanted.value, rel=1e-4, abs=1e-4)


def test_the_first_layers_values_come_from_the_pixels(thin_network, pixels, whole):
    layer = THIN.conv_layers[0]
    for row, column in places(layer):
        wanted = whole.attributed(layer, 2, row, column)
        found = asked(thin_network, pixels, AttributionSpec(layer, 2, row, column, "input"))
        assert_near(on_map(found, (3, 48, 48)), wanted.values["input"])
        assert found.biases == pytest.approx(wanted.biases)
        assert found.explained == pytest.approx(wanted.value, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "row", "column"), [("block4_conv4", 14, 14), ("block5_conv4", 0, 6)]
)
def test_in_a_picture_of_full_size_too(name, row, column):
    network, layer, pixels = (
        Network(RandomWeights(LARGE), LARGE),
        LARGE.conv_layer(name),
        noise(224),
    )
    wanted = Whole(LARGE, RandomWeights(LARGE), network_input(pixels))
    wanted = wanted.attributed(layer, 3, row, column, "deconvnet").values["input"]
    found = asked(network, pixels, AttributionSpec(layer, 3, row, column, "input", "deconvnet"))
    # Of so many pools one or the other is undecided in float32.
    off = np.linalg.norm(on_map(found, (3, 224, 224)) - wanted)
    assert off < 1e-2 * np.linalg.norm(wanted)


def test_with_all_of_the_true_layers_maps_too(biased_network):
    layer, pixels = VGG19.conv_layer("block3_conv2"), noise(224)
    # What this value sees lies in a corner of the picture.
    row, column, left = 3, 55, 192
    cut = Architecture("cut", VGG19.blocks[:3], (), input_side=32)
    whole = Whole(cut, BiasedWeights(), network_input(pixels)[:, :32, left : left + 32])
    wanted = whole.attributed(cut.conv_layer(layer.name), 7, row, column - left // 4)
    found = asked(biased_network, pixels, AttributionSpec(layer, 7, row, column, "input"))
    assert_near(
        on_map(found, (3, 224, 224))[:, :32, left : left + 32], wanted.values["input"], 1e-4
    )
    assert found.biases == pytest.approx(wanted.biases, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", ["block3_conv1", "block5_conv4"])
def test_contributions_and_biases_add_up_to_the_value_at_every_depth(
    name, thin_network, pixels, whole
):
    layer = THIN.conv_layer(name)
    wanted = whole.attributed(layer, 4, 1, 0)
    depths = ["input", *(one.name for one in THIN.conv_layers[: layer.conv_number - 1])]
    for depth, back_to in enumerate(depths):
        found = asked(thin_network, pixels, AttributionSpec(layer, 4, 1, 0, back_to))
        assert found.explained == pytest.approx(wanted.value, rel=1e-4)
        assert found.total == pytest.approx(wanted.values[back_to].sum(), rel=1e-3, abs=1e-4)
        later = [one.name for one in THIN.conv_layers[depth : layer.conv_number]]
        assert found.biases == pytest.approx(
            {one: wanted.biases[one] for one in later}, rel=1e-3, abs=1e-4
        )


@pytest.mark.parametrize("name", ["block1_conv2", "block2_conv1", "block4_conv2"])
def test_numpys_gradients_are_central_differences(name, pixels, whole):
    layer, random = THIN.conv_layer(name), np.random.default_rng(4)
    source = network_input(pixels).astype(np.float64)
    gradient = whole.attributed(layer, 2, 0, 1, "gradient").values["input"]
    seen = np.argwhere(gradient)
    for place in map(tuple, random.permutation(seen)[:5]):
        ends = []
        for step in (-1e-4, 1e-4):
            moved = source.copy()
            moved[place] += step
            ends.append(Whole(THIN, RandomWeights(THIN), moved).before[name][1, 0, 1])
        assert gradient[place] == pytest.approx((ends[1] - ends[0]) / 2e-4, rel=1e-5)


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_the_value_is_the_networks_own(layer, biased_network, photograph, computed_maps):
    maps = computed_maps[layer.name]
    row = column = (layer.conv_number % 3) * (layer.output_shape[0] - 1) // 2
    channel = int(maps[:, row, column].argmax()) + 1
    back_to = VGG19.conv_layers[layer.conv_number - 2].name if layer.conv_number > 1 else "input"
    found = asked(biased_network, photograph, AttributionSpec(layer, channel, row, column, back_to))
    assert found.value == pytest.approx(maps[channel - 1, row, column], rel=1e-4)


def green(numbers):
    """A picture of which the layer by hand makes these numbers."""
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 1] = 10 + np.array(numbers)
    return pixels


# The largest of each window, the first of them where several are equal: 5, none, 7 and 4.
NUMBERS = [[5, 1, -1, -1], [5, 2, -1, -3], [0, 0, 4, 0], [7, 0, 0, 4]]
BY_HAND = {
    "gradient": {(0, 0): 1, (3, 0): -2, (2, 2): 2},
    # What is negative on its way back is stopped.
    "guided_backpropagation": {(0, 0): 1, (2, 2): 2},
    # And what was not active is let through.
    "deconvnet": {(0, 0): 1, (0, 2): 3, (2, 2): 2},
}


@pytest.mark.parametrize(("method", "wanted"), BY_HAND.items())
def test_a_case_worked_by_hand(method, wanted):
    network, layer = Network(ByHand(), HAND), HAND.conv_layers[1]
    question = AttributionSpec(layer, 1, 0, 0, "input", method)
    found = asked(network, green(NUMBERS), question, "rgb")
    assert found.value == pytest.approx(100 + 5 + 3 * 0 - 2 * 7 + 2 * 4, rel=1e-5)
    assert found.values.shape == (3, 4, 4)
    assert not found.values[[0, 2]].any()
    assert not found.silent
    got = {place: found.values[1][place] / 255 for place in np.ndindex(4, 4)}
    assert {place: number for place, number in got.items() if number} == pytest.approx(wanted)


@pytest.mark.parametrize("method", METHODS)
def test_at_the_layer_itself_its_relu_has_no_say(method):
    network, layer = Network(ByHand(), HAND), HAND.conv_layers[1]
    question = AttributionSpec(layer, 1, 0, 0, "block1_conv1", method)
    found = asked(network, green(NUMBERS), question, "rgb")
    expected = np.zeros((4, 4))
    times = [5, 0, 7, 4] if method == "input_x_gradient" else [1, 1, 1, 1]
    rows, columns = [0, 0, 3, 2], [0, 2, 0, 2]
    expected[rows, columns] = np.array(times) * [1, 3, -2, 2]
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-5)


@pytest.mark.parametrize("gray", [0, 124, 255])
def test_in_a_constant_picture_the_first_of_equals_gets_it(gray, thin_network):
    pixels, layer = np.full((48, 48, 3), gray, np.uint8), THIN.conv_layer("block3_conv1")
    wanted = Whole(THIN, RandomWeights(THIN), network_input(pixels))
    wanted = wanted.attributed(layer, 1, 5, 6, "gradient").values["input"]
    found = asked(thin_network, pixels, AttributionSpec(layer, 1, 5, 6, "input", "gradient"))
    assert_near(on_map(found, (3, 48, 48)), wanted)


@pytest.mark.parametrize(
    ("back_to", "preprocessing"),
    [("input", "caffe"), ("block1_conv2", "rgb"), ("block2_conv2", "caffe")],
)
def test_integrated_gradients_are_numpys(back_to, preprocessing, thin_network, pixels):
    layer, weights = THIN.conv_layer("block3_conv1"), RandomWeights(THIN)
    color = {"caffe": (0, 0, 0), "rgb": (123.68 / 255, 116.779 / 255, 103.939 / 255)}
    base = np.broadcast_to(np.array(color[preprocessing])[:, None, None], (3, 48, 48))
    ends = [Whole(THIN, weights, one) for one in (base, network_input(pixels, preprocessing))]
    maps = [end.made[back_to] for end in ends]
    wanted = integrated(THIN, weights, back_to, *maps, layer, 2, 6, 0)
    question = AttributionSpec(layer, 2, 6, 0, back_to, "integrated_gradients")
    found = asked(thin_network, pixels, question, preprocessing)
    off = np.linalg.norm(on_map(found, wanted.shape) - wanted)
    # On the way a ReLU or a pool may be undecided in float32.
    assert off < 2e-3 * np.linalg.norm(wanted)
    values = [end.before[layer.name][1, 6, 0] for end in ends]
    assert [found.base, found.value] == pytest.approx(values, rel=1e-4, abs=1e-4)
    assert found.explained == pytest.approx(found.value, rel=0.05, abs=1e-6)


def test_many_points_at_once_are_as_good_as_one_by_one(monkeypatch, thin_network, pixels):
    question = AttributionSpec(
        THIN.conv_layer("block2_conv1"), 1, 3, 3, "input", "integrated_gradients"
    )
    together, steps = outcome(attribute(thin_network, pixels, question))
    # Four of the largest layer, whose maps these many places are looked at.
    monkeypatch.setattr(attribution_pass, "TOGETHER", 4 * 8 * 8 * 4)
    some, more = outcome(attribute(thin_network, pixels, question))
    monkeypatch.setattr(attribution_pass, "TOGETHER", 1)
    alone, many = outcome(attribute(thin_network, pixels, question))
    assert_near(together.values, alone.values, 1e-5)
    assert_near(some.values, alone.values, 1e-5)
    # There and back through three layers, and there to both ends.
    assert (steps, more, many) == (6 + 2 * 3, 13 * 6 + 2 * 3, 50 * 6 + 2 * 3)


def test_each_layer_there_and_back_is_a_step_of_its_own(thin_network, pixels):
    question = AttributionSpec(THIN.conv_layer("block2_conv2"), 1, 3, 3, "block1_conv2")
    assert outcome(attribute(thin_network, pixels, question))[1] == 2 + 2 * 2


@pytest.mark.parametrize("method", ["guided_backpropagation", "integrated_gradients"])
@pytest.mark.parametrize("back_to", ["input", "block1_conv2"])
def test_steps_say_how_much_is_done(method, back_to, thin_network, pixels):
    question = AttributionSpec(THIN.conv_layer("block2_conv2"), 1, 3, 3, back_to, method)
    shares = list(attribute(thin_network, pixels, question))
    assert shares == [number / len(shares) for number in range(1, len(shares) + 1)]


def test_a_value_of_biases_alone_says_that_nothing_speaks_for_it():
    weights = Changed(
        RandomWeights(THIN), {"block1_conv2": lambda kernel, bias: (kernel, bias - 1e6)}
    )
    layer = THIN.conv_layer("block2_conv1")
    found = asked(Network(weights, THIN), noise(48), AttributionSpec(layer, 2, 5, 5, "input"))
    assert found.silent
    assert found.value == found.explained == pytest.approx(weights.read(layer.name)[1][1])
    assert [len(some) for some in found.strongest(3)] == [0, 0]
    assert found.place(0) is None


def too_large(*layer_names):
    """A network with weights that float32 has, but not what comes of them."""

    def enlarged(kernel, bias):
        return kernel * np.float32(1e30), bias * np.float32(0)

    changes = dict.fromkeys(layer_names, enlarged)
    return Network(Changed(RandomWeights(THIN), changes), THIN)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "layers", [("block1_conv1", "block1_conv2"), ("block1_conv2", "block2_conv1")]
)
def test_numbers_too_large_for_float32_are_refused_without_a_warning(layers):
    network = too_large(*layers)
    for method in (*METHODS, "integrated_gradients"):
        question = AttributionSpec(THIN.conv_layer("block2_conv2"), 2, 5, 5, "input", method)
        with pytest.raises(NotFiniteError, match="finite"):
            asked(network, noise(48), question)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("back_to", ["block1_conv1", "input"])
@pytest.mark.parametrize(
    "method", ["input_x_gradient", "guided_backpropagation", "integrated_gradients"]
)
def test_so_are_values_whose_gradients_are_too_large(method, back_to):
    factors = {"block1_conv1": 1e-25, "block1_conv2": 1e30, "block2_conv1": 1e10}

    def times(factor):
        return lambda kernel, bias: (kernel * np.float32(factor), bias * np.float32(0))

    changes = {name: times(factor) for name, factor in factors.items()}
    network = Network(Changed(RandomWeights(THIN), changes), THIN)
    layer = THIN.conv_layer("block2_conv1")
    assert np.isfinite(network.feature_maps(noise(48), layer.name)).all()
    with pytest.raises(NotFiniteError, match="finite"):
        asked(network, noise(48), AttributionSpec(layer, 2, 5, 5, back_to, method))


@pytest.mark.filterwarnings("error")
def test_so_is_what_biases_contribute(monkeypatch, thin_network, pixels):
    endless = np.full((1, 2, 2, 5), np.inf, np.float32)
    contributed = attribution_pass._contributed
    monkeypatch.setattr(
        attribution_pass, "_contributed", lambda gradient, bias: contributed(endless, np.zeros(5))
    )
    with pytest.raises(NotFiniteError, match="finite"):
        asked(
            thin_network, pixels, AttributionSpec(THIN.conv_layer("block2_conv1"), 2, 5, 5, "input")
        )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", [*METHODS, "integrated_gradients"])
@pytest.mark.parametrize(("gray", "bias"), [(0, 0), (0, 1), (200, 0)])
def test_of_one_color_and_without_biases_there_is_an_answer_without_a_warning(method, gray, bias):
    def biased(kernel, biases):
        return kernel, biases * np.float32(bias)

    changes = dict.fromkeys([layer.name for layer in THIN.conv_layers], biased)
    network = Network(Changed(RandomWeights(THIN), changes), THIN)
    pixels = np.full((48, 48, 3), gray, np.uint8)
    question = AttributionSpec(THIN.conv_layer("block2_conv2"), 1, 5, 5, "input", method)
    found = asked(network, pixels, question, "rgb")
    assert np.isfinite(found.values).all()
    # Black is zero in this preprocessing, and nothing comes of it without biases.
    assert (found.value == 0) == (gray == bias == 0)
    if method in ("input_x_gradient", "integrated_gradients"):
        assert found.explained == pytest.approx(found.value, rel=0.05, abs=1e-6)
    if method == "input_x_gradient" and gray == 0:
        assert found.silent


def test_what_cancels_out_is_not_silent():
    area = Area(Interval(2, 3), Interval(0, 2))
    values = np.array([[[1, -3]], [[-1, 3]]], np.float32)
    found = Attribution(values, area, 7.0, {"block1_conv1": 2.0}, 5.0)
    assert not found.silent
    assert (found.total, found.explained) == (0, 7)
    assert found.by_place.tolist() == [[0, 0]]
    assert found.by_map.tolist() == [-2, 2]
    assert [one.tolist() for one in found.strongest(3)] == [[1], [0]]
    assert found.place(0) == found.place(1) == (2, 1)


def test_maps_and_places_are_ranked_by_all_that_they_contribute(thin_network, pixels):
    layer = THIN.conv_layer("block4_conv1")
    found = asked(thin_network, pixels, AttributionSpec(layer, 3, 0, 2, "block3_conv4"))
    values = found.values.astype(np.float64)
    np.testing.assert_allclose(found.by_map, values.sum(axis=(1, 2)))
    np.testing.assert_allclose(found.by_place, values.sum(axis=0))
    adding, taking = found.strongest(2)
    by_map = dict(enumerate(values.sum(axis=(1, 2))))
    ranked = sorted(by_map, key=by_map.get)
    assert adding.tolist() == [one for one in ranked[::-1] if by_map[one] > 0][:2]
    assert taking.tolist() == [one for one in ranked if by_map[one] < 0][:2]
    whole = on_map(found, (5, 12, 12))
    for index in (*adding, *taking):
        assert abs(whole[index][found.place(index)]) == np.abs(whole[index]).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channel": 0}, "expected a value of block2_conv1"),
        ({"channel": 5}, "expected a value of block2_conv1"),
        ({"row": 24}, "expected a value of block2_conv1"),
        ({"column": -1}, "expected a value of block2_conv1"),
        ({"back_to": "block2_conv1"}, "expected input or a conv layer before block2_conv1"),
        ({"back_to": "block1_pool"}, "got 'block1_pool'"),
    ],
)
def test_what_is_no_question_is_refused(change, message, thin_network, pixels):
    question = AttributionSpec(THIN.conv_layer("block2_conv1"), 1, 0, 0, "input")
    with pytest.raises(ValueError, match=message):
        asked(thin_network, pixels, replace(question, **change))


def test_likeness_is_numpys():
    random = np.random.default_rng(2)
    one, other = random.normal(3, 1, (2, 4, 5)).astype(np.float32)
    assert correlation(one, other) == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    wanted = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
    assert cosine(one, other) == pytest.approx(wanted, rel=1e-5)
    assert cosine(one, -2 * one) == pytest.approx(-1)
    assert cosine(one, 0 * one) is None
    assert correlation(one, np.full_like(one, 7)) is None


def test_the_mean_color_is_that_of_the_input():
    pixels = np.full((1, 1, 3), (124, 117, 104), np.uint8)
    for preprocessing, most in (("caffe", 0.5), ("rgb", 0.002)):
        near = network_input(pixels, preprocessing)[:, 0, 0]
        np.testing.assert_allclose(mean_input(preprocessing), near, atol=most)
