"""Responses to gratings, against NumPy's Fourier transform and passes over whole images."""

import numpy as np

from tests.support.thin import THIN, RandomWeights, outcome
from vgg_viz.interpretability.experiments import gratings
from vgg_viz.interpretability.receptive_field import Area, Interval, value_stages
from vgg_viz.model.network import Network
from vgg_viz.model.preprocessing import MEAN_COLOR

NETWORK = Network(RandomWeights(THIN), THIN)


def test_the_first_layer_responds_like_the_fourier_transform_of_its_kernels():
    layer = THIN.conv_layer("block1_conv1")
    found, _ = outcome(gratings.grating_responses(NETWORK, layer))
    assert found.shape == (gratings.ORIENTATIONS, len(gratings.PERIODS), layer.filters)
    kernel = RandomWeights(THIN).read(layer.name)[0].sum(axis=2)  # the stripes are gray
    for index, period in enumerate(gratings.PERIODS[1:], start=1):
        spectrum = gratings.AMPLITUDE * np.abs(np.fft.fft2(kernel, (period, period), axes=(0, 1)))
        np.testing.assert_allclose(found[0, index], spectrum[0, 1], rtol=1e-3)
        np.testing.assert_allclose(
            found[gratings.ORIENTATIONS // 2, index], spectrum[1, 0], rtol=1e-3
        )
    slanted = np.pi * 5 / gratings.ORIENTATIONS
    row, column = np.mgrid[:3, :3]
    phase = 2j * np.pi / 4 * (np.cos(slanted) * column + np.sin(slanted) * row)
    expected = np.abs(np.tensordot(np.exp(phase), kernel, 2)) * gratings.AMPLITUDE
    np.testing.assert_allclose(found[5, gratings.PERIODS.index(4)], expected, rtol=1e-3)


def test_values_are_those_of_a_pass_over_the_whole_image():
    layer, whole = THIN.conv_layer("block3_conv1"), Area(*[Interval(0, 48)] * 2)
    pattern = gratings.stripes(whole, 0)[20]
    source = NETWORK.input(MEAN_COLOR + gratings.AMPLITUDE * pattern[..., None])
    for pool in THIN.pools[:2]:
        (source,) = NETWORK.run((pool.name,), source)
    maps = NETWORK.run((layer.name,), source)[0]
    stages = value_stages(layer, 6, 7, THIN)
    rows, columns = (slice(*side) for side in stages[0].input_area)
    (found,) = gratings.values(NETWORK, stages, pattern[None, rows, columns])
    np.testing.assert_allclose(np.maximum(found, 0), maps[:, 6, 7], rtol=1e-3, atol=1e-2)
