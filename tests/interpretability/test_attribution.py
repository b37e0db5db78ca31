"""Attribution of a value: compared with NumPy in float64, by hand and with the network itself."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.support import slow
from tests.support.numpy_network import NumpyNetwork, integrate
from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.attribution import attribution_pass, integrated_gradients
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    NotFiniteError,
    NotPositiveError,
    attribute,
    bias_term,
    correlation,
)
from vgg_viz.interpretability.attribution.integrated_gradients import POINTS
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.receptive_field import Area, Interval
from vgg_viz.model.network import Network, network_input

# Methods of one backward pass, which differ in their backward rule of ReLU.
METHODS = ("input_x_gradient", "gradient", "guided_backpropagation", "deconvnet")
ANY_VALUE = [name for name, one in ATTRIBUTION_METHODS.items() if not one.needs_positive_value]


@pytest.fixture
def without_convergence(monkeypatch):
    """Let integrated gradients pass through all levels."""
    monkeypatch.setattr(attribution_pass, "CONVERGED", -1)


def attributed(network, pixels, spec, preprocessing="caffe"):
    result, _ = outcome(attribute(network.preprocessed(preprocessing), pixels, spec))
    return result


def on_map(result, shape):
    """Put attributions on whole maps, zero outside the receptive field."""
    whole = np.zeros(shape)
    whole[:, slice(*result.area.rows), slice(*result.area.columns)] = result.values
    return whole


def assert_near(got, expected, relative=2e-5):
    np.testing.assert_allclose(
        got, expected, rtol=0, atol=relative * max(np.abs(expected).max(), 1e-9)
    )


def places(layer):
    """Two corners, two edges, and the middle."""
    last = layer.output_shape[0] - 1
    half = last // 2
    return [(0, 0), (0, half), (half, half), (half, last), (last, 0)]


@pytest.fixture(scope="module")
def pixels():
    """An image at which float32 decides every ReLU and max pooling of the thin network."""
    return noise(48, seed=13)


@pytest.fixture(scope="module")
def whole(pixels):
    result = NumpyNetwork(THIN, RandomWeights(THIN), network_input(pixels))
    assert result.margin() > 1e-4
    return result


LAYERS = THIN.conv_layers[::3]  # at least one of each block
OTHERS = [layer for layer in THIN.conv_layers if layer not in LAYERS]


@pytest.mark.parametrize("layer", [*LAYERS, *slow(*OTHERS)], ids=lambda layer: layer.name)
def test_methods_match_numpy_at_corners_edges_and_in_the_middle(layer, thin_network, pixels, whole):
    earlier = [one.name for one in THIN.conv_layers[: layer.conv_number - 1]]
    for number, (row, column) in enumerate(places(layer)):
        channel = number % layer.filters + 1
        for method in METHODS if number == 0 else METHODS[number % 4 :][:1]:
            expected = whole.attribute(layer, channel, row, column, method)
            # From one corner to a layer between as well, by one method or another.
            between = number == 0 and method == METHODS[layer.conv_number % 4]
            for back_to in ["input"] + between * earlier[len(earlier) // 2 :][:1]:
                spec = AttributionSpec(layer, channel, row, column, back_to, method)
                result = attributed(thin_network, pixels, spec)
                values = expected.values[back_to]
                assert_near(on_map(result, values.shape), values)
                assert result.value == pytest.approx(expected.value, rel=1e-4, abs=1e-4)
                if method == "input_x_gradient":
                    later = [one.name for one in THIN.conv_layers[: layer.conv_number]]
                    later = later[later.index(back_to) + 1 :] if back_to in later else later
                    terms = {name: expected.biases[name] for name in later}
                    assert result.biases == pytest.approx(terms, rel=1e-3, abs=1e-4)
                    assert result.reconstruction == pytest.approx(
                        expected.value, rel=1e-4, abs=1e-4
                    )


@pytest.mark.parametrize("gray", [0, 255])
def test_max_pooling_passes_the_gradient_to_the_first_of_equal_values(gray):
    """Whole numbers, with pixels of 0 or 1: rounding would make equal values unequal."""
    pixels, layer = np.full((48, 48, 3), gray, np.uint8), THIN.conv_layer("block3_conv1")
    whole = {
        one.name: lambda kernel, bias: (np.round(3 * kernel), np.round(bias))
        for one in THIN.conv_layers
    }
    weights = Changed(RandomWeights(THIN), whole)
    expected = NumpyNetwork(THIN, weights, network_input(pixels, "rgb"))
    expected = expected.attribute(layer, 1, 5, 6, "gradient").values["input"]
    spec = AttributionSpec(layer, 1, 5, 6, "input", "gradient")
    result = attributed(Network(weights, THIN), pixels, spec, "rgb")
    assert np.abs(expected).max() > 0
    np.testing.assert_array_equal(on_map(result, (3, 48, 48)), expected)


@pytest.mark.parametrize(
    ("back_to", "preprocessing"),
    [("input", "rgb"), *slow(("block2_conv2", "caffe"))],
)
def test_each_level_of_integrated_gradients_matches_numpy(
    back_to, preprocessing, thin_network, pixels, without_convergence
):
    layer, weights, value = THIN.conv_layer("block3_conv1"), RandomWeights(THIN), (2, 6, 0)
    color = {"caffe": (0, 0, 0), "rgb": (123.68 / 255, 116.779 / 255, 103.939 / 255)}
    base = np.broadcast_to(np.array(color[preprocessing])[:, None, None], (3, 48, 48))
    sources = (base, network_input(pixels, preprocessing))
    ends = [NumpyNetwork(THIN, weights, source) for source in sources]
    maps = [end.after[back_to] for end in ends]
    values = [end.before[layer.name][1, 6, 0] for end in ends]
    spec, levels = AttributionSpec(layer, *value, back_to, "integrated_gradients"), []
    network = thin_network.preprocessed(preprocessing)
    result, _ = outcome(attribute(network, pixels, spec, levels.append))
    assert levels[-1] is result
    assert [level.points for level in levels] == list(POINTS)
    for level in levels:
        expected = integrate(THIN, weights, back_to, maps, layer, value, level.points)
        off = np.linalg.norm(on_map(level, expected.shape) - expected)
        # In float32, a ReLU or max pooling may decide differently at some of the points.
        assert off < 2e-3 * np.linalg.norm(expected)
        assert [level.baseline, level.value] == pytest.approx(values, rel=1e-4, abs=1e-4)
        difference = abs(expected.sum() + values[0] - values[1])
        assert level.difference == pytest.approx(difference, abs=2e-3 * abs(values[1]))
        assert level.differences[level.points] == level.difference


def test_batches_of_points_give_the_result_of_single_points(
    monkeypatch, without_convergence, thin_network, pixels
):
    layer = THIN.conv_layer("block2_conv1")
    spec = AttributionSpec(layer, 1, 3, 3, "input", "integrated_gradients")
    together, steps = outcome(attribute(thin_network, pixels, spec))
    # Four points of the largest output, 8 x 8 positions of 4 maps.
    monkeypatch.setattr(integrated_gradients, "BATCH_VALUES", 4 * 8 * 8 * 4)
    some, more = outcome(attribute(thin_network, pixels, spec))
    monkeypatch.setattr(integrated_gradients, "BATCH_VALUES", 1)
    alone, many = outcome(attribute(thin_network, pixels, spec))
    assert_near(together.values, alone.values, 1e-5)
    assert_near(some.values, alone.values, 1e-5)
    # Three layers forward and back for each batch: of 9, 8, 16 and 32 new points.
    assert (steps, more, many) == (4 * 6, (3 + 2 + 4 + 8) * 6, 65 * 6)


def test_a_linear_value_has_converged_with_17_points(thin_network, pixels):
    levels, layer = [], THIN.conv_layers[0]
    spec = AttributionSpec(layer, 1, 5, 5, "input", "integrated_gradients")
    result, _ = outcome(attribute(thin_network, pixels, spec, report=levels.append))
    assert result.converged
    assert [level.points for level in levels] == [9, 17]
    assert not levels[0].converged
    assert result.reconstruction == pytest.approx(result.value, rel=1e-4)


@pytest.mark.parametrize(
    ("value", "differences", "converged"),
    [
        (-2.0, [0.019, 0.019], True),
        (-2.0, [0.019], False),
        (2.0, [0.019, 0.021, 0.019], False),
        (2.0, [0.5, 0.019, 0.0, 0.021], False),
        (2.0, [0.5, 0.4, 0.019, 0.019], True),
        (0.0, [0.0, 0.0], True),
        (2.0, [np.nan, np.nan], False),
    ],
)
def test_convergence_takes_two_successive_levels_within_a_hundredth(value, differences, converged):
    by_points = dict(zip(POINTS, differences, strict=False))
    area = Area(Interval(0, 1), Interval(0, 1))
    result = Attribution(np.ones((1, 1, 1), np.float32), area, value, differences=by_points)
    assert result.converged == result.sums_to_value == converged


def test_a_sum_of_large_attributions_that_cancel_out_has_to_match_a_small_value():
    """The case of https://github.com/pytorch/captum/issues/1334."""
    values = np.array([[[120.1, -119.9]]], np.float32)
    area = Area(Interval(0, 1), Interval(0, 2))
    result = Attribution(values, area, -0.97, differences={33: 1.19, 65: 1.17})
    assert result.reconstruction == pytest.approx(0.2, abs=1e-4)
    # Within 1% of the sum of absolute values, but 121% of the value.
    assert result.difference < 0.01 * np.abs(values).sum()
    assert not result.sums_to_value


