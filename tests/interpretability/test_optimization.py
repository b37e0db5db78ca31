"""Pictures made for a channel: the optimum that is known, finite differences, and the network."""

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
    Frequencies,
    OptimizationRun,
    Pixels,
    Pose,
    View,
    batch_size,
    pasted,
    picture_side,
    rounded,
    squashed,
    unsquashed,
    views,
)
from vgg_viz.interpretability.receptive_field import ReceptiveFieldPass, receptive_fields
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network, import_keras

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
REFERENCE = reference_folder() / "vgg19_blocks1-3.npz"
MEAN_RGB = np.array([123.68, 116.779, 103.939])
POSE = Pose(turn=0.13, scale=0.95, shift=(0.4, -0.3))


@pytest.fixture(scope="module")
def reference_network():
    if not REFERENCE.is_file():
        pytest.skip(f"there is no {REFERENCE.name} in {REFERENCE.parent}")
    return Network(ReferenceWeights())


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(optimization, "STEPS", {1: 3, 2: 3, 3: 3, 4: 2, 5: 1})


def finished(network, name, channels, seed=0, parametrization="regularized"):
    making = OptimizationRun(network, LAYERS[name], channels, seed, parametrization)
    while not making.finished:
        making.advance()
    return making


def made(*arguments, **named):
    """The pictures, and the values that they claim."""
    results = finished(*arguments, **named).results()
    return np.stack([one.pixels for one in results]), np.array([one.value for one in results])


# -- what is reached


def largest_answers():
    """What block1_conv1's channels answer to 255 where they weigh positively, and 0 elsewhere."""
    kernel, bias = ReferenceWeights().read("block1_conv1")
    kernel = kernel[:, :, ::-1].astype(np.float64)  # red, green, blue
    best = np.where(kernel > 0, 255.0, 0.0)
    answers = ((best - MEAN_RGB[:, None]) * kernel).sum(axis=(0, 1, 2)) + bias
    return answers, np.moveaxis(best, -1, 0)


def test_plain_pixels_reach_the_optimum_of_the_first_layer(reference_network):
    answers, best = largest_answers()
    pixels, values = made(reference_network, "block1_conv1", range(1, 65), parametrization="pixels")
    np.testing.assert_array_less(np.abs(pixels - best), 2)
    np.testing.assert_allclose(values, answers, rtol=0.01)


def test_the_recipe_comes_near_the_optimum_of_the_first_layer_on_average(reference_network):
    """Within 10 % over all channels (6 %), and half of them much nearer.

    But not each: 0.69 is the least. A canvas that is to please however it is turned and shifted
    stays behind where the best nine pixels are a fine pattern.
    """
    answers, _ = largest_answers()
    _, values = made(reference_network, "block1_conv1", range(1, 65))
    shares = values / answers
    assert shares.max() < 1
    assert shares.mean() > 0.9  # 0.937
    assert np.median(shares) > 0.95  # 0.977
    assert shares.min() > 0.6  # 0.686


def test_made_pictures_are_answered_to_more_than_a_photograph(reference_network, photograph):
    channels = [1, 5]
    maps = reference_network.feature_maps(photograph, "block2_conv1")
    strongest = maps.max(axis=(1, 2))[np.array(channels) - 1]
    _, values = made(reference_network, "block2_conv1", channels)
    assert (values > 1.5 * strongest).all()


# -- what is claimed


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
def test_a_claimed_value_is_the_networks_own_of_the_picture_amid_mean_color(
    name, parametrization, biased_network, few_steps
):
    layer = LAYERS[name]
    channels = [7, 11] if layer.block < 4 else [7]  # not silent
    pixels, values = made(biased_network, name, channels, parametrization=parametrization)
    middle = layer.output_shape[0] // 2
    for picture, value, channel in zip(pixels, values, channels, strict=True):
        maps = biased_network.feature_maps(amid_mean_color(picture, layer), name)
        expected = maps[channel - 1, middle, middle]
        assert value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["block2_conv1", "block3_conv2", "block4_conv1", "block5_conv1"])
