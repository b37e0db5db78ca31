"""Exports of each view: arrays, tables, captions and scripts of what it shows."""

import ast
import csv
import io
import json
from functools import partial

import numpy as np
import pytest

from tests.export.test_scripts import assert_near
from tests.export.test_scripts import run as run_script
from tests.support.pages import captions, choose, open_page
from tests.support.thin import outcome
from tests.support.truth import LAYER, MAPS, SUBJECTS, StandIn, both, ordered, silent
from vgg_viz import samples
from vgg_viz.export.formats import FORMATS, Export, ExportFormat
from vgg_viz.export.sheets import sheet_of
from vgg_viz.image_io import images
from vgg_viz.interpretability.ablation import ablate, later_maps
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import ClassNames
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import export_menu, own_pictures
from vgg_viz.ui.widgets.own_pictures import StoredPicture


@pytest.fixture
def offered(monkeypatch):
    """Open a page and get what its exports are made of, under their names."""
    found = {}

    def offer(name, title, grids, runs):
        found[name] = Export(title, grids, runs, "https://example.org/?maps=9", False)

    def open_and_catch(**query):
        found.clear()
        open_page(**query)
        return dict(found)

    monkeypatch.setattr(export_menu, "offer", offer)
    return open_and_catch


def encode(name, export):
    return FORMATS[name].encode(export)


def arrays_of(export):
    with np.load(io.BytesIO(encode("npz", export))) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(arrays.pop("metadata.json"))


def csv_rows(export):
    return list(csv.DictReader(io.StringIO(encode("csv", export).decode("utf-8-sig"), newline="")))


def assert_numbers(export, expected):
    """Assert that the CSV has the extremes of arrays (n, s, s) with these numbers."""
    rows = csv_rows(export)
    wanted = [pair for maps, numbers in expected for pair in zip(numbers, maps, strict=True)]
    for row, (number, map_) in zip(rows, wanted, strict=True):
        assert int(row.get("map") or row["filter"]) == number
        assert np.float32(row["minimum"]) == map_.min()
        assert np.float32(row["maximum"]) == map_.max()
        assert row["inactive"] == ("no" if (map_ > 0).any() else "yes")


def assert_captions(export, caption):
    """Assert that an export's picture and script contain its caption; return the script."""
    assert sheet_of(export).lines[0].startswith(caption)
    script = encode("py", export).decode()
    ast.parse(script)
    assert caption.split(" · 9 of")[0] in script
    assert export.link in script
    return script


def test_files_of_maps_hold_the_maps_shown(offered, truth):
    maps = truth.maps(LAYER.name)
    numbers = ordered(maps, "mean", 256)
    (export,) = offered(**MAPS, maps="256", order="Mean").values()
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
    assert_numbers(export, [(arrays["maps"], numbers)])
    inactive = [int(row["map"]) for row in csv_rows(export) if row["inactive"] == "yes"]
    assert sorted(inactive) == silent(maps)
    script = assert_captions(export, caption)
    assert f"[{', '.join(map(str, numbers[:3]))}" in script
    assert "'block3_conv1'" in script


def test_the_files_of_a_comparison_are_both_sides(offered, truth):
    query = MAPS | {"maps": "9", "order": "Variance", "compare": "preprocessing"}
    (export,) = offered(**query).values()
    numbers = ordered(truth.maps(LAYER.name), "variance", 9)
    sides = [side[np.array(numbers) - 1] for side in both(truth, "preprocessing")]
    arrays, described = arrays_of(export)
    assert list(arrays) == ["this", "other"]
    for array, side in zip(arrays.values(), sides, strict=True):
        np.testing.assert_array_equal(array, side, strict=True)
    subjects = SUBJECTS["preprocessing"]
    for name, subject in zip(arrays, subjects, strict=True):
        assert f" · {subject} · 9 of 256 maps shown" in described["grids"][name]["caption"]
    assert_numbers(export, [(side, numbers) for side in sides])
    script = assert_captions(export, f"{LAYER.title} · {subjects[0]} · 9 of 256")
    for part in (subjects[1], "'this': feature_maps(", "'other': feature_maps(", "def rgb("):
        assert part in script


def test_the_files_of_a_difference_are_the_difference(offered, truth):
    query = MAPS | {"maps": "9", "compare": "Another picture", "shown_as": "Difference"}
    (export,) = offered(**query).values()
    this, other = both(truth, "picture")
    arrays, described = arrays_of(export)
    np.testing.assert_array_equal(arrays["difference"], other[:9] - this[:9], strict=True)
    caption = described["grids"]["difference"]["caption"]
    assert "Raccoon (stretched) minus ImageNet · Cat (stretched)" in caption
    assert_numbers(export, [(arrays["difference"], range(1, 10))])
    assert "def rgb(" not in assert_captions(export, caption)