@pytest.mark.parametrize("back_to", ["input", "block1_conv2"])
def test_steps_yield_the_fraction_done(back_to, thin_network, pixels):
    layer = THIN.conv_layer("block2_conv2")
    channel = int(thin_network.feature_maps(pixels, layer.name)[:, 3, 3].argmax()) + 1
    for method in ATTRIBUTION_METHODS:
        spec = AttributionSpec(layer, channel, 3, 3, back_to, method)
        shares = list(attribute(thin_network, pixels, spec))
        steps = round(1 / shares[0])
        assert shares == [number / steps for number in range(1, len(shares) + 1)]
        # Integrated gradients end when they have converged.
        assert len(shares) == steps or method == "integrated_gradients"
        # Each layer is one step, forward and, after the layer of the attributions, back.
        assert (
            method != "gradient"
            or len(shares) == {"input": 4 * 2, "block1_conv2": 2 + 2 * 2}[back_to]
        )


def test_a_value_of_bias_terms_alone_has_zero_attributions():
    inactive = {"block1_conv2": lambda kernel, bias: (kernel, bias - 1e6)}
    weights = Changed(RandomWeights(THIN), inactive)
    layer = THIN.conv_layer("block2_conv1")
    result = attributed(Network(weights, THIN), noise(48), AttributionSpec(layer, 2, 5, 5, "input"))
    assert result.is_zero
    assert result.value == result.reconstruction == pytest.approx(weights.read(layer.name)[1][1])
    assert [len(some) for some in result.strongest(3)] == [0, 0]
    assert result.strongest_position(0) is None


