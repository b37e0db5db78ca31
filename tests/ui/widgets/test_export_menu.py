"""Exports of each view: arrays, tables, captions and scripts of what it shows."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from tests.export.test_scripts import assert_complete, parameter
from tests.support.pages import open_page
from tests.support.truth import LAYER, MAPS, StandIn, ordered, silent
from vgg_viz.export.formats import FORMATS, Export, ExportFormat
from vgg_viz.export.scripts import write_script
from vgg_viz.export.sheets import sheet_of
from vgg_viz.image_io import images
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import ClassNames
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared
from vgg_viz.ui import state
from vgg_viz.ui.parts.comparison import make_pair
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.predictions import Predictions
from vgg_viz.ui.parts.value_attribution import ValueAttribution
from vgg_viz.ui.widgets import export_menu, stored_pictures
from vgg_viz.ui.widgets.class_list import ClassTarget
from vgg_viz.ui.widgets.controls import Appearance


def encode(name, export):
    return FORMATS[name].encode(export)


def arrays_of(export):
    with np.load(io.BytesIO(encode("npz", export))) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(arrays.pop("metadata.json"))


def csv_rows(export):
    return list(csv.DictReader(io.StringIO(encode("csv", export).decode("utf-8-sig"), newline="")))


def assert_captions(export, caption):
    """Assert that an export's picture and script contain its caption; return the script."""
    assert sheet_of(export).lines[0].startswith(caption)
    script = encode("py", export).decode()
    assert_complete(script)
    assert caption.split(" · 9 of")[0] in script
    assert export.link in script
    return script


def test_files_of_maps_hold_the_maps_shown(offered, truth):
    maps = truth.maps(LAYER.name)
    numbers = ordered(maps, "mean", 256)
    open_page(**MAPS, maps="256", order="Mean")
    (export,) = offered.values()
    arrays, described = arrays_of(export)
    assert list(arrays) == ["maps"]
    np.testing.assert_array_equal(arrays["maps"], maps[np.array(numbers) - 1], strict=True)
    (grid,) = described["grids"].values()
    assert grid["titles"] == [str(number) for number in numbers]
    caption = (
        f"{LAYER.title} · ImageNet · Cat (stretched) · 256 of 256 maps shown, largest mean first"
    )
    assert grid["caption"].startswith(caption)
    assert described["link"] == export.link
    assert described["arrays"] == {"maps": "map 256 × row 56 × column 56, float32"}
    rows = csv_rows(export)
    assert [int(row["map"]) for row in rows] == numbers
    inactive = [int(row["map"]) for row in rows if row["inactive"] == "yes"]
    assert sorted(inactive) == silent(maps)
    script = assert_captions(export, caption)
    (run,) = parameter(script, "ARRAYS").values()
    assert (run["layer"], run["maps"]) == ("block3_conv1", numbers)


def test_the_files_of_filters_are_their_kernels(offered):
    open_page(view="Filters", layer=LAYER.title, filters="20", filter_page="2")
    export = offered["kernels"]
    kernel = StandIn().read(LAYER.name)[0].transpose(3, 2, 0, 1)
    arrays, described = arrays_of(export)
    np.testing.assert_array_equal(arrays["filters"], kernel[16:20, :8], strict=True)
    assert described["grids"]["filters"]["titles"][:2] == ["17-1", "17-2"]
    numbers = [(int(row["filter"]), int(row["channel"])) for row in csv_rows(export)]
    assert numbers == [*product(range(17, 21), range(1, 9))]
    assert described["arrays"]["filters"] == "filter 4 × channel 8 × row 3 × column 3, float32"
    assert_captions(export, f"{LAYER.title} · ImageNet · 4 of {LAYER.filters} filters")


def test_files_of_filters_as_colors_hold_images_and_their_largest_weights(offered):
    layer = VGG19.conv_layers[0]
    open_page(view="Filters", layer=layer.title)
    export = offered["filter-colors"]
    kernel = StandIn().read(layer.name)[0]  # height, width, blue to red, filters
    arrays, described = arrays_of(export)
    largest = arrays["colors_largest_weight"]
    np.testing.assert_array_equal(largest, np.abs(kernel).max(axis=(0, 1, 2)), strict=True)
    shown = (arrays["colors"][..., ::-1] / 127.5 - 1) * largest[:, None, None, None]
    np.testing.assert_allclose(shown, np.moveaxis(kernel, -1, 0), atol=largest.max() / 250)
    assert described["arrays"] == {
        "colors": "filter 64 × row 3 × column 3 × color 3, uint8",
        "colors_largest_weight": "filter 64, float32",
    }
    rows = csv_rows(export)
    assert list(rows[0]) == ["panel", "filter", "largest_weight"]
    assert [int(row["filter"]) for row in rows] == [*range(1, 65)]
    assert [np.float32(row["largest_weight"]) for row in rows] == largest.tolist()
    script = assert_captions(export, f"{layer.title} · ImageNet · all 64 filters")
    assert parameter(script, "ARRAYS")["colors"]["in_color"] is True


