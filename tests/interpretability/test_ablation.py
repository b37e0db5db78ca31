"""Ablated maps: against networks whose kernels and biases are zero, and against contributions."""

import numpy as np
import pytest

from tests.support.maps import BiasedWeights
from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.ablation import ablated, change, changes, later_maps, lost
from vgg_viz.interpretability.attribution.attribution_pass import (
    AttributionSpec,
    NotFiniteError,
    attribute,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network, network_input


def mute(weights, layer_name, numbers):
    """The same weights, with nothing left of what makes these maps."""
    which = np.array(numbers) - 1

    def muted(kernel, bias):
        kernel, bias = kernel.copy(), bias.copy()
        kernel[..., which], bias[which] = 0, 0
        return kernel, bias

    return Changed(weights, {layer_name: muted})


@pytest.fixture(scope="module")
def thin_network():
    return Network(RandomWeights(THIN), THIN)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("block1_conv1", [2]),
        ("block1_conv2", [1, 4]),
        ("block3_conv2", [5]),
        ("block4_conv4", [1, 2, 6]),
        ("block5_conv3", [3]),
    ],
)
def test_all_later_maps_are_those_without_the_maps_kernels_and_biases(name, numbers, thin_network):
    layer, pixels = THIN.conv_layer(name), noise(48)
    without = Network(mute(RandomWeights(THIN), name, numbers), THIN)
    maps = thin_network.feature_maps(pixels, name)
    found, _ = outcome(changes(thin_network, layer, maps, numbers))
    later = THIN.conv_layers[layer.conv_number :]
    assert [one.layer for one in found] == list(later)
    for wanted, changed in zip(later, found, strict=True):
        expected = without.feature_maps(pixels, wanted.name)
        quiet, _ = outcome(later_maps(thin_network, layer, ablated(maps, numbers), wanted))
        np.testing.assert_allclose(quiet, expected, rtol=1e-5, atol=1e-5)
        before = thin_network.feature_maps(pixels, wanted.name)
        difference = expected.astype(np.float64) - before
        np.testing.assert_allclose(changed.mean, np.abs(difference).mean((1, 2)), atol=1e-5)
        np.testing.assert_allclose(
            np.abs(changed.largest), np.abs(difference).max((1, 2)), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(changed.before, before.mean((1, 2)), rtol=1e-4)


def test_so_are_those_of_the_true_network(biased_network, photograph, computed_maps):
    layer, numbers = VGG19.conv_layer("block4_conv3"), [7, 300]
    without = Network(mute(BiasedWeights(), layer.name, numbers))
    quiet = ablated(computed_maps[layer.name], numbers)
    for wanted in VGG19.conv_layers[layer.conv_number :][:3]:
        expected = without.feature_maps(photograph, wanted.name)
        found, _ = outcome(later_maps(biased_network, layer, quiet, wanted))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.max())


def test_nothing_ablated_changes_nothing_at_all(thin_network):
    maps = thin_network.feature_maps(noise(48), "block2_conv1")
    found, steps = outcome(changes(thin_network, THIN.conv_layer("block2_conv1"), maps, []))
    assert all(not one.mean.any() and not len(one.strongest(5)) for one in found)
    # The later blocks are a step each.
    assert steps == 3


@pytest.mark.parametrize("name", ["block1_conv2", "block2_conv1", "block4_conv3", "block5_conv1"])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 2)])
def test_what_the_next_layer_loses_is_what_the_maps_contribute(name, row, column, thin_network):
    layer, pixels = THIN.conv_layer(name), noise(48)
    before = THIN.conv_layers[layer.conv_number - 2]
    question = AttributionSpec(layer, 2, row, column, before.name)
    contributed, _ = outcome(attribute(thin_network, pixels, question))
    maps = thin_network.feature_maps(pixels, before.name)
    loss, _ = outcome(lost(thin_network, maps, question, [1, 3]))
    wanted = contributed.by_map[[0, 2]].sum()
    assert loss == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert abs(loss) > 1e-3


def test_a_value_further_on_loses_what_the_ablated_network_lacks(thin_network):
    pixels, layer = noise(48), THIN.conv_layer("block3_conv3")
    maps = thin_network.feature_maps(pixels, "block2_conv1")
    without = Network(mute(RandomWeights(THIN), "block2_conv1", [2]), THIN)
    both = [network.feature_maps(pixels, layer.name) for network in (thin_network, without)]
    channel, row, column = np.argwhere((both[0] > 0) & (both[1] > 0))[0].tolist()
    question = AttributionSpec(layer, channel + 1, row, column, "block2_conv1")
    loss, _ = outcome(lost(thin_network, maps, question, [2]))
    values = [float(one[channel, row, column]) for one in both]
    assert loss == pytest.approx(values[0] - values[1], rel=1e-4, abs=1e-5)


def test_changes_are_ranked_by_their_mean():
    before = np.zeros((4, 2, 2), np.float32)
    now = before.copy()
    now[0, 0, 0], now[2, :, 1], now[3] = 5, (-2, -1), 3
    found = change(THIN.conv_layer("block1_conv2"), before + 1, now + 1)
    assert found.mean.tolist() == [1.25, 0, 0.75, 3]
    assert found.largest.tolist() == [5, 0, -2, 3]
    assert found.before.tolist() == [1, 1, 1, 1]
    assert found.strongest(9).tolist() == [3, 0, 2]
    assert found.strongest(1).tolist() == [3]


@pytest.mark.filterwarnings("error")
def test_numbers_too_large_for_float32_are_refused_without_a_warning():
    def enlarged(kernel, bias):
        return kernel * np.float32(1e30), bias

    layer, weights = THIN.conv_layer("block1_conv2"), RandomWeights(THIN)
    enlarging = dict.fromkeys(["block1_conv2", "block2_conv1"], enlarged)
    network = Network(Changed(weights, enlarging), THIN)
    maps = network.feature_maps(noise(48), layer.name)
    assert np.isfinite(maps).all()
    with pytest.raises(NotFiniteError, match="finite"):
        outcome(changes(network, layer, maps, [1]))
    question = AttributionSpec(THIN.conv_layer("block2_conv2"), 1, 2, 2, layer.name)
    with pytest.raises(NotFiniteError, match="finite"):
        outcome(lost(network, maps, question, [1]))


@pytest.mark.parametrize("numbers", [[0], [1, 6], [-1]])
def test_maps_that_there_are_not_cannot_be_ablated(numbers):
    with pytest.raises(ValueError, match="expected maps from 1 to 5"):
        ablated(np.ones((5, 2, 2), np.float32), numbers)


def test_the_maps_themselves_stay_as_they_are():
    maps = np.ones((3, 2, 2), np.float32)
    quiet = ablated(maps, [2])
    assert maps.all()
    assert quiet.any(axis=(1, 2)).tolist() == [True, False, True]
    assert not quiet.flags.writeable


def test_from_a_layer_on_there_are_the_very_numbers_of_the_whole_way(thin_network):
    source = thin_network.run(("block1_pool",), network_input(noise(48)))[0]
    names = ("block2_conv1", "block2_conv2", "block2_pool")
    conv1, *wanted = thin_network.run(names, source)
    found = thin_network.run_from("block2_conv1", conv1)
    assert list(found) == list(names[1:])
    for got, expected in zip(found.values(), wanted, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert not got.flags.writeable
    with pytest.raises(KeyError, match="block2_pool"):
        thin_network.run_from("block2_pool", conv1)