def scaled(factors, bias=0):
    """Return the thin network with each layer's kernel and all biases times a factor."""

    def times(factor):
        return lambda kernel, biases: (kernel * np.float32(factor), biases * np.float32(bias))

    changes = {layer.name: times(factors.get(layer.name, 1)) for layer in THIN.conv_layers}
    return Network(Changed(RandomWeights(THIN), changes), THIN)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "factors",
    [
        {"block1_conv2": 1e30, "block2_conv1": 1e30},
        # All maps up to the value's are finite, only its gradient overflows.
        {"block1_conv1": 1e-25, "block1_conv2": 1e30, "block2_conv1": 1e10},
    ],
    ids=["activations", "gradients"],
)
def test_overflow_is_refused_without_a_warning(factors):
    network, layer, pixels = scaled(factors), THIN.conv_layer("block2_conv1"), noise(48)
    maps = network.feature_maps(pixels, layer.name)
    assert np.isfinite(maps).all() == (len(factors) == 3)
    channel = int(maps[:, 5, 5].argmax()) + 1
    for method in ATTRIBUTION_METHODS:
        spec = AttributionSpec(layer, channel, 5, 5, "input", method)
        with pytest.raises(NotFiniteError, match="finite"):
            attributed(network, pixels, spec)


@pytest.mark.filterwarnings("error")
def test_infinite_bias_terms_are_refused_without_a_warning(monkeypatch, thin_network, pixels):
    infinite = np.full((1, 2, 2, 5), np.inf, np.float32)
    monkeypatch.setattr(
        attribution_pass, "bias_term", lambda gradient, bias: bias_term(infinite, np.zeros(5))
    )
    with pytest.raises(NotFiniteError, match="finite"):
        attributed(
            thin_network, pixels, AttributionSpec(THIN.conv_layer("block2_conv1"), 2, 5, 5, "input")
        )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("gray", "bias"), [(0, 0), (0, 1), (200, 0)])
def test_constant_images_are_attributed_without_a_warning(gray, bias):
    network, pixels = scaled({}, bias), np.full((48, 48, 3), gray, np.uint8)
    for method in ANY_VALUE:
        spec = AttributionSpec(THIN.conv_layer("block2_conv2"), 1, 5, 5, "input", method)
        result = attributed(network, pixels, spec, "rgb")
        assert np.isfinite(result.values).all()
        # Black is zero in this preprocessing; without biases, so is every activation.
        assert (result.value == 0) == (gray == bias == 0)
        if ATTRIBUTION_METHODS[method].terms:
            # At black itself, one of 65 points, no ReLU passes a gradient.
            rounding = 1e-6 + 1e-3 * abs(result.baseline)
            assert result.reconstruction == pytest.approx(result.value, rel=0.05, abs=rounding)


