"""Two images, networks or preprocessings beside each other, and their difference."""

import numpy as np
import pytest

from tests.support.pages import open_page, unavailable, weights_from
from tests.support.truth import COMPARED, LAYER, MAPS, SUBJECTS, assert_shown, both, ordered
from vgg_viz.export.number_format import figure
from vgg_viz.fields import HALVES

INSPECTORS = ("inspector-0", "inspector-1")


def compare(kind, **more):
    return open_page(**MAPS, maps="9", compare=kind, **more)


@pytest.mark.parametrize("kind", COMPARED)
def test_two_grids_show_the_same_maps_on_common_scales(kind, truth):
    this, other = both(truth, kind)
    page = compare(kind, order="maximum", channel="12")
    page.choose("tab", "statistics")
    for half, maps in zip(HALVES, (this, other), strict=True):
        value_range = f"from {figure(maps[11].min())} to {figure(maps[11].max())}"
        assert value_range in page.choose("half", half).texts
    page.choose("tab", "decomposition")
    headings = [f"**{heading}**" for heading in COMPARED[kind]]
    assert [part.value for part in page.main.markdown if part.value in headings] == headings
    assert ("A common mistake" in page.texts) == (kind == "preprocessing")
    numbers = ordered(this, "maximum", 9)
    this, other = this[np.array(numbers) - 1], other[np.array(numbers) - 1]
    whole = both(truth, kind)
    ends = {
        "pair": [
            np.minimum(this.min(axis=(1, 2)), other.min(axis=(1, 2))),
            np.maximum(this.max(axis=(1, 2)), other.max(axis=(1, 2))),
        ],
        "layer": [min(maps.min() for maps in whole), max(maps.max() for maps in whole)],
        "own": [None, None],
    }
    scale_texts = {
        "pair": "one scale for both tiles of a pair",
        "layer": "one scale for the whole layer",
        "own": "each tile on its own scale",
    }
    assert [heading.value for heading in page.main.subheader] == list(COMPARED[kind])
    for scale, limits in ends.items():
        page.choose("pair_scale", scale)
        assert set(page.payloads) == {"copy-link", "compared-this", "compared-other", *INSPECTORS}
        for name, maps in (("compared-this", this), ("compared-other", other)):
            header, tiles = page.tiles(name)
            assert header["numbers"] == numbers
            assert_shown(tiles, maps, *limits)
        lines = [line for line in page.captions if line.startswith(LAYER.title)]
        assert len(lines) == 2
        for line, subject in zip(lines, SUBJECTS[kind], strict=True):
            assert f"{LAYER.title} · {subject} · 9 of 256 maps shown" in line
            assert scale_texts[scale] in line
    assert not page.info


def test_the_maps_that_differ_most_come_first(truth):
    this, other = both(truth, "network")
    page = compare("network", order="difference")
    differences = np.abs(other.astype(np.float64) - this).mean(axis=(1, 2))
    numbers = (np.argsort(-differences, kind="stable")[:9] + 1).tolist()
    for name in ("compared-this", "compared-other"):
        assert page.tiles(name)[0]["numbers"] == numbers
    assert "9 of 256 maps shown, largest difference first" in page.texts
    page.choose("compare", "none")
    assert page.shown("order") == "number"


@pytest.mark.parametrize("kind", COMPARED)
def test_a_difference_is_the_other_less_this_around_zero(kind, truth):
    this, other = both(truth, kind)
    page = compare(kind, shown_as="difference")
    values = other[:9] - this[:9]
    largest = np.abs(values).max(axis=(1, 2))
    assert values.min() < 0 < values.max()
    for scale, limit in (("pair", largest), ("layer", largest.max()), ("own", largest)):
        page.choose("pair_scale", scale)
        assert page.shown("pair_scale") == ("pair" if scale == "own" else scale)
        assert set(page.payloads) == {"copy-link", "compared-difference", *INSPECTORS}
        header, tiles = page.tiles("compared-difference")
        assert header["numbers"] == list(range(1, 10))
        assert_shown(tiles, values, -limit, limit)
    first, second = COMPARED[kind]
    assert [part.value for part in page.main.subheader] == [f"Difference: {second} minus {first}"]
    first, second = SUBJECTS[kind]
    assert f"{LAYER.title} · {second} minus {first} · 9 of 256 maps shown" in page.texts
    assert "blue: lower, red: higher" in page.texts


@pytest.mark.parametrize(
    ("kind", "layer"),
    [("picture", LAYER.name), ("network", LAYER.name), ("preprocessing", "block1_conv1")],
)
def test_value_of_either_side_is_decomposed(kind, layer):
    value = {"layer": layer, "channel": "12", "row": "1", "column": "9", "maps": "9"}
    page = open_page(view="maps", compare=kind, **value)
    for name, half in zip(INSPECTORS, HALVES, strict=True):
        assert "after ReLU" in page.inspected(name)["sum"]
        page.choose("half", half)
        assert "the sum matches" in page.success[0].value
        assert not page.error


def test_image_compared_with_itself_is_identical():
    page = compare("picture").choose("other", "cat")
    assert "Both sides are identical" in page.info[0].value
    assert "another picture" in page.info[0].value
    page.choose("shown_as", "difference")
    header, _ = page.tiles("compared-difference")
    assert header["flat"] == [1] * 9
    page.choose("other", "coffee")
    assert not page.info


def test_without_weights_both_networks_are_untrained():
    with weights_from(unavailable):
        page = compare("network")
        assert "only the untrained network" in page.info[0].value
        assert [part.value for part in page.main.subheader] == ["Untrained", "Untrained"]
        assert "· ImageNet ·" not in page.texts
        page = page.choose("shown_as", "difference")
        assert "· ImageNet ·" not in page.texts


def test_untrained_network_is_compared_with_the_trained_one():
    page = compare("network", network="untrained")
    assert [part.value for part in page.main.subheader] == ["Untrained", "ImageNet"]