@pytest.mark.parametrize("shown_as", ["Side by side", "Difference"])
def test_files_of_ablation_hold_both_sides_or_their_difference(shown_as, offered):
    export = offered(**MAPS, maps="4", ablated="5,12", shown_as=shown_as)["ablation"]
    arrays, described = arrays_of(export)
    later = shared().loaders["imagenet"].network().result()
    source, wanted = VGG19.conv_layer(LAYER.name), VGG19.conv_layer("block3_conv2")
    maps = later.feature_maps(images.load_image(samples.sample_bytes("cat")), source.name)
    sides = [
        outcome(later_maps(later, source, ablate(maps, numbers), wanted))[0]
        for numbers in ([], [5, 12])
    ]
    rows = csv_rows(export)[-16:]
    numbers = [int(row["map"]) for row in rows]
    assert len(set(numbers)) == 16
    before, without = (side[np.array(numbers) - 1] for side in sides)
    changes = np.abs(without - before).mean(axis=(1, 2))
    name = "difference" if shown_as == "Difference" else "without"
    np.testing.assert_allclose(arrays.pop(f"{name}_mean_change"), changes, rtol=1e-4)
    shown = [float(row["mean_change"]) for row in rows]
    np.testing.assert_allclose(shown, changes, rtol=1e-4)
    if shown_as == "Difference":
        assert_near(arrays.pop("difference"), without - before)
    else:
        assert_near(arrays.pop("before"), before)
        assert_near(arrays.pop("without"), without)
        caption = described["grids"]["without"]["caption"]
        assert "without maps 5 and 12 of block3_conv1 · number and mean change" in caption
    assert not arrays
    script = assert_captions(export, "6 · block3_conv2 · ImageNet · Cat (stretched)")
    assert "ablated(untrained(), 'block3_conv1', (5, 12))" in script
    assert ("arrays['difference'] = arrays['without'] - arrays['before']" in script) == (
        shown_as == "Difference"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shown_as", "names"),
    [("Side by side", ["this", "other"]), ("Difference", ["difference"])],
)
def test_the_script_of_a_comparison_makes_the_arrays_of_its_file(
    shown_as, names, offered, tmp_path
):
    query = MAPS | {"maps": "9", "network": "Untrained", "compare": "Another picture"}
    (export,) = offered(**query, shown_as=shown_as).values()
    file = tmp_path / "exported.npz"
    file.write_bytes(encode("npz", export))
    arrays, _ = arrays_of(export)
    assert list(arrays) == names
    made, said = run_script(encode("py", export).decode(), tmp_path, file)
    for name, array in arrays.items():
        assert_near(made[name], array)
        assert f"{name} (9, 56, 56): largest difference" in said


def test_the_files_of_filters_are_their_kernels(offered):
    found = offered(view="Filters", layer=LAYER.title, filters="20", filter_page="2")
    export = found["kernels"]
    kernel = StandIn().read(LAYER.name)[0].transpose(3, 2, 0, 1)
    arrays, described = arrays_of(export)
    np.testing.assert_array_equal(arrays["filters"], kernel[16:20, :8], strict=True)
    assert described["grids"]["filters"]["titles"][:2] == ["17-1", "17-2"]
    numbers = [number for number in range(17, 21) for _ in range(8)]
    assert_numbers(export, [(arrays["filters"].reshape(-1, 3, 3), numbers)])
    assert [int(row["channel"]) for row in csv_rows(export)] == [*range(1, 9)] * 4
    assert described["arrays"]["filters"] == "filter 4 × channel 8 × row 3 × column 3, float32"
    script = assert_captions(export, f"{LAYER.title} · ImageNet · 4 of {LAYER.filters} filters")
    assert "range(17, 21)" in script


def test_files_of_filters_as_colors_hold_images_and_their_largest_weights(offered):
    layer = VGG19.conv_layers[0]
    export = offered(view="Filters", layer=layer.title)["filter-colors"]
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
    assert "as_colors(read_filters(" in script


def test_the_files_of_blocks_are_each_blocks_maps(offered, truth):
    found = offered(view="Blocks", blocks=["2", "5"], block_maps="9", order="Mean")
    assert list(found) == ["block-2", "block-5"]
    for block, export in zip((2, 5), found.values(), strict=True):
        layer = VGG19.block_ends[block - 1]
        maps = truth.maps(layer.name)
        numbers = ordered(maps, "mean", 9)
        arrays, _ = arrays_of(export)
        expected = maps[np.array(numbers) - 1]
        np.testing.assert_allclose(arrays["maps"], expected, rtol=1e-4, atol=1e-4)
        assert_numbers(export, [(arrays["maps"], numbers)])
        assert_captions(
            export, f"{layer.title} · ImageNet · Cat (stretched) · 9 of {layer.filters}"
        )


def test_files_are_encoded_only_on_request(monkeypatch):
    monkeypatch.setattr(ExportFormat, "encode", partial(pytest.fail, "a file was encoded"))
    page = open_page(**MAPS)
    assert not page.get("download_button")
    choose(page, "export-maps", True)
    labels = [file_format.label for file_format in FORMATS.values()]
    assert [button.label for button in page.get("download_button")] == labels
    assert not [line for line in captions(page) if "own picture" in line]


def test_the_menu_says_that_links_lack_the_viewers_own_picture():
    page = choose(open_page(**MAPS, picture="Your own"), "export-maps", True)
    assert "The files link to this view; the link does not include your own picture." in captions(
        page
    )


def test_names_are_replaced_by_ids_or_numbers(monkeypatch):
    own = [StoredPicture(title, {}, {}) for title in ("猫", "Tom")]
    monkeypatch.setattr(own_pictures, "stored", lambda: own)
    classes = ClassNames(("鹤", "起重机", "鹤"), ("n1", "", "n3"))
    assert export_menu.substitutes(classes) == {
        "猫": "own picture 1",
        "Tom": "own picture 2",
        "鹤": "n1 or n3",
        "起重机": "class 1",
    }
