"""Optimized images, against known optima, finite differences, Keras and the network."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage, special

from tests.interpretability.test_receptive_field import amid_mean_color, by_numpy, outcome
from tests.support.maps import frozen
from tests.support.weights_files import ReferenceWeights, reference_folder
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.optimization import (
    Adam,
    FourierCanvas,
    OptimizationRun,
    PixelCanvas,
    Pose,
    View,
    batch_size,
    image_side,
    paste_image,
    random_poses,
    to_colors,
    to_colors_gradient,
    to_pixels,
)
from vgg_viz.interpretability.receptive_field import ReceptiveFieldPass, receptive_fields
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network, import_keras

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
REFERENCE = reference_folder() / "vgg19_blocks1-3.npz"
MEAN_RGB = np.array([123.68, 116.779, 103.939])
POSE = Pose(rotation=0.13, scale=0.95, shift=(0.4, -0.3))


@pytest.fixture(scope="module")
def reference_network():
    if not REFERENCE.is_file():
        pytest.skip(f"there is no {REFERENCE.name} in {REFERENCE.parent}")
    return Network(ReferenceWeights())


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(optimization, "STEPS", {1: 3, 2: 3, 3: 3, 4: 2, 5: 1})


def run_to_end(network, name, channels, seed=0, parametrization="regularized"):
    run = OptimizationRun(network, LAYERS[name], channels, seed, parametrization)
    while not run.finished:
        run.advance()
    return run


def optimize(*arguments, **named):
    """Return the optimized images and their reported values."""
    results = run_to_end(*arguments, **named).results()
    return np.stack([one.pixels for one in results]), np.array([one.value for one in results])


# -- optimum


def largest_values():
    """Return block1_conv1's largest possible values, and the images with them.

    A pixel is 255 where its weight is positive, and 0 elsewhere.
    """
    kernel, bias = ReferenceWeights().read("block1_conv1")
    kernel = kernel[:, :, ::-1].astype(np.float64)  # red, green, blue
    best = np.where(kernel > 0, 255.0, 0.0)
    largest = ((best - MEAN_RGB[:, None]) * kernel).sum(axis=(0, 1, 2)) + bias
    return largest, np.moveaxis(best, -1, 0)


def test_plain_pixels_reach_the_optimum_of_the_first_layer(reference_network):
    largest, best = largest_values()
    pixels, values = optimize(
        reference_network, "block1_conv1", range(1, 65), parametrization="pixels"
    )
    np.testing.assert_array_less(np.abs(pixels - best), 2)
    np.testing.assert_allclose(values, largest, rtol=0.01)


def test_regularized_images_approach_the_optimum_of_the_first_layer(reference_network):
    """Values are within 10% of the optimum on average.

    Single channels stay below, since a fine pattern of nine pixels does not survive rotations and
    shifts.
    """
    largest, _ = largest_values()
    _, values = optimize(reference_network, "block1_conv1", range(1, 65))
    shares = values / largest
    assert shares.max() < 1
    assert shares.mean() > 0.9  # 0.937
    assert np.median(shares) > 0.95  # 0.977
    assert shares.min() > 0.6  # 0.686


def test_optimized_images_exceed_the_activations_of_a_photograph(reference_network, photograph):
    channels = [1, 5]
    maps = reference_network.feature_maps(photograph, "block2_conv1")
    strongest = maps.max(axis=(1, 2))[np.array(channels) - 1]
    _, values = optimize(reference_network, "block2_conv1", channels)
    assert (values > 1.5 * strongest).all()


# -- reported values


@pytest.mark.parametrize(
    ("name", "parametrization"),
    [
        ("block1_conv1", "regularized"),
        ("block1_conv2", "pixels"),
        ("block2_conv2", "regularized"),
        ("block3_conv2", "pixels"),
        ("block5_conv4", "regularized"),
    ],
)
def test_reported_value_is_the_networks_for_the_image_amid_mean_color(
    name, parametrization, biased_network, few_steps
):
    layer = LAYERS[name]
    channels = [7, 11] if layer.block < 4 else [7]  # active
    pixels, values = optimize(biased_network, name, channels, parametrization=parametrization)
    middle = layer.output_shape[0] // 2
    for image, value, channel in zip(pixels, values, channels, strict=True):
        maps = biased_network.feature_maps(amid_mean_color(image, layer), name)
        expected = maps[channel - 1, middle, middle]
        assert value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["block2_conv1", "block3_conv2", "block4_conv1", "block5_conv1"])
def test_pasted_image_has_its_value_at_any_position(name, biased_network, photograph, few_steps):
    layer, channel = LAYERS[name], 11  # active
    image, (value,) = optimize(biased_network, name, [channel])
    # In block 5, the field is larger than the image, so the surroundings matter.
    mean = np.full_like(photograph, (124, 117, 104))
    background = photograph if layer.block < 5 else frozen(mean)
    fields = receptive_fields(layer)
    whole = [n for n, (start, stop) in enumerate(fields) if start >= 0 and stop <= 224]
    row, column = whole[0], whole[-1]
    maps = biased_network.feature_maps(paste_image(background, image[0], layer, row, column), name)
    assert value == pytest.approx(maps[channel - 1, row, column], rel=1e-4)


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
        expected = frame[224:-224, 224:-224]
        found = paste_image(photograph, image, layer, row, column)
        np.testing.assert_array_equal(found, expected)


# -- reproducibility and progress


@pytest.mark.parametrize("parametrization", ["regularized", "pixels"])
@pytest.mark.parametrize("name", ["block1_conv2", "block3_conv1"])
def test_images_depend_on_the_seed_and_not_on_their_batch(
    name, parametrization, untrained_network, few_steps
):
    channels = [1, 5, 9, 40]
    batch, values = optimize(untrained_network, name, channels, 7, parametrization)
    again, _ = optimize(untrained_network, name, channels, 7, parametrization)
    np.testing.assert_array_equal(batch, again)
    reversed_batch, reversed_values = optimize(
        untrained_network, name, channels[::-1], 7, parametrization
    )
    np.testing.assert_array_equal(batch, reversed_batch[::-1])
    np.testing.assert_array_equal(values, reversed_values[::-1])
    alone, _ = optimize(untrained_network, name, [9], 7, parametrization)
    np.testing.assert_array_equal(batch[2], alone[0])
    others, _ = optimize(untrained_network, name, channels, 8, parametrization)
    assert all(not np.array_equal(*pair) for pair in zip(batch, others, strict=True))


def test_initial_images_differ_between_layers_and_channels(untrained_network):
    """Layers of block 5 have images of one size."""
    for parametrization in ("regularized", "pixels"):
        initial = [
            image.tobytes()
            for name in ("block5_conv1", "block5_conv2")
            for image in OptimizationRun(
                untrained_network, LAYERS[name], [2, 9], 0, parametrization
            ).images()
        ]
        assert len(set(initial)) == 4


def test_progress_is_visible_after_each_step(biased_network, few_steps):
    run = OptimizationRun(biased_network, LAYERS["block1_conv2"], [1, 2], 0, "regularized")
    assert (run.step, run.steps, run.finished) == (0, 3, False)
    images, steps, values = [run.images()], [0], []
    assert images[0].dtype == np.uint8
    assert images[0].shape == (2, 5, 5, 3)
    assert np.abs(images[0].astype(int) - 128).max() < 30
    while not run.finished:
        with pytest.raises(ValueError, match="expected 3 steps, got"):
            run.results()
        run.advance()
        if run.step > steps[-1]:
            steps.append(run.step)
            images.append(run.images())
            values.append(run.values)
    assert steps == [0, 1, 2, 3]
    assert (np.array(values[0]) < run.values).all()
    assert all(not np.array_equal(*pair) for pair in pairwise(images))
    results = run.results()
    np.testing.assert_array_equal([one.pixels for one in results], images[-1])
    assert [one.value for one in results] == run.values.tolist()
    assert [one.steps for one in results] == [3, 3]
    assert not results[0].pixels.flags.writeable
    run.advance()
    assert run.results() is results


def test_image_side_is_the_receptive_field_except_in_block_5():
    sides = [image_side(layer) for layer in VGG19.conv_layers]
    assert sides == [layer.receptive_field for layer in VGG19.conv_layers[:12]] + [102] * 4
    assert FourierCanvas(102).canvas_side == 128
    assert all(1 <= batch_size(layer) <= layer.filters for layer in VGG19.conv_layers)


@pytest.mark.parametrize("channels", [[], [0], [65], [1, 65]])
def test_unknown_channel_is_an_error(channels, untrained_network):
    with pytest.raises(ValueError, match="expected channels from 1 to 64"):
        OptimizationRun(untrained_network, LAYERS["block1_conv1"], channels, 0, "regularized")


# -- parametrizations and gradients


@pytest.mark.parametrize("side", [3, 4, 5, 10])
def test_colors_are_sums_of_waves(side):
    canvas = FourierCanvas(side)
    (wide,) = {canvas.canvas_side}
    parameters = np.random.default_rng(side).normal(0, 0.3, (1, *canvas.initial([0]).shape))
    x = np.arange(wide)
    waves = np.zeros((3, wide, wide))
    for row in range(wide):
        for column in range(wide // 2 + 1):
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
    parameters = random.normal(0, 0.1, (2, *canvas.initial([0]).shape))
    weight = random.standard_normal((2, side, side, 3))
    view = canvas.view(POSE)

    def value(parameters):
        return (weight * view.sample(canvas.colors(parameters))).sum()

    gradient = canvas.backward(canvas.colors(parameters), view.backward(weight))
    assert gradient.shape == parameters.shape
    for direction in directions(parameters.shape, random):
        slope = (value(parameters + 1e-5 * direction) - value(parameters - 1e-5 * direction)) / 2e-5
        smallest = 1e-7 * np.abs(gradient).max()
        assert slope == pytest.approx((gradient * direction).sum(), rel=1e-6, abs=smallest)


@pytest.mark.parametrize("canvas_class", [FourierCanvas, PixelCanvas])
@pytest.mark.parametrize("pose", [POSE, Pose(-0.17, 1.1, (-0.5, 0.5))], ids=["one", "another"])
@pytest.mark.parametrize("name", ["block1_conv1", "block1_conv2", "block2_conv1", "block3_conv2"])
def test_gradients_through_the_network_match_finite_differences(
    name, canvas_class, pose, biased_network, exact_colors
):
    """The differences are of a network in NumPy, in float64."""
    layer, channel = LAYERS[name], 4
    canvas = canvas_class(layer.receptive_field)
    random = np.random.default_rng(layer.index)
    parameters = random.normal(0, 0.05, (1, *canvas.initial([0]).shape))
    view = canvas.view(pose)

    def value(parameters):
        return by_numpy(view.sample(canvas.colors(parameters)), layer)[0, channel - 1]

    colors = canvas.colors(parameters)
    field = ReceptiveFieldPass(biased_network, layer, canvas.side)
    (values, gradient), _ = outcome(field.values(view.sample(colors), [channel]))
    assert values[0] == pytest.approx(value(parameters), rel=1e-4)
    slopes = canvas.backward(colors, view.backward(gradient))
    for direction in directions(parameters.shape, random):
        step = 1e-7 / np.abs(direction).max()
        difference = value(parameters + step * direction) - value(parameters - step * direction)
        smallest = 1e-5 * np.abs(slopes).max() * np.abs(direction).sum() ** 0.5
        expected = pytest.approx((slopes * direction).sum(), rel=1e-4, abs=smallest)
        assert difference / (2 * step) == expected


def test_to_colors_is_a_sigmoid():
    parameters = np.linspace(-12, 12, 97)
    colors = to_colors(parameters)
    assert colors.dtype == np.float32
    np.testing.assert_allclose(colors, 255 * special.expit(parameters), rtol=1e-6)
    slope = 255 * special.expit(parameters) * special.expit(-parameters)
    np.testing.assert_allclose(to_colors_gradient(colors, np.ones(97)), slope, atol=1e-4)
    # Extreme parameters still have finite colors.
    assert np.isfinite(to_colors(np.array([-80.0, 80.0], np.float32))).all()
    assert to_pixels(np.array([0.2, 0.7, 254.6], np.float32)).tolist() == [0, 1, 255]


# -- views


@pytest.mark.parametrize("side", [1, 2, 7])
def test_view_matches_scipys_bilinear_interpolation(side):
    random = np.random.default_rng(side)
    canvases = frozen(random.random((2, side, side, 3)))
    rows, columns = frozen(random.uniform(-1, side, (2, 4, 4)))
    samples = View(rows, columns, side).sample(canvases)
    for canvas, image in zip(canvases, samples, strict=True):
        for color in range(3):
            expected = ndimage.map_coordinates(
                canvas[..., color], [rows, columns], order=1, mode="nearest"
            )
            np.testing.assert_allclose(image[..., color], expected, rtol=0, atol=1e-6)


def test_view_rotates_scales_and_shifts_about_the_center():
    canvas = FourierCanvas(8)
    assert canvas.canvas_side == 10
    # The color of a pixel is its position.
    positions = np.stack([*np.meshgrid(np.arange(10.0), np.arange(10.0), indexing="ij")], axis=-1)
    colors = np.concatenate([positions, np.zeros((10, 10, 1))], axis=-1)[None]
    upright = canvas.view(Pose(0, 1, (0, 0))).sample(colors)
    np.testing.assert_allclose(upright, canvas.crop(colors))
    shifted = canvas.view(Pose(0, 1, (0.5, -0.5))).sample(colors)
    np.testing.assert_allclose(shifted - upright, np.broadcast_to([1, -1, 0], upright.shape))
    rotated = canvas.view(Pose(0.1, 0.9, (0, 0))).sample(colors)[0, ..., :2] - 4.5
    lengths = np.hypot(*rotated.transpose(2, 0, 1)) / np.hypot(*(upright[0, ..., :2] - 4.5).T)
    np.testing.assert_allclose(lengths, 0.9, rtol=1e-6)
    flat = PixelCanvas(8).view(POSE).sample(colors[:, :8, :8])
    np.testing.assert_array_equal(flat, colors[:, :8, :8])


def test_poses_depend_on_the_seed_and_stay_within_their_bounds():
    poses = [next(one) for one in [random_poses([3, 1])] for _ in range(200)]
    again, other = random_poses([3, 1]), random_poses([4, 1])
    assert poses == [next(again) for _ in poses]
    assert poses[0] != next(other)
    rotations = np.array([pose.rotation for pose in poses])
    scales = np.array([pose.scale for pose in poses])
    shifts = np.array([pose.shift for pose in poses])
    for values, least, most in [
        (np.rad2deg(rotations), -10, 10),
        (scales, 0.9, 1.1),
        (shifts, -0.5, 0.5),
    ]:
        margin = 0.1 * (most - least)
        assert least <= values.min() < least + margin
        assert most - margin < values.max() <= most


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
