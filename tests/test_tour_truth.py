"""Whether the page's own tours are true, measured without the page."""

import re

import numpy as np
import pytest
from scipy import ndimage

from tests.support import slow
from tests.support.photographs import load_image, sample_bytes
from tests.support.thin import outcome
from tests.test_tours import named_in
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, attribute
from vgg_viz.interpretability.decomposition import previous_conv
from vgg_viz.interpretability.experiments.changes import ChosenChange
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.model.architecture import VGG19
from vgg_viz.samples import SAMPLES
from vgg_viz.tour_list import built_in


def step_asking(words):
    (step,) = (step for step in built_in().steps if words in step.words.question)
    return step


def answered(step):
    """Return the map that the answer names first."""
    return int(re.match(r"\*\*Map (\d+)\.\*\*", step.words.answer)[1])


def shown(network, step):
    """Return the step's image as float RGB (224, 224, 3), and the maps that it shows."""
    pixels = load_image(sample_bytes(step.page["picture"]))
    maps = network.feature_maps(pixels, step.page["layer"])[: step.page["maps"]]
    return pixels.astype(float), maps.astype(float)


def edges(pixels):
    """Return the horizontal and vertical change of brightness, two arrays (224, 224)."""
    brightness = pixels @ (0.299, 0.587, 0.114)
    return [ndimage.sobel(brightness, axis) for axis in (1, 0)]


def shrunk(values, side):
    factor = len(values) // side
    return values.reshape(side, factor, side, factor).mean(axis=(1, 3))


def correlations(maps, pattern):
    """Correlate each map with a pattern (224, 224); 0 for a constant map."""
    small = shrunk(pattern, maps.shape[1]).ravel()
    return np.array([np.corrcoef(one.ravel(), small)[0, 1] if np.ptp(one) else 0 for one in maps])


def best(scores):
    """Return the map with the highest score, which must be highest by at least a tenth."""
    first, second = np.sort(scores)[:-3:-1]
    assert first > 1.1 * max(second, 0)
    return int(np.argmax(scores)) + 1


def test_the_named_map_responds_to_horizontal_edges(trained_network):
    step = step_asking("horizontal")
    pixels, maps = shown(trained_network, step)
    rightwards, downwards = edges(pixels)
    across, upright = (correlations(maps, abs(edge)) for edge in (downwards, rightwards))
    assert answered(step) == best(across) == best(across - upright)
    # Bright above and dark below: brightness falls downwards, and not the other way.
    assert answered(step) == best(correlations(maps, (-downwards).clip(0)))
    own = maps[answered(step) - 1]
    assert own[downwards < -100].mean() > 5 * own[downwards > 100].mean()


@pytest.mark.parametrize("network", ["trained_network", "untrained_network"])
def test_on_turned_bricks_the_named_map_shows_the_long_joints(request, network):
    step = step_asking("Which ones does it show now")
    words = step.words if network == "trained_network" else step.untrained
    (number,) = words.outlined
    assert f"Map {number} showed the short joints" in words.question
    upright = load_image(sample_bytes(step.page["picture"]))
    turned = change_pixels(upright, ChosenChange(step.page["change"], step.page["amount"]))
    assert np.array_equal(turned, np.rot90(upright, -1))
    maps = request.getfixturevalue(network).feature_maps(turned, step.page["layer"])[:16]
    # The long joints now run across, where brightness changes from top to bottom.
    scores = [correlations(maps, abs(edge))[number - 1] for edge in edges(turned.astype(float))]
    assert scores[1] > 0.3
    assert scores[1] > 3 * max(scores[0], 0)


