"""Optimized images, against known optima, finite differences, Keras and the network."""

import numpy as np
import pytest
from scipy import ndimage, special

from tests.support.maps import frozen
from tests.support.weights_files import ReferenceWeights
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.optimization import (
    Adam,
    FourierCanvas,
    OptimizationRun,
    OptimizationSpec,
    PixelCanvas,
    View,
    batch_size,
    image_side,
    paste_image,
    to_colors,
)
from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import import_keras

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
MEAN_RGB = np.array([123.68, 116.779, 103.939])


class Pose:
    """Stands in for a random generator: draws this rotation, scale and shift in half margins."""

    def __init__(self, rotation=0.13, scale=0.95, shift=(0.8, -0.6)):
        self._drawn = iter([rotation, scale, np.array(shift)])

    def uniform(self, low, high, size=None):
        return next(self._drawn)


@pytest.fixture
def few_steps(monkeypatch):
    steps = {block: (2 if block < 4 else 1, 1) for block in range(1, 6)}
    monkeypatch.setattr(optimization, "STEPS", steps)


def optimize(network, name, channels, seed=0, parametrization="regularized"):
    """Return the optimized images and their reported values."""
    run = OptimizationRun(OptimizationSpec(network, LAYERS[name], seed, parametrization), channels)
    while not run.finished:
        run.advance()
    images = run.images().values()
    return np.stack([one.pixels for one in images]), np.array([one.value for one in images])


def largest_values(channels):
    """Return block1_conv1's largest possible values, and the images with them.

    A pixel is 255 where its weight is positive, and 0 elsewhere.
    """
    kernel, bias = ReferenceWeights().read("block1_conv1")
    kernel = kernel[:, :, ::-1, np.array(channels) - 1].astype(np.float64)  # red, green, blue
    best = np.where(kernel > 0, 255.0, 0.0)
    largest = ((best - MEAN_RGB[:, None]) * kernel).sum(axis=(0, 1, 2))
    return largest + bias[np.array(channels) - 1], np.moveaxis(best, -1, 0)


SOME, ALL = range(3, 65, 8), range(1, 65)


@pytest.mark.parametrize("channels", [SOME, pytest.param(ALL, marks=pytest.mark.slow)], ids=len)
def test_images_reach_or_approach_the_optimum_of_the_first_layer(channels, trained_network):
    """Regularized images are within 10% of the optimum on average.

    Single channels stay below, since a fine pattern of nine pixels does not survive rotations and
    shifts.
    """
    largest, best = largest_values(channels)
    pixels, values = optimize(trained_network, "block1_conv1", channels, 0, "pixels")
    np.testing.assert_array_less(np.abs(pixels - best), 2)
    np.testing.assert_allclose(values, largest, rtol=0.01)
    _, values = optimize(trained_network, "block1_conv1", channels)
    shares = values / largest
    assert shares.max() < 1
    assert shares.mean() > 0.9  # 0.937 of all channels
    assert np.median(shares) > 0.95  # 0.977
    assert shares.min() > 0.6  # 0.686