def test_pasted_anywhere_it_has_the_same_value(name, biased_network, photograph, few_steps):
    layer, channel = LAYERS[name], 11  # not silent
    picture, (value,) = made(biased_network, name, [channel])
    # Where the field is larger than the picture, what is around it counts.
    mean = np.full_like(photograph, (124, 117, 104))
    around = photograph if layer.block < 5 else frozen(mean)
    fields = receptive_fields(layer)
    whole = [n for n, (start, stop) in enumerate(fields) if start >= 0 and stop <= 224]
    row, column = whole[0], whole[-1]
    maps = biased_network.feature_maps(pasted(around, picture[0], layer, row, column), name)
    assert value == pytest.approx(maps[channel - 1, row, column], rel=1e-4)


@pytest.mark.parametrize("name", ["block1_conv1", "block2_conv2", "block4_conv4", "block5_conv4"])
def test_what_is_pasted_beyond_the_border_is_cut_off(name, photograph):
    layer = LAYERS[name]
    side, last = picture_side(layer), layer.output_shape[0] - 1
    picture = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    for row, column in [(0, 0), (last, 0), (last // 2, last), (1, last // 3)]:
        # Position 0 is centered at `offset`, and each next one is a stride further.
        top, left = (
            224 + int(layer.offset + layer.stride * position - (side - 1) / 2)
            for position in (row, column)
        )
        frame = np.pad(photograph, [(224, 224), (224, 224), (0, 0)])
        frame[top : top + side, left : left + side] = picture
        expected = frame[224:-224, 224:-224]
        got = pasted(photograph, picture, layer, row, column)
        np.testing.assert_array_equal(got, expected)


# -- the same again


@pytest.mark.parametrize("parametrization", ["regularized", "pixels"])
@pytest.mark.parametrize("name", ["block1_conv2", "block3_conv1"])
def test_the_same_seed_makes_the_same_bytes_in_any_company(
    name, parametrization, untrained_network, few_steps
):
    channels = [1, 5, 9, 40]
    together, values = made(untrained_network, name, channels, 7, parametrization)
    again, _ = made(untrained_network, name, channels, 7, parametrization)
    np.testing.assert_array_equal(together, again)
    turned, backwards = made(untrained_network, name, channels[::-1], 7, parametrization)
    np.testing.assert_array_equal(together, turned[::-1])
    np.testing.assert_array_equal(values, backwards[::-1])
    alone, _ = made(untrained_network, name, [9], 7, parametrization)
    np.testing.assert_array_equal(together[2], alone[0])
    others, _ = made(untrained_network, name, channels, 8, parametrization)
    assert all(not np.array_equal(*pair) for pair in zip(together, others, strict=True))


def test_every_layer_and_channel_begins_on_its_own(untrained_network):
    """Layers of block 5, whose pictures are of one size."""
    for parametrization in ("regularized", "pixels"):
        begun = [
            picture.tobytes()
            for name in ("block5_conv1", "block5_conv2")
            for picture in OptimizationRun(
                untrained_network, LAYERS[name], [2, 9], 0, parametrization
            ).pictures()
        ]
        assert len(set(begun)) == 4


def test_it_grows_before_ones_eyes(biased_network, few_steps):
    making = OptimizationRun(biased_network, LAYERS["block1_conv2"], [1, 2], 0, "regularized")
    assert (making.step, making.steps, making.finished) == (0, 3, False)
    seen, steps, values = [making.pictures()], [0], []
    assert seen[0].dtype == np.uint8
    assert seen[0].shape == (2, 5, 5, 3)
    assert np.abs(seen[0].astype(int) - 128).max() < 30
    while not making.finished:
        with pytest.raises(ValueError, match="expected 3 steps, got"):
            making.results()
        making.advance()
        if making.step > steps[-1]:
            steps.append(making.step)
            seen.append(making.pictures())
            values.append(making.values)
    assert steps == [0, 1, 2, 3]
    assert (np.array(values[0]) < making.values).all()
    assert all(not np.array_equal(*pair) for pair in pairwise(seen))
    results = making.results()
    np.testing.assert_array_equal([one.pixels for one in results], seen[-1])
    assert [one.value for one in results] == making.values.tolist()
    assert [one.steps for one in results] == [3, 3]
    assert not results[0].pixels.flags.writeable
    making.advance()
    assert making.results() is results


def test_a_picture_is_as_large_as_what_the_channel_sees_but_in_the_last_block():
    sides = [picture_side(layer) for layer in VGG19.conv_layers]
    assert sides == [layer.receptive_field for layer in VGG19.conv_layers[:12]] + [102] * 4
    assert Frequencies(102).canvas_side == 128
    assert all(1 <= batch_size(layer) <= layer.filters for layer in VGG19.conv_layers)


@pytest.mark.parametrize("channels", [[], [0], [65], [1, 65]])
def test_channels_that_are_not_there_are_refused(channels, untrained_network):
    with pytest.raises(ValueError, match="expected channels from 1 to 64"):
        OptimizationRun(untrained_network, LAYERS["block1_conv1"], channels, 0, "regularized")


# -- the way to the pixels and back


@pytest.mark.parametrize("side", [3, 4, 5, 10])
def test_colors_are_sums_of_waves(side):
    canvas = Frequencies(side)
    (wide,) = {canvas.canvas_side}
    numbers = np.random.default_rng(side).normal(0, 0.3, (1, *canvas.begin([0]).shape))
    x = np.arange(wide)
    waves = np.zeros((3, wide, wide))
    for row in range(wide):
        for column in range(wide // 2 + 1):
            down, right = (row if row <= (wide - 1) // 2 else row - wide), column
            frequency = max(np.hypot(down / wide, right / wide), 1 / wide)
            angle = 2 * np.pi * (down * x[:, None] + right * x) / wide
            real, imaginary = numbers[0, :, row, column].T
            wave = real[:, None, None] * np.cos(angle) - imaginary[:, None, None] * np.sin(angle)
            alone = column == 0 or 2 * column == wide
            waves += (1 if alone else 2) * wave * (wide / frequency / 4) / wide**2
    mix = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    mix /= np.sqrt((mix**2).sum(axis=0)).max()
    expected = 255 * special.expit(np.einsum("cd,dyx->yxc", mix, waves))
    got = canvas.colors(numbers)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0], expected, atol=1e-3)


@pytest.fixture
def exact_colors(monkeypatch):
    """Colors in double precision: small differences would be lost in single ones."""
    monkeypatch.setattr(optimization, "squashed", lambda numbers: 255 * special.expit(numbers))


def directions(shape, random):
    """A few in which all numbers change, and some in which a single one does."""
    found = [random.standard_normal(shape) for _ in range(2)]
    for index in random.integers(0, np.prod(shape), 4):
        found.append(np.zeros(shape))
        found[-1].flat[index] = 1
    return found


@pytest.mark.parametrize("side", [4, 5, 9])
@pytest.mark.parametrize("parametrized", [Frequencies, Pixels])
def test_what_leads_back_is_the_slope_of_what_leads_there(parametrized, side, exact_colors):
    canvas = parametrized(side)
    random = np.random.default_rng(side)
    numbers = random.normal(0, 0.1, (2, *canvas.begin([0]).shape))
    weight = random.standard_normal((2, side, side, 3))
    view = canvas.view(POSE)

    def value(numbers):
        return (weight * view.of(canvas.colors(numbers))).sum()

    gradient = canvas.back(canvas.colors(numbers), view.back(weight))
    assert gradient.shape == numbers.shape
    for direction in directions(numbers.shape, random):
        slope = (value(numbers + 1e-5 * direction) - value(numbers - 1e-5 * direction)) / 2e-5
        smallest = 1e-7 * np.abs(gradient).max()
        assert slope == pytest.approx((gradient * direction).sum(), rel=1e-6, abs=smallest)


@pytest.mark.parametrize("parametrized", [Frequencies, Pixels])
@pytest.mark.parametrize("pose", [POSE, Pose(-0.17, 1.1, (-0.5, 0.5))], ids=["one", "another"])
@pytest.mark.parametrize("name", ["block1_conv1", "block1_conv2", "block2_conv1", "block3_conv2"])
def test_finite_differences_through_all_of_it(
    name, parametrized, pose, biased_network, exact_colors
):
    """Through the network in NumPy, in double precision, where steps are too small for a ReLU."""
    layer, channel = LAYERS[name], 4
    canvas = parametrized(layer.receptive_field)
    random = np.random.default_rng(layer.index)
    numbers = random.normal(0, 0.05, (1, *canvas.begin([0]).shape))
    view = canvas.view(pose)

    def value(numbers):
        return by_numpy(view.of(canvas.colors(numbers)), layer)[0, channel - 1]

    colors = canvas.colors(numbers)
    field = ReceptiveFieldPass(biased_network, layer, canvas.side)
    (values, gradient), _ = outcome(field.values(view.of(colors), [channel]))
    assert values[0] == pytest.approx(value(numbers), rel=1e-4)
    slopes = canvas.back(colors, view.back(gradient))
    for direction in directions(numbers.shape, random):
        step = 1e-7 / np.abs(direction).max()
        climbed = value(numbers + step * direction) - value(numbers - step * direction)
        smallest = 1e-5 * np.abs(slopes).max() * np.abs(direction).sum() ** 0.5
        expected = pytest.approx((slopes * direction).sum(), rel=1e-4, abs=smallest)
        assert climbed / (2 * step) == expected


def test_squashed_numbers_are_colors():
    numbers = np.linspace(-12, 12, 97)
    colors = squashed(numbers)
    assert colors.dtype == np.float32
    np.testing.assert_allclose(colors, 255 * special.expit(numbers), rtol=1e-6)
    slope = 255 * special.expit(numbers) * special.expit(-numbers)
    np.testing.assert_allclose(unsquashed(colors, np.ones(97)), slope, atol=1e-4)
    # As far out as numbers ever get there is a color still.
    assert np.isfinite(squashed(np.array([-80.0, 80.0], np.float32))).all()
    assert rounded(np.array([0.2, 0.7, 254.6], np.float32)).tolist() == [0, 1, 255]


# -- views


@pytest.mark.parametrize("side", [1, 2, 7])
def test_a_view_is_scipys_bilinear_interpolation(side):
    random = np.random.default_rng(side)
    canvases = frozen(random.random((2, side, side, 3)))
    rows, columns = frozen(random.uniform(-1, side, (2, 4, 4)))
    seen = View(rows, columns, side).of(canvases)
    for canvas, picture in zip(canvases, seen, strict=True):
        for color in range(3):
            expected = ndimage.map_coordinates(
                canvas[..., color], [rows, columns], order=1, mode="nearest"
            )
            np.testing.assert_allclose(picture[..., color], expected, rtol=0, atol=1e-6)


def test_a_view_turns_scales_and_shifts_about_the_middle():
    canvas = Frequencies(8)
    assert canvas.canvas_side == 10
    # The color of a place says where it is.
    places = np.stack([*np.meshgrid(np.arange(10.0), np.arange(10.0), indexing="ij")], axis=-1)
    colors = np.concatenate([places, np.zeros((10, 10, 1))], axis=-1)[None]
    upright = canvas.view(Pose(0, 1, (0, 0))).of(colors)
    np.testing.assert_allclose(upright, canvas.middle(colors))
    shifted = canvas.view(Pose(0, 1, (0.5, -0.5))).of(colors)
    np.testing.assert_allclose(shifted - upright, np.broadcast_to([1, -1, 0], upright.shape))
    turned = canvas.view(Pose(0.1, 0.9, (0, 0))).of(colors)[0, ..., :2] - 4.5
    lengths = np.hypot(*turned.transpose(2, 0, 1)) / np.hypot(*(upright[0, ..., :2] - 4.5).T)
    np.testing.assert_allclose(lengths, 0.9, rtol=1e-6)
    flat = Pixels(8).view(POSE).of(colors[:, :8, :8])
    np.testing.assert_array_equal(flat, colors[:, :8, :8])


def test_poses_are_of_the_seed_and_within_their_bounds():
    poses = [next(one) for one in [views([3, 1])] for _ in range(200)]
    again, other = views([3, 1]), views([4, 1])
    assert poses == [next(again) for _ in poses]
    assert poses[0] != next(other)
    turns, scales = (np.array([getattr(pose, of) for pose in poses]) for of in ("turn", "scale"))
    shifts = np.array([pose.shift for pose in poses])
    for values, least, most in [
        (np.rad2deg(turns), -10, 10),
        (scales, 0.9, 1.1),
        (shifts, -0.5, 0.5),
    ]:
        reach = 0.1 * (most - least)
        assert least <= values.min() < least + reach
        assert most - reach < values.max() <= most


def test_adam_is_that_of_keras():
    keras = import_keras()
    random = np.random.default_rng(0)
    begin = frozen(random.standard_normal((4, 5)).astype(np.float32))
    ours, theirs = Adam(begin), keras.Variable(begin)
    optimizer = keras.optimizers.Adam(0.05, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    for _ in range(20):
        gradient = frozen(random.standard_normal((4, 5)).astype(np.float32))
        ours.climb(gradient)
        optimizer.apply([-gradient], [theirs])
    assert ours.numbers.dtype == np.float32
    np.testing.assert_allclose(ours.numbers, np.asarray(theirs), rtol=0, atol=1e-5)