def test_the_named_map_responds_to_vertical_edges(trained_network):
    step = step_asking("vertical")
    pixels, maps = shown(trained_network, step)
    rightwards, downwards = edges(pixels)
    upright, across = (correlations(maps, abs(edge)) for edge in (rightwards, downwards))
    assert answered(step) == best(upright) == int(np.argmax(upright - across)) + 1
    assert np.argsort(upright)[-2] + 1 == 11
    # Bright on the left and dark on the right.
    assert answered(step) == best(correlations(maps, -rightwards))
    # The stripes that the text points at: the first and the third square of the first row.
    first, third = (maps[:, 3:25, left : left + 22].mean(axis=(1, 2)) for left in (3, 59))
    assert first[answered(step) - 1] > 5 * third[answered(step) - 1]
    assert all(first[n] < 5 * third[n] for n in range(16) if n != answered(step) - 1 and third[n])


def test_the_named_map_responds_to_blue_and_the_other_to_white_too(trained_network):
    step = step_asking("blue")
    pixels, maps = shown(trained_network, step)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    scores = correlations(maps, blue - (red + green) / 2)
    assert answered(step) == best(scores) == 3
    assert np.argsort(scores)[-2] + 1 == 5
    # Places in the photograph, read off it: the wall, the collar with the shirt, the coat.
    wall, coat = maps[:, 40:110, 180:220], maps[:, 195:215, 40:80]
    shirt = maps[:, 120:190, 86:146][:, pixels[120:190, 86:146].min(axis=-1) > 220]
    assert np.median(wall[2]) > 2 * np.median(shirt[2])
    assert np.median(shirt[2]) < 1.1 * np.median(coat[2])
    assert np.median(shirt[4]) > 0.9 * np.median(wall[4])


# The bowl of the spoon on the saucer, in pixels, read off it: top, bottom, left, right.
SPOON = (133, 186, 118, 154)
# The cat's eyes, in pixels of the picture, read off it: top, bottom, left, right.
EYES = ((64, 110, 67, 103), (82, 122, 147, 172))


def in_eyes(side):
    """Return which positions of a map lie in each of the cat's eyes, two arrays (side, side)."""
    y, x = (np.mgrid[:side, :side] + 0.5) * 224 / side
    return [
        (top <= y) & (y <= bottom) & (left <= x) & (x <= right) for top, bottom, left, right in EYES
    ]


def test_attributions_are_as_the_tour_says(trained_network, untrained_network):
    guided = "guided_backpropagation"
    (step,) = (one for one in built_in().steps if one.page.get("attribution") == guided)
    page = step.page
    layer, (row, column) = VGG19.conv_layer(page["layer"]), (page["row"] - 1, page["column"] - 1)
    pixels, maps = shown(trained_network, step)
    own = maps[page["channel"] - 1]
    assert own[row, column] == own.max()
    assert in_eyes(len(own))[1][row, column]
    pixels = pixels.astype(np.uint8)
    strong = trained_network.feature_maps(pixels, layer.name)[:, row, column].copy()
    strong[page["channel"] - 1] = -1
    other = int(strong.argmax()) + 1

    def attributed(network, channel, method):
        spec = AttributionSpec(layer, channel, row, column, "input", method)
        return outcome(attribute(network, pixels, spec))[0]

    found = [
        attributed(network, channel, guided)
        for network in (trained_network, untrained_network)
        for channel in (page["channel"], other)
    ]
    like = [np.corrcoef(found[0].values.ravel(), one.values.ravel())[0, 1] for one in found]
    assert f"(correlation {like[1]:.2f})" in step.words.answer
    # Much like the untrained network's, and there two maps' are all but the same.
    assert like[2] > 0.6
    assert np.corrcoef(found[2].values.ravel(), found[3].values.ravel())[0, 1] > 0.95
    # Without training, the map is zero there, and the value before ReLU is negative.
    assert "map 6 of block 3 is 0, since its value before ReLU is negative" in step.untrained.text
    assert attributed(untrained_network, page["channel"], "input_x_gradient").value < 0
    added = attributed(trained_network, page["channel"], "input_x_gradient")
    biases = sum(added.biases.values())
    numbers = [f"{number:,.0f}" for number in (added.total, biases, added.value)]
    assert all(number in step.words.answer for number in numbers)