@pytest.mark.parametrize(
    ("name", "parametrization"),
    [
        ("block1_conv1", "regularized"),
        ("block1_conv2", "pixels"),
        ("block2_conv2", "regularized"),
        ("block3_conv2", "pixels"),
        pytest.param("block5_conv1", "regularized", marks=pytest.mark.slow),
        pytest.param("block4_conv1", "regularized", marks=pytest.mark.slow),
        pytest.param("block5_conv4", "pixels", marks=pytest.mark.slow),
    ],
)
def test_pasted_image_has_its_value_at_any_position(
    name, parametrization, biased_network, photograph, few_steps
):
    layer = LAYERS[name]
    channels = [7, 11] if layer.block < 4 else [7]  # active
    images, values = optimize(biased_network, name, channels, parametrization=parametrization)
    # In block 5, the field is larger than the image, so the surroundings matter.
    background = frozen(np.full_like(photograph, (124, 117, 104)))
    position = (layer.output_shape[0] // 2,) * 2
    if layer.block < 5:
        fields = receptive_fields(layer)
        whole = [n for n, (start, stop) in enumerate(fields) if start >= 0 and stop <= 224]
        background, position = photograph, (whole[0], whole[-1])
    for image, value, channel in zip(images, values, channels, strict=True):
        pasted = paste_image(background, image, layer, *position)
        maps = biased_network.feature_maps(pasted, name)
        assert value == pytest.approx(maps[channel - 1][position], rel=1e-4)


@pytest.mark.parametrize("name", ["block1_conv1", "block2_conv2", "block4_conv4", "block5_conv4"])
def test_pasted_image_is_clipped_at_the_border(name, photograph):
    layer = LAYERS[name]
    side, last = image_side(layer), layer.output_shape[0] - 1
    image = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    for row, column in [(0, 0), (last, 0), (last // 2, last), (1, last // 3)]:
        # Position 0 is centered at `offset`, each next one a stride further.
        top, left = (
            224 + int(layer.offset + layer.stride * position - (side - 1) / 2)
            for position in (row, column)
        )
        frame = np.pad(photograph, [(224, 224), (224, 224), (0, 0)])
        frame[top : top + side, left : left + side] = image
        found = paste_image(photograph, image, layer, row, column)
        np.testing.assert_array_equal(found, frame[224:-224, 224:-224])


@pytest.mark.parametrize("parametrization", ["regularized", "pixels"])
def test_last_steps_without_transformations_raise_values_and_never_lower_them(
    parametrization, biased_network, monkeypatch
):
    name, channels = "block1_conv2", [1, 5, 9, 40]
    found = []
    for upright in (0, 1, 20):
        monkeypatch.setattr(optimization, "STEPS", {1: (10, upright)})
        pixels, values = optimize(biased_network, name, channels, 3, parametrization)
        found.append((pixels, values))
    (first, before), (second, soon), (_, after) = found
    assert (soon >= before).all()
    assert (after > before).all()
    for one, other, is_same in zip(first, second, soon == before, strict=True):
        assert np.array_equal(one, other) or not is_same


def test_the_better_image_is_kept(biased_network, monkeypatch):
    """Descent instead of ascent in the last step spoils all images."""
    monkeypatch.setattr(optimization, "STEPS", {1: (10, 0)})
    before, values = optimize(biased_network, "block1_conv2", [5, 9])
    monkeypatch.setattr(optimization, "STEPS", {1: (10, 1)})
    ascend = Adam.ascend
    counts = iter(range(11))
    monkeypatch.setattr(
        Adam,
        "ascend",
        lambda adam, gradient: ascend(adam, gradient * (-1 if next(counts) == 10 else 1)),
    )
    after, same = optimize(biased_network, "block1_conv2", [5, 9])
    np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(same, values)


@pytest.mark.parametrize(
    ("name", "parametrization"), [("block1_conv2", "regularized"), ("block3_conv1", "pixels")]
)
def test_images_depend_on_the_seed_and_not_on_their_batch(
    name, parametrization, untrained_network, few_steps
):
    channels = [1, 5, 9, 40]
    batch, values = optimize(untrained_network, name, channels, 7, parametrization)
    reverse, reverse_values = optimize(untrained_network, name, channels[::-1], 7, parametrization)
    np.testing.assert_array_equal(batch, reverse[::-1])
    np.testing.assert_allclose(values, reverse_values[::-1], rtol=1e-6)  # the order of a sum
    alone, _ = optimize(untrained_network, name, [9], 7, parametrization)
    np.testing.assert_array_equal(batch[2], alone[0])
    others, _ = optimize(untrained_network, name, channels, 8, parametrization)
    assert all(not np.array_equal(*pair) for pair in zip(batch, others, strict=True))


@pytest.mark.parametrize("parametrization", ["regularized", "pixels"])
def test_initial_images_differ_between_layers_and_channels(parametrization, untrained_network):
    """Layers of block 5 have images of one size."""
    initial = set()
    for name in ("block5_conv1", "block5_conv2"):
        spec = OptimizationSpec(untrained_network, LAYERS[name], 0, parametrization)
        images = OptimizationRun(spec, [2, 9]).images()
        assert all(image.pixels.shape == (102, 102, 3) for image in images.values())
        initial |= {image.pixels.tobytes() for image in images.values()}
    assert len(initial) == 4


def test_progress_is_visible_after_each_step(biased_network, few_steps):
    spec = OptimizationSpec(biased_network, LAYERS["block1_conv2"], 0, "regularized")
    run = OptimizationRun(spec, [1, 2])
    found = {0: run.images()}
    while not run.finished:
        run.advance()
        found.setdefault(run.step, run.images())
    assert [*found] == [0, 1, 2, 3]
    for step, images in found.items():
        for channel, image in images.items():
            assert (image.pixels.dtype, image.pixels.shape) == (np.uint8, (5, 5, 3))
            assert not image.pixels.flags.writeable
            assert (image.step, image.steps, image.finished) == (step, 3, step == 3)
            before = found.get(step - 1, {}).get(channel)
            assert before is None or not np.array_equal(before.pixels, image.pixels)
    assert all(np.abs(image.pixels - 128.0).max() < 30 for image in found[0].values())
    assert all(found[1][channel].value < found[3][channel].value for channel in (1, 2))
    run.advance()
    assert run.step == 3
    run.values = np.array([np.nan, 1.0])
    assert [*run.images()] == [2]


def test_image_side_is_the_receptive_field_except_in_block_5():
    sides = [image_side(layer) for layer in VGG19.conv_layers]
    assert sides == [layer.receptive_field for layer in VGG19.conv_layers[:12]] + [102] * 4
    assert FourierCanvas(102).canvas_side == 128
    assert all(1 <= batch_size(layer) <= layer.filters for layer in VGG19.conv_layers)


@pytest.mark.parametrize("channels", [[], [0], [65], [1, 65]])
def test_unknown_channel_is_an_error(channels):
    with pytest.raises(ValueError, match="expected channels from 1 to 64"):
        OptimizationRun(OptimizationSpec(None, LAYERS["block1_conv1"], 0, "pixels"), channels)


@pytest.mark.parametrize("side", [3, 4, 5, 10])
def test_colors_are_sums_of_waves(side):
    canvas = FourierCanvas(side)
    wide = canvas.canvas_side
    parameters = np.random.default_rng(side).normal(0, 0.3, (1, *canvas.shape))
    x = np.arange(wide)
    waves = np.zeros((3, wide, wide))
    for row, column in np.ndindex(wide, wide // 2 + 1):
        down, right = (row if row <= (wide - 1) // 2 else row - wide), column
        frequency = max(np.hypot(down / wide, right / wide), 1 / wide)
        angle = 2 * np.pi * (down * x[:, None] + right * x) / wide
        real, imaginary = parameters[0, :, row, column].T
        wave = real[:, None, None] * np.cos(angle) - imaginary[:, None, None] * np.sin(angle)
        alone = column == 0 or 2 * column == wide
        waves += (1 if alone else 2) * wave * (wide / frequency / 4) / wide**2
    mix = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    mix /= np.sqrt((mix**2).sum(axis=0)).max()
    expected = 255 * special.expit(np.einsum("cd,dyx->yxc", mix, waves))
    colors = canvas.colors(parameters)
    assert colors.dtype == np.float32
    np.testing.assert_allclose(colors[0], expected, atol=1e-3)
    # Extreme parameters still have finite colors.
    assert np.isfinite(to_colors(np.array([-80.0, 80.0], np.float32))).all()


@pytest.fixture
def exact_colors(monkeypatch):
    """Colors in float64, since finite differences are too small for float32."""
    monkeypatch.setattr(optimization, "to_colors", lambda values: 255 * special.expit(values))


def directions(shape, random):
    """Return directions in which all parameters change, and some in which one does."""
    found = [random.standard_normal(shape) for _ in range(2)]
    for index in random.integers(0, np.prod(shape), 4):
        found.append(np.zeros(shape))
        found[-1].flat[index] = 1
    return found


@pytest.mark.parametrize("side", [4, 5, 9])
@pytest.mark.parametrize("canvas_class", [FourierCanvas, PixelCanvas])
def test_canvas_gradients_match_finite_differences(canvas_class, side, exact_colors):
    canvas = canvas_class(side)
    random = np.random.default_rng(side)
    parameters = random.normal(0, 0.1, (2, *canvas.shape))
    weight = random.standard_normal((2, side, side, 3))
    view = canvas.view(Pose())

    def value(parameters):
        return (weight * view.sample(canvas.colors(parameters))).sum()

    gradient = canvas.backward(canvas.colors(parameters), view.backward(weight))
    assert gradient.shape == parameters.shape
    for direction in directions(parameters.shape, random):
        slope = (value(parameters + 1e-5 * direction) - value(parameters - 1e-5 * direction)) / 2e-5
        smallest = 1e-7 * np.abs(gradient).max()
        assert slope == pytest.approx((gradient * direction).sum(), rel=1e-6, abs=smallest)


@pytest.mark.parametrize("side", [2, 7])
def test_view_matches_scipys_bilinear_interpolation(side):
    random = np.random.default_rng(side)
    canvases = frozen(random.random((2, side, side, 3)))
    rows, columns = frozen(random.uniform(-1, side, (2, 4, 4)))
    samples = View(rows, columns, side).sample(canvases)
    for image, color in np.ndindex(2, 3):
        canvas = canvases[image, ..., color]
        expected = ndimage.map_coordinates(canvas, [rows, columns], order=1, mode="nearest")
        np.testing.assert_allclose(samples[image, ..., color], expected, rtol=0, atol=1e-6)


def test_view_rotates_scales_and_shifts_about_the_center():
    canvas = FourierCanvas(8)
    assert canvas.canvas_side == 10
    # The color of a pixel is its position.
    positions = np.moveaxis(np.indices((10, 10), float), 0, -1)
    colors = np.concatenate([positions, np.zeros((10, 10, 1))], axis=-1)[None]
    upright = canvas.view(Pose(0, 1, (0, 0))).sample(colors)
    np.testing.assert_allclose(upright, canvas.crop(colors))
    shifted = canvas.view(Pose(0, 1, (1, -1))).sample(colors)
    np.testing.assert_allclose(shifted - upright, np.broadcast_to([1, -1, 0], upright.shape))
    rotated = canvas.view(Pose(0.1, 0.9, (0, 0))).sample(colors)[0, ..., :2] - 4.5
    lengths = np.hypot(*rotated.transpose(2, 0, 1)) / np.hypot(*(upright[0, ..., :2] - 4.5).T)
    np.testing.assert_allclose(lengths, 0.9, rtol=1e-6)
    flat = PixelCanvas(8).view(Pose()).sample(colors[:, :8, :8])
    np.testing.assert_array_equal(flat, colors[:, :8, :8])


def test_random_views_stay_within_their_bounds():
    """Corners of the view show its rotation, scale and shift."""
    canvas, random = FourierCanvas(80), np.random.default_rng(3)
    colors = np.moveaxis(np.indices((canvas.canvas_side,) * 2, float), 0, -1)
    colors = np.concatenate([colors, colors[..., :1]], axis=-1)[None]
    found = []
    for _ in range(100):
        corners = canvas.view(random).sample(colors)[0, 30:50:19, 30:50:19, :2]
        down, right = (corners[1] - corners[0]).mean(axis=0)
        shift = (corners.mean(axis=(0, 1)) - (canvas.canvas_side - 1) / 2) / 80
        found.append((np.rad2deg(np.arctan2(right, down)), np.hypot(down, right) / 19, *shift))
    least, most = np.array([[-10, 0.9, -0.125, -0.125], [10, 1.1, 0.125, 0.125]])
    margin = 0.1 * (most - least)
    low, high = np.min(found, axis=0), np.max(found, axis=0)
    assert (low > least - 1e-6).all()
    assert (low < least + margin).all()
    assert (high < most + 1e-6).all()
    assert (high > most - margin).all()


def test_adam_matches_keras():
    keras = import_keras()
    random = np.random.default_rng(0)
    initial = frozen(random.standard_normal((4, 5)).astype(np.float32))
    ours, theirs = Adam(initial), keras.Variable(initial)
    optimizer = keras.optimizers.Adam(0.05, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    for _ in range(20):
        gradient = frozen(random.standard_normal((4, 5)).astype(np.float32))
        ours.ascend(gradient)
        optimizer.apply([-gradient], [theirs])
    assert ours.parameters.dtype == np.float32
    np.testing.assert_allclose(ours.parameters, np.asarray(theirs), rtol=0, atol=1e-5)
