"""The attribution of a value on the page."""

import re

import numpy as np
import pytest

from tests.export.test_scripts import assert_complete
from tests.support.attribution_array import array_of
from tests.support.pages import network_of, open_page
from tests.support.thin import outcome
from tests.support.truth import LAYER, MAPS, NEVER_ACTIVE, Overflowing, StandIn, number
from tests.ui.widgets.test_export_menu import layer_maps
from vgg_viz.export.scripts import write_script
from vgg_viz.interpretability.attribution import attribution_pass
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    attribute,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.feature_visualization.top_patches import crop_patch
from vgg_viz.interpretability.receptive_field import value_stages
from vgg_viz.links import read
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.preprocessing import MEAN_COLOR
from vgg_viz.serving import results
from vgg_viz.ui.parts.value_attribution import ValueAttribution, with_padding
from vgg_viz.ui.state.shared_instance import shared as serving
from vgg_viz.ui.widgets import grid

CHECK = "attribution-check"
VALUE = {**MAPS, "channel": "5", "row": "1", "column": "9"}


def attributed(truth, back_to, method="input_x_gradient", network="imagenet", channel=5):
    """Attribute the value on the page, or that of another map, with one of the page's networks."""
    built = serving().loaders[network].network().result()
    spec = AttributionSpec(LAYER, channel, 0, 8, back_to, method)
    return outcome(attribute(built, truth.pictures["cat"], spec))[0]


def tiles(page):
    """Return the header that the grid's component got."""
    return page.inspected("attributions")


@pytest.mark.parametrize("back_to", ["The pixels", "3 · block2_conv1"])
def test_the_page_shows_that_input_x_gradient_sums_to_the_value(back_to, truth):
    page = open_page(**VALUE, back_to=back_to)
    total, biases, together, value = map(number, page.figures)
    assert together == pytest.approx(value, rel=1e-4)
    assert any("The sum matches" in one.value for one in page.success)
    assert total + biases == pytest.approx(value, rel=1e-3)
    found = attributed(truth, read(page.link)["back_to"])
    assert value == pytest.approx(found.value, rel=1e-4)
    if back_to != "The pixels":
        header = tiles(page)
        adding, taking = (np.argsort(sign * found.by_map)[:8] + 1 for sign in (-1, 1))
        assert header["numbers"] == [*adding, *taking]
        assert [one.split(":")[0] for one in header["titles"]] == list(map(str, header["numbers"]))
    # The decomposition of one convolution has the same value: its sum before ReLU.
    page = page.choose("tab", "decomposition")
    assert "attributions" not in page.payloads
    assert number(page.figures[2]) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("method", ATTRIBUTION_METHODS.values(), ids=lambda method: method.name)
def test_every_method_has_a_grid_and_its_sum(method):
    page = open_page(**VALUE, back_to="The pixels", attribution=method.name)
    assert tiles(page)["name"].startswith(f"{method.label} with respect to the pixels, ")
    terms = method.terms
    assert len(page.figures) == (3 + len(terms) if terms else 0)
    converged = any("points, the sum is within 1%" in one.value for one in page.success)
    assert converged == (method.name == "integrated_gradients")


def test_each_complete_level_is_shown_while_integrated_gradients_are_refined(monkeypatch):
    monkeypatch.setattr(attribution_pass, "CONVERGED", -1)
    monkeypatch.setattr(results, "TIME_SLICE_SECONDS", 0)
    levels, show = [], grid.show

    def recorded(cache, tiles, placement):
        levels.append((placement.name, tiles.values.copy()))
        show(cache, tiles, placement)

    monkeypatch.setattr(grid, "show", recorded)
    value = {**VALUE, "row": "2"}  # not yet cached
    page = open_page(**value, back_to="The pixels", attribution="integrated_gradients")
    shown_levels = {name: values for name, values in levels if name.startswith("attributions")}
    assert list(shown_levels) == [
        *(f"attributions-{points}-points" for points in (9, 17, 33)),
        "attributions",
    ]
    # Only the last is left; each is closer to it than the one before.
    assert [name for name in page.payloads if name.startswith("attributions")] == ["attributions"]
    *before, final = shown_levels.values()
    errors = [np.linalg.norm(values - final) for values in before]
    assert errors[0] > errors[-1] > 0
    # It has not converged, which the page says with the difference.
    assert not any("points, the sum" in one.value for one in page.success)
    assert any("With 65 points, the sum differs by" in one.value for one in page.info)
    stages = re.search(r"9 points .*, 17 points .*, 33 points .*, 65 points (\S+)", page.texts)
    total, value = map(number, page.figures[-2:])
    assert number(stages[1]) == pytest.approx(abs(total - value), abs=1e-3 * abs(value))


def test_a_later_layer_is_no_target():
    page = open_page(**VALUE, back_to="2 · block1_conv2")
    page.choose("layer", "block1_conv2")
    assert page.shown("back_to") == "step"
    assert "back_to" not in page.link
    assert open_page(**VALUE, back_to="5 · block3_conv1").shown("back_to") == "step"


def test_lrp_says_if_a_value_is_not_above_zero():
    value = {**VALUE, "channel": str(NEVER_ACTIVE[0])}
    page = open_page(**value, back_to="The pixels", attribution="lrp")
    assert any("LRP needs a value above 0" in one.value for one in page.info)
    assert "attributions" not in page.payloads