def layer_maps(network, photograph, layer):
    picture = InputImage("Cat", "", images.png(photograph), "cat", "crop")
    return LayerMaps(Results(Shared(limit=None)), network, picture, VGG19.conv_layer(layer))


@pytest.mark.parametrize("shown_as", ["side", "difference"])
def test_files_of_a_comparison_are_both_sides_or_their_difference(
    shown_as, biased_network, photograph
):
    layer = "block1_conv1"
    this = layer_maps(biased_network, photograph, layer)
    wrong = biased_network.preprocessed("rgb", wrongly=True)
    pair = make_pair((this, replace(this, network=wrong)), 9, "variance")
    grids = partial(pair.grids, shown_as, Appearance("layer", "gray"))
    export = Export("A title", grids, pair.script_runs, "https://example.org/")
    sides = [one.feature_maps(photograph, layer) for one in (biased_network, wrong)]
    numbers = ordered(sides[0], "variance", 9)
    first, second = (side[np.array(numbers) - 1] for side in sides)
    difference = {"difference": second - first}
    expected = {"this": first, "other": second} if shown_as == "side" else difference
    arrays, described = arrays_of(export)
    assert list(arrays) == list(expected)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
    assert [int(row["map"]) for row in csv_rows(export)] == numbers * len(expected)
    captions = [described["grids"][name]["caption"] for name in expected]
    assert all("9 of 64 maps shown" in one for one in captions)
    assert ("minus" in captions[0]) == (shown_as == "difference")
    assert captions[-1] in sheet_of(export).lines
    script = assert_captions(export, captions[0])
    runs = parameter(script, "ARRAYS")
    used = {name: (one["preprocessing"], one["maps"]) for name, one in runs.items()}
    assert used == {"this": ("caffe", numbers), "other": ("rgb", numbers)}


def test_evidence_and_important_maps_have_their_classes_and_drops(
    biased_network, photograph, monkeypatch
):
    random = np.random.default_rng(0)
    values = random.standard_normal((9, 14, 14)).astype(np.float32)
    effects = random.standard_normal(512).astype(np.float32)
    monkeypatch.setattr(Predictions, "evidence", lambda _, method, index: values[index])
    monkeypatch.setattr(Predictions, "map_effects", lambda _, target: effects)
    maps = layer_maps(biased_network, photograph, "block5_conv4")
    names = ClassNames(tuple(f"class {number}" for number in "abcdefgh"))
    predictions, target = Predictions(maps, UntrainedDense(19), names), ClassTarget(7, 3)
    shown = predictions.evidence_grid(["gradcam"], target)
    export = Export("Evidence", lambda: [shown], list, "https://example.org/")
    rows = csv_rows(export)
    assert [(row["class"], row["class_name"]) for row in rows] == [
        ("7", "class h"),
        ("3", "class d"),
        ("", "Difference"),
    ]
    assert [np.float32(row["minimum"]) for row in rows[:2]] == [values[7].min(), values[3].min()]
    arrays, described = arrays_of(export)
    np.testing.assert_array_equal(arrays["gradcam"][2], values[7] - values[3])
    assert described["grids"]["gradcam"]["texts"]["class"] == [7, 3, None]
    assert "values near zero are transparent" in sheet_of(export).lines[1]
    maps_shown = predictions.important_maps_grid(target, "for", [5, 1])
    assert maps_shown.figures["logit_drop"].tolist() == effects[[4, 0]].tolist()
    script = write_script([predictions.evidence_run("gradcam", target)])
    assert_complete(script)
    (run,) = parameter(script, "ARRAYS").values()
    assert (run["weights"], run["preprocessing"]) == ("untrained", "caffe")
    assert (run["method"], run["classes"]) == ("gradcam", [7, 3])


def test_attributions_have_their_value_and_each_maps_contribution(biased_network, photograph):
    maps = layer_maps(biased_network, photograph, "block2_conv1")
    to_maps, to_pixels = (
        ValueAttribution(maps, AttributionSpec(maps.layer, 5, 0, 111, back_to, "gradient")).grid()
        for back_to in ("block1_conv2", "input")
    )
    sums = to_maps.values.sum(axis=(1, 2))
    np.testing.assert_allclose(to_maps.figures["contribution"], sums, rtol=1e-3, atol=1e-6)
    (row,) = csv_rows(Export("", lambda: [to_pixels], list, ""))
    assert (row["channel"], row["row"], row["column"]) == ("5", "1", "112")
    activation = maps.values()[4, 0, 111]
    assert max(float(row["value"]), 0) == pytest.approx(activation, rel=1e-4)


