"""Ablation, against networks with kernels and biases of zero, in Keras and in NumPy."""

import numpy as np
import pytest

from tests.support.numpy_network import NumpyNetwork
from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.ablation import (
    ablate,
    compare_maps,
    later_changes,
    later_maps,
    value_drop,
)
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, NotFiniteError
from vgg_viz.model.network import Network, network_input


def without_filters(weights, layer_name, numbers):
    """Return weights with zeros for the filters and biases of these maps."""
    indices = np.array(numbers) - 1

    def zeroed(kernel, bias):
        kernel, bias = kernel.copy(), bias.copy()
        kernel[..., indices], bias[indices] = 0, 0
        return kernel, bias

    return Changed(weights, {layer_name: zeroed})


@pytest.mark.parametrize(("name", "numbers"), [("block1_conv2", [1, 4]), ("block5_conv3", [3])])
def test_later_maps_match_a_network_without_the_filters(name, numbers, thin_network):
    layer, pixels = THIN.conv_layer(name), noise(48)
    without = Network(without_filters(RandomWeights(THIN), name, numbers), THIN)
    maps = thin_network.feature_maps(pixels, name)
    found, _ = outcome(later_changes(thin_network, layer, maps, numbers))
    later = THIN.conv_layers[layer.conv_number :]
    assert [one.layer for one in found] == list(later)
    for target, changed in list(zip(later, found, strict=True))[::4]:
        expected = without.feature_maps(pixels, target.name)
        ablated, _ = outcome(later_maps(thin_network, layer, ablate(maps, numbers), target))
        np.testing.assert_allclose(ablated, expected, rtol=1e-5, atol=1e-5)
        assert not ablated.flags.writeable
        before = thin_network.feature_maps(pixels, target.name)
        difference = expected.astype(np.float64) - before
        np.testing.assert_allclose(changed.mean, np.abs(difference).mean((1, 2)), atol=1e-5)
        np.testing.assert_allclose(
            np.abs(changed.largest), np.abs(difference).max((1, 2)), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(changed.before, before.mean((1, 2)), rtol=1e-4)


def test_ablating_no_map_changes_nothing(thin_network):
    maps = thin_network.feature_maps(noise(48), "block2_conv1")
    found, steps = outcome(later_changes(thin_network, THIN.conv_layer("block2_conv1"), maps, []))
    assert all(not one.mean.any() and not len(one.strongest(5)) for one in found)
    before = maps.copy()
    ablated = ablate(maps, [2])
    np.testing.assert_array_equal(maps, before)  # `ablate` copies
    assert not ablated[1].any()
    np.testing.assert_array_equal(ablated[[0, 2, 3]], maps[[0, 2, 3]])
    assert not ablated.flags.writeable
    # Each later block is one step.
    assert steps == 3


def test_changes_are_ranked_by_their_mean():
    before = np.zeros((4, 2, 2), np.float32)
    after = before.copy()
    after[0, 0, 0], after[2, :, 1], after[3] = 5, (-2, -1), 3
    found = compare_maps(THIN.conv_layer("block1_conv2"), before + 1, after + 1)
    assert found.mean.tolist() == [1.25, 0, 0.75, 3]
    assert found.largest.tolist() == [5, 0, -2, 3]
    assert found.positions.tolist() == [[0, 0], [0, 0], [0, 1], [0, 0]]
    assert found.before.tolist() == [1, 1, 1, 1]
    assert found.strongest(9).tolist() == [3, 0, 2]
    assert found.strongest(1).tolist() == [3]
    # The value that changes most is in another map than the largest mean change.
    assert found.most_changed == (0, 0, 0)


@pytest.mark.parametrize("name", ["block1_conv2", "block2_conv1", "block4_conv2"])
def test_the_most_changed_value_matches_numpy_before_and_after_relu(name, thin_network):
    layer, pixels, numbers = THIN.conv_layer(name), noise(48), [2]
    weights = RandomWeights(THIN)
    both = [
        NumpyNetwork(THIN, one, network_input(pixels))
        for one in (weights, without_filters(weights, name, numbers))
    ]
    maps = thin_network.feature_maps(pixels, name)
    changes, _ = outcome(later_changes(thin_network, layer, maps, numbers))
    for change in changes:
        later = change.layer
        differences = both[1].after[later.name] - both[0].after[later.name]
        index = np.unravel_index(np.abs(differences).argmax(), differences.shape)
        assert change.most_changed == index
        channel, row, column = index
        assert change.largest[channel] == pytest.approx(differences[index], rel=1e-3)
        spec = AttributionSpec(later, int(channel) + 1, int(row), int(column), name)
        drop, _ = outcome(value_drop(thin_network, maps, spec, numbers))
        values = [network.before[later.name][index] for network in both]
        assert drop == pytest.approx(values[0] - values[1], rel=1e-3, abs=1e-4)


@pytest.mark.filterwarnings("error")
def test_overflow_is_an_error_without_a_warning():
    def enlarged(kernel, bias):
        return kernel * np.float32(1e30), bias

    layer, weights = THIN.conv_layer("block1_conv2"), RandomWeights(THIN)
    enlarging = dict.fromkeys(["block1_conv2", "block2_conv1"], enlarged)
    network = Network(Changed(weights, enlarging), THIN)
    maps = network.feature_maps(noise(48), layer.name)
    assert np.isfinite(maps).all()
    with pytest.raises(NotFiniteError, match="finite"):
        outcome(later_changes(network, layer, maps, [1]))
    spec = AttributionSpec(THIN.conv_layer("block2_conv2"), 1, 2, 2, layer.name)
    with pytest.raises(NotFiniteError, match="finite"):
        outcome(value_drop(network, maps, spec, [1]))