def test_lrp_is_checked_against_an_active_map_of_the_untrained_network(truth):
    page = open_page(**VALUE, back_to="The pixels", attribution="lrp", sanity="true")
    network = serving().loaders["untrained"].network().result()
    values = network.feature_maps(truth.pictures["cat"], LAYER.name)[:, 0, 8]
    title = page.inspected(CHECK)["titles"][2].split(":")[0]
    expected = "untrained" if values[4] > 0 else f"untrained, map {values.argmax() + 1}"
    assert title == expected


@pytest.mark.parametrize("method", ["Guided backpropagation", "Gradient"])
def test_the_sanity_check_shows_another_map_and_an_untrained_network(method, truth):
    page = open_page(**VALUE, back_to="The pixels", attribution=method)
    # Always, for methods that are known to fail it.
    assert (CHECK in page.payloads) == (method != "Gradient")
    if method == "Gradient":
        page.choose("sanity", True)
        assert read(page.link)["sanity"]
    header = page.inspected(CHECK)
    there = truth.maps(LAYER.name)[:, 0, 8].copy()
    there[4] = -1
    other = int(there.argmax()) + 1
    name = "gradient" if method == "Gradient" else "guided_backpropagation"
    found = [
        attributed(truth, "input", name, network, channel).values.ravel()
        for network, channel in (("imagenet", 5), ("imagenet", other), ("untrained", 5))
    ]
    wanted = [np.corrcoef(found[0], one)[0, 1] for one in found[1:]]
    names = ["map 5", f"map {other}", "untrained"]
    assert [title.split(":")[0] for title in header["titles"]] == names
    shown_numbers = [number(title.split(":")[1]) for title in header["titles"][1:]]
    assert shown_numbers == pytest.approx(wanted, abs=0.006)
    assert "[Adebayo et al. 2018]" in page.texts
    assert ("photograph’s edges" in page.texts) == (method != "Gradient")


@pytest.mark.parametrize("place", [(0, 0), (6, 7), (13, 2)])
def test_attributions_lie_over_their_pixels_and_are_zero_beyond_the_border(place):
    layer = VGG19.conv_layer("block5_conv4")
    spec = AttributionSpec(layer, 1, *place, "input")
    # Neighboring pixels differ, so that a shift would be found.
    picture = np.arange(3 * 224 * 224, dtype=np.int64).reshape(224, 224, 3) % 251 + 1
    area = value_stages(layer, *place)[0].input_area
    rows, columns = (slice(*side) for side in area)
    found = Attribution(np.moveaxis(picture, -1, 0)[:, rows, columns], area, 0.0)
    square = np.moveaxis(with_padding(found.values, found, spec), 0, -1)
    photograph = crop_patch(picture.astype(np.uint8), layer, *place)
    assert square.shape == photograph.shape
    inside = square.any(axis=-1)
    np.testing.assert_array_equal(square[inside], photograph[inside])
    assert inside.sum() == found.values[0].size
    assert (photograph[~inside] == MEAN_COLOR).all()


@pytest.mark.parametrize(
    ("back_to", "method", "preprocessing"),
    [
        ("input", "input_x_gradient", "rgb"),
        ("input", "guided_backpropagation", "caffe"),
        ("input", "integrated_gradients", "caffe"),
        ("block1_conv2", "gradient", "rgb"),
    ],
)
def test_the_export_has_the_array_that_its_script_reproduces(
    back_to, method, preprocessing, biased_network, photograph
):
    """`array_of` is what scripts are held against in tests/export/test_scripts.py."""
    maps = layer_maps(biased_network.preprocessed(preprocessing), photograph, "block2_conv1")
    traced = ValueAttribution(maps, AttributionSpec(maps.layer, 5, 0, 111, back_to, method))
    run, (name, (array, _)) = traced.script_run(), next(iter(traced.grid().arrays().items()))
    assert run.name == name
    assert run.arguments.get("points", 0) == traced.result().points
    assert_complete(write_script([run]))
    np.testing.assert_allclose(
        array, array_of(run, traced.spec, traced.result()), rtol=1e-5, atol=1e-7
    )


class Dead(StandIn):
    """Weights for which the first layer is inactive."""

    identity = "dead"

    def read(self, layer_name):
        kernel, bias = super().read(layer_name)
        first = layer_name == "block1_conv1"
        return (0 * kernel, bias - 10) if first else (kernel, bias)


@network_of(Dead())
def test_the_page_says_if_all_attributions_are_zero():
    page = open_page(**VALUE, back_to="The pixels", lecture="true")
    # Biases activate the layers after the inactive one.
    for back_to, is_zero in {"input": True, "block1_conv1": True, "block2_conv2": False}.items():
        page.choose("back_to", back_to)
        assert ("attributions" not in page.payloads) == is_zero
        assert any("All attributions are zero" in one.value for one in page.info) == is_zero
        page.choose("lecture", False)


def test_overflow_ends_in_a_sentence():
    with network_of(Overflowing()):
        page = open_page(**VALUE, back_to="The pixels")
    assert "overflow float32" in page.warning[0].value
    assert "attributions" not in page.payloads