def test_the_named_map_responds_to_both_eyes(trained_network):
    step = step_asking("both eyes")
    _, maps = shown(trained_network, step)
    one, other = in_eyes(maps.shape[1])
    outside = maps[:, ~(one | other)].max(axis=1)
    weaker = np.minimum(maps[:, one].max(axis=1), maps[:, other].max(axis=1))
    assert answered(step) == best(weaker / outside)
    assert answered(step) == best(maps[:, one | other].sum(axis=1) / maps.sum(axis=(1, 2)))
    strongest = np.argsort(maps[answered(step) - 1], axis=None)[-20:]
    assert (one | other).ravel()[strongest].all()


def test_without_training_one_map_keeps_the_short_joints_and_none_follows_one_direction(
    untrained_network,
):
    step = step_asking("horizontal")
    pixels, maps = shown(untrained_network, step)
    upright, across = (correlations(maps, abs(edge)) for edge in edges(pixels))
    assert step.untrained.outlined == (best(across - upright),) == (best(across),) == (15,)
    pixels, maps = shown(untrained_network, step_asking("vertical"))
    upright, _ = (correlations(maps, abs(edge)) for edge in edges(pixels))
    # As the trained network's does: 0.75, five times as bright in one square as in the other.
    assert upright.max() < 0.6
    first, third = (maps[:, 3:25, left : left + 22].mean(axis=(1, 2)) for left in (3, 59))
    bright = upright > 0.4
    assert (first[bright] < 5 * third[bright]).all()


def test_without_training_the_wall_is_black_in_one_map_and_gray_in_another(untrained_network):
    step = step_asking("blue")
    assert "black in map 1 and gray in map 12" in step.untrained.text
    _, maps = shown(untrained_network, step)
    wall = np.median(maps[:, 40:110, 180:220], axis=(1, 2)) / maps.max(axis=(1, 2))
    assert wall[0] == 0
    assert 0.1 < wall[11] < 0.5


@pytest.mark.slow
def test_a_badge_and_a_spoon_activate_the_named_map_more_than_eyes_do(trained_network):
    step = step_asking("detect eyes")
    layer = VGG19.conv_layer(step.page["layer"])
    names = [sample.name for sample in SAMPLES]
    pictures = [load_image(sample_bytes(name)) for name in names]
    maps = [
        trained_network.feature_maps(pixels, layer.name)[step.page["channel"] - 1]
        for pixels in pictures
    ]
    order = np.argsort([-one.max() for one in maps])
    assert [names[index] for index in order[:4]] == ["astronaut", "coffee", "cat", "raccoon"]
    # The spoon's bowl on the saucer, read off the photograph: rows, columns.
    spoon = maps[names.index("coffee")]
    row, column = np.unravel_index(spoon.argmax(), spoon.shape)
    assert SPOON[0] <= 4 * row <= SPOON[1]
    assert SPOON[2] <= 4 * column <= SPOON[3]
    cats = maps[names.index("cat")]
    one, other = in_eyes(len(cats))
    assert (one | other)[np.unravel_index(cats.argmax(), cats.shape)]


@pytest.mark.parametrize("asked", ["both eyes", "untrained"])
def test_without_training_map_6_is_nearly_black_and_map_8_shows_the_cat(untrained_network, asked):
    step = step_asking(asked)
    assert step.untrained.outlined == (6, 8)
    if asked == "untrained":
        assert "such as map 8" in step.words.answer
        assert step.words.outlined == (6, 8)
    pixels, maps = shown(untrained_network, step)
    lit = maps[5] > 0.2 * maps[5].max()
    assert lit.mean() < 0.03
    assert lit[1:-1, 1:-1].sum() < lit.sum() / 2
    assert correlations(maps, pixels @ (0.299, 0.587, 0.114))[7] > 0.3
    # No map has the eyes, and little else.
    one, other = in_eyes(maps.shape[1])
    assert (maps[:, one | other].sum(axis=1) / maps.sum(axis=(1, 2))).max() < 0.25


# -- the tour of any picture, measured on all samples