def bounds_of(preprocessing):
    """Return the network's inputs for black and white images of the thin network's size."""
    images = (np.full((48, 48, 3), level, np.uint8) for level in (0, 255))
    return [network_input(image, preprocessing).astype(np.float64) for image in images]


def positive_values(network, layer):
    """Yield the channel, from 1, row and column of the largest value at several positions."""
    for row, column in places(layer):
        values = network.before[layer.name][:, row, column]
        if values.max() > 0:
            yield int(values.argmax()) + 1, row, column


@pytest.mark.parametrize(
    ("layer", "preprocessing"),
    [*((layer, "caffe") for layer in LAYERS[::2]), (LAYERS[1], "rgb")],
    ids=lambda one: getattr(one, "name", one),
)
def test_lrp_matches_numpy_and_sums_to_the_value(layer, preprocessing, thin_network, pixels):
    earlier = [one.name for one in THIN.conv_layers[: layer.conv_number - 1]]
    whole = NumpyNetwork(THIN, RandomWeights(THIN), network_input(pixels, preprocessing))
    for value in positive_values(whole, layer):
        expected = whole.lrp(layer, *value, bounds_of(preprocessing))
        for back_to in ["input", *earlier[-3:]]:
            spec = AttributionSpec(layer, *value, back_to, "lrp")
            result = attributed(thin_network, pixels, spec, preprocessing)
            assert_near(on_map(result, expected.values[back_to].shape), expected.values[back_to])
            assert result.value == pytest.approx(expected.value, rel=1e-4)
            assert result.biases == pytest.approx(
                {name: expected.biases[name] for name in result.biases}, rel=1e-3, abs=1e-4
            )
            size = float(np.abs(result.values).sum())
            assert result.reconstruction == pytest.approx(result.value, abs=1e-5 * size)


def test_lrp_absorbs_relevance_that_no_pixel_can_receive():
    """A black image has no distance to the lower bound, so that zB divides 0 by 0."""
    positive = {"block1_conv1": lambda kernel, bias: (np.abs(kernel), np.abs(bias) + 1)}
    network = Network(Changed(RandomWeights(THIN), positive), THIN)
    black, layer = np.zeros((48, 48, 3), np.uint8), THIN.conv_layer("block1_conv1")
    spec = AttributionSpec(layer, 1, 5, 5, "input", "lrp")
    result = attributed(network, black, spec, "rgb")
    assert result.is_zero
    assert result.absorbed == result.reconstruction == pytest.approx(result.value)


def test_lrp_refuses_values_that_are_not_above_zero(thin_network, pixels, whole):
    layer = THIN.conv_layer("block2_conv1")
    values = whole.before[layer.name]
    closest = np.where(values < 0, values, -np.inf).argmax()
    channel, row, column = map(int, np.unravel_index(closest, values.shape))
    spec = AttributionSpec(layer, channel + 1, row, column, "input", "lrp")
    with pytest.raises(NotPositiveError, match="above 0, got -"):
        attributed(thin_network, pixels, spec)


def test_attributions_that_cancel_out_are_not_zero():
    area = Area(Interval(2, 3), Interval(0, 2))
    values = np.array([[[1, -3]], [[-1, 3]]], np.float32)
    result = Attribution(values, area, 7.0, {"block1_conv1": 2.0}, 5.0)
    assert not result.is_zero
    assert (result.total, result.reconstruction) == (0, 7)
    assert result.by_position.tolist() == [[0, 0]]
    assert result.by_map.tolist() == [-2, 2]
    assert [one.tolist() for one in result.strongest(3)] == [[1], [0]]
    assert result.strongest_position(0) == result.strongest_position(1) == (2, 1)


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
def test_invalid_specs_are_refused(change, message, thin_network, pixels):
    spec = AttributionSpec(THIN.conv_layer("block2_conv1"), 1, 0, 0, "input")
    with pytest.raises(ValueError, match=message):
        attributed(thin_network, pixels, replace(spec, **change))


def test_correlation_matches_scipy():
    one, other = np.random.default_rng(2).normal(3, 1, (2, 4, 5)).astype(np.float32)
    expected = stats.pearsonr(one.ravel().astype(float), other.ravel().astype(float)).statistic
    assert correlation(one, other) == pytest.approx(expected)
    assert correlation(one, -2e20 * one) == pytest.approx(-1)
    assert correlation(one, np.full_like(one, 0.1)) is None