@pytest.mark.parametrize("own", [True, False])
def test_files_are_encoded_on_request_and_links_lack_the_viewers_own_picture(own, monkeypatch):
    monkeypatch.setattr(ExportFormat, "encode", partial(pytest.fail, "a file was encoded"))
    page = open_page(**MAPS, picture="Your own" if own else "Cat")
    assert not page.get("download_button")
    page.choose("export-maps", True)
    labels = [file_format.label for file_format in FORMATS.values()]
    assert [button.label for button in page.get("download_button")] == labels
    note = "The files link to this view; the link does not include your own picture."
    assert (note in page.captions) == own


def test_a_file_is_made_from_the_values_that_the_page_showed(monkeypatch, caplog):
    given = {}
    monkeypatch.setattr(
        st, "download_button", lambda label, data, *_, **__: given.setdefault(label, data)
    )
    read = ("layer", "maps", "tour")
    monkeypatch.setattr(export_menu, "open_file", lambda *_: [state.value(name) for name in read])
    page = open_page(**MAPS, maps="9", tour="8")
    page.choose("export-maps", True)
    with ThreadPoolExecutor() as threads:
        shown = threads.submit(given[FORMATS["png"].label]).result()
    assert shown == [LAYER.name, 9, 8]
    names = {record.threadName for record in caplog.records}
    assert names <= {"MainThread"}  # Streamlit would warn of a state that all viewers share


def test_names_are_replaced_by_ids_or_numbers(monkeypatch, tmp_path):
    own = {number: images.DecodedImage(title, {}) for number, title in ((1, "猫"), (2, "Tom"))}
    monkeypatch.setattr(stored_pictures, "stored", lambda: own)
    (tmp_path / "猫と犬.png").touch()
    monkeypatch.setenv("VGG_VIZ_PICTURES", str(tmp_path))
    monkeypatch.setenv("VGG_VIZ_NETWORKS", f"鳥={tmp_path / 'a.keras'}")
    classes = ClassNames(("鹤", "起重机", "鹤"), ("n1", "", "n3"))
    assert export_menu.substitutes(classes) == {
        "猫": "own picture 1",
        "Tom": "own picture 2",
        "猫と犬": "host picture 1",
        "鳥": "own network 1",
        "鹤": "n1 or n3",
        "起重机": "class 1",
    }


@pytest.mark.usefixtures("known_patches")
def test_scripts_of_top_patches_have_all_arguments(offered):
    open_page(view="Feature visualization", layer=LAYER.title)
    (export,) = offered.values()
    script = encode("py", export).decode()
    assert_complete(script)
    (run,) = parameter(script, "ARRAYS").values()
    assert (run["layer"], run["searched"], run["each"]) == (LAYER.name, [0, 1], 1)


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("http://localhost:8501/?tour=3", "/?view=maps"),
        ("http://127.0.0.1:8501/viz/", "/viz/?view=maps"),
        ("http://localhost:8501", "/?view=maps"),
        ("https://vgg.example.org", "https://vgg.example.org/?view=maps"),
        # So Streamlit says it, though the browser's address has a slash.
        ("https://vgg.example.org/viz", "https://vgg.example.org/viz/?view=maps"),
        ("https://vgg.example.org/viz/?view=filters", "https://vgg.example.org/viz/?view=maps"),
        ("", "/?view=maps"),
    ],
)
def test_files_name_the_path_of_a_view_that_only_this_machine_serves(url, link, monkeypatch):
    monkeypatch.setattr(export_menu.st, "context", SimpleNamespace(url=url))
    monkeypatch.setattr("vgg_viz.ui.state.values.link", lambda **_: "view=maps")
    assert export_menu.link_to_view() == link


def test_the_menu_offers_slides_for_images_and_pages_alone(monkeypatch):
    page = open_page(**MAPS, maps="4").choose("export-maps", True)
    offered = []
    monkeypatch.setattr(
        export_menu.st, "download_button", lambda *values, **_: offered.append(values)
    )
    page.choose("export-maps-shape", "16:9")
    names = [file_name for _, _, file_name, _ in offered]
    ends = ["16-9.png", "16-9.pdf", "16-9.svg", "conv1.npz", "conv1.csv", "conv1.py"]
    assert all(name.endswith(end) for name, end in zip(names, ends, strict=True)), names
    assert {encode.args[1].shape.name for _, encode, _, _ in offered} == {"16:9"}