YOUR_PICTURE = built_in("your-picture")
SHOWN_FIRST = ("cat", "hopper")
ALL_SAMPLES = [
    *SHOWN_FIRST,
    *slow(*(sample.name for sample in SAMPLES if sample.name not in SHOWN_FIRST)),
]


def your_step(title):
    (step,) = (step for step in YOUR_PICTURE.steps if step.title.startswith(title))
    return step


def test_the_tour_of_your_picture_names_none_and_asks_in_every_step():
    assert len(YOUR_PICTURE.steps) == 8
    for step in YOUR_PICTURE.steps:
        assert not {"picture", "fit", "own_from"} & set(step.page)
        assert step.words.answer
        assert (step.network == "imagenet") == bool(step.untrained)
        assert not named_in(step.words.answer) or step.network == "imagenet"
        assert tuple(named_in(step.words.answer)) == step.words.outlined


def test_numbers_in_the_tour_of_your_picture_match_the_architecture():
    second, eighth, last = (VGG19.conv_layers[index] for index in (1, 7, 15))
    assert (second.receptive_field, eighth.receptive_field, eighth.channels) == (5, 48, 256)
    assert last.output_shape[0] * last.output_shape[1] == 196
    assert last.receptive_field > VGG19.input_side
    pages = [step.page for step in YOUR_PICTURE.steps]
    assert {page["layer"] for page in pages if "layer" in page} == {second.name, eighth.name}
    words = " ".join(step.words.text + step.words.answer for step in YOUR_PICTURE.steps)
    for part in ("5 × 5", "48 × 48", "256 maps", "196", "1,000 classes", "56 × 56 and 14 × 14"):
        assert part in words
    middle = your_step("What a value sums").page
    assert middle["row"] == middle["column"] == eighth.output_shape[0] // 2


@pytest.mark.parametrize("name", ALL_SAMPLES)
def test_one_map_shows_edges_that_are_bright_above_and_dark_below(trained_network, name):
    step = your_step("Block 1")
    pixels = load_image(sample_bytes(name))
    maps = trained_network.feature_maps(pixels, step.page["layer"])[: step.page["maps"]]
    _, downwards = edges(pixels.astype(float))
    assert answered(step) == best(correlations(maps.astype(float), (-downwards).clip(0)))
    own = maps[answered(step) - 1]
    assert own[downwards < -100].mean() > 30 * own[downwards > 100].mean()


@pytest.mark.parametrize("name", ALL_SAMPLES)
@pytest.mark.parametrize("network", ["trained_network", *slow("untrained_network")])
def test_no_map_and_no_pixel_alone_decides_the_value_in_the_middle(request, network, name):
    network, pixels = request.getfixturevalue(network), load_image(sample_bytes(name))
    page = your_step("What a value sums").page
    layer, place = VGG19.conv_layer(page["layer"]), page["row"] - 1
    before = network.feature_maps(pixels, previous_conv(layer).name)
    kernel = network.model.get_layer(layer.name).get_weights()[0][..., page["channel"] - 1]
    patch = before[:, place - 1 : place + 2, place - 1 : place + 2]
    terms = np.einsum("cij,ijc->c", patch.astype(float), kernel.astype(float))
    assert abs(terms).max() < 0.1 * abs(terms).sum()
    assert terms.min() < 0 < terms.max()
    spec = AttributionSpec(layer, page["channel"], place, place, "input", "input_x_gradient")
    values = outcome(attribute(network, pixels, spec))[0].values
    assert abs(values).max() < 0.1 * abs(values).sum()
    assert values.min() < 0 < values.max()


def test_without_its_colors_a_gray_picture_stays_as_it_is():
    page = your_step("Change your picture").page
    change = ChosenChange(page["change"], page["amount"])
    pixels = load_image(sample_bytes("hopper"))
    gray = np.repeat(pixels[..., :1], 3, axis=-1)
    assert np.array_equal(change_pixels(gray, change), gray)
    assert not np.ptp(change_pixels(pixels, change), axis=-1).any()
