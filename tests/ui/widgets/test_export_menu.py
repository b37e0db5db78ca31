"""Exports of each view: arrays, tables, images and scripts."""

import ast
import csv
import io
import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from tests.export.test_scripts import assert_near
from tests.export.test_scripts import run as run_script
from tests.support.pages import captions, choose, open_page
from tests.support.thin import outcome
from tests.support.truth import COMPARED, LAYER, MAPS, SUBJECTS, StandIn, both, ordered, silent
from vgg_viz import samples
from vgg_viz.export.formats import FORMATS, Export, ExportFormat
from vgg_viz.export.scripts import EvidenceRun
from vgg_viz.export.sheets import sheet_of
from vgg_viz.image_io import images
from vgg_viz.interpretability.ablation import ablate, later_maps
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import export_menu
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.ui.widgets.grid import Grid


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
        arrays = {name: file[name] for name in file.files if name != "about"}
        return arrays, json.loads(str(file["about"]))


def csv_rows(export):
    return list(csv.DictReader(io.StringIO(encode("csv", export).decode("utf-8-sig"), newline="")))


def assert_numbers(export, expected):
    """Assert that the CSV has NumPy's statistics of arrays (n, s, s) with these numbers."""
    rows = csv_rows(export)
    assert len(rows) == sum(len(numbers) for _, numbers in expected)
    wanted = [
        (number, map_)
        for maps, numbers in expected
        for number, map_ in zip(numbers, maps, strict=True)
    ]
    for row, (number, map_) in zip(rows, wanted, strict=True):
        values = map_.astype(np.float64)
        assert int(row.get("map") or row["filter"]) == number
        assert np.float32(row["minimum"]) == map_.min()
        assert np.float32(row["maximum"]) == map_.max()
        assert float(row["mean"]) == pytest.approx(values.mean(), rel=1e-4, abs=1e-6)
        assert float(row["variance"]) == pytest.approx(values.var(), rel=1e-3, abs=1e-9)
        assert float(row["active_share"]) == pytest.approx((values > 0).mean())
        assert row["inactive"] == ("no" if (values > 0).any() else "yes")


def assert_files(export, caption):
    """Assert that an export's PNG, PDF and script contain its caption."""
    picture = Image.open(io.BytesIO(encode("png", export)))
    assert 800 <= picture.width <= 2400
    assert np.unique(np.asarray(picture.convert("L"))).size > 20
    assert picture.text["Title"] == export.title
    assert picture.text["Description"].startswith(caption)
    assert picture.text["Source"] == export.link
    assert encode("pdf", export).startswith(b"%PDF-")
    script = encode("py", export).decode()
    ast.parse(script)
    assert caption.split(" · 9 of")[0] in script
    assert export.link in script
    return script


def test_files_of_maps_hold_the_maps_shown(offered, truth):
    maps = truth.maps(LAYER.name)
    numbers = ordered(maps, "mean", 9)
    (export,) = offered(**MAPS, maps="9", order="Mean").values()
    arrays, about = arrays_of(export)
    assert list(arrays) == ["maps"]
    np.testing.assert_array_equal(arrays["maps"], maps[np.array(numbers) - 1], strict=True)
    assert about["maps_titles"].split() == [str(number) for number in numbers]
    caption = (
        f"{LAYER.title} · ImageNet · Cat (stretched) · 9 of 256 maps shown, largest mean first"
    )
    assert about["maps_caption"].startswith(caption)
    assert about["link"] == export.link
    assert about["arrays"] == {"maps": "map 9 × row 56 × column 56, float32"}
    assert_numbers(export, [(arrays["maps"], numbers)])
    script = assert_files(export, caption)
    assert f"[{', '.join(map(str, numbers))}]" in script
    assert "'block3_conv1'" in script


def test_inactive_maps_are_marked_in_the_table(offered, truth):
    (export,) = offered(**MAPS, maps="256").values()
    rows = csv_rows(export)
    assert [int(row["map"]) for row in rows if row["inactive"] == "yes"] == silent(
        truth.maps(LAYER.name)
    )


@pytest.mark.parametrize("kind", COMPARED)
def test_the_files_of_a_comparison_are_both_sides(kind, offered, truth):
    query = MAPS | {"maps": "9", "order": "Variance", "compare": kind}
    (export,) = offered(**query).values()
    maps, others = both(truth, kind)
    numbers = ordered(maps, "variance", 9)
    sides = [side[np.array(numbers) - 1] for side in (maps, others)]
    arrays, about = arrays_of(export)
    assert list(arrays) == ["this", "other"]
    for array, side in zip(arrays.values(), sides, strict=True):
        np.testing.assert_array_equal(array, side, strict=True)
    for name, subject in zip(arrays, SUBJECTS[kind], strict=True):
        assert f" · {subject} · 9 of 256 maps shown" in about[f"{name}_caption"]
    assert_numbers(export, [(side, numbers) for side in sides])
    script = assert_files(export, f"{LAYER.title} · {SUBJECTS[kind][0]} · 9 of 256")
    assert SUBJECTS[kind][1] in script
    assert "'this': feature_maps(" in script
    assert "'other': feature_maps(" in script
    assert ("def rgb(" in script) == (kind == "preprocessing")


@pytest.mark.parametrize("shown_as", ["Side by side", "Difference"])
def test_files_of_ablation_hold_both_sides_or_their_difference(shown_as, offered):
    export = offered(**MAPS, maps="4", ablated="5,12", shown_as=shown_as)["ablation"]
    arrays, about = arrays_of(export)
    later = shared().loaders["imagenet"].network().result()
    source, wanted = VGG19.conv_layer(LAYER.name), VGG19.conv_layer("block3_conv2")
    maps = later.feature_maps(images.load_image(samples.sample_bytes("cat")), source.name)
    sides = [
        outcome(later_maps(later, source, ablate(maps, numbers), wanted))[0]
        for numbers in ([], [5, 12])
    ]
    numbers = [int(row["map"]) for row in csv_rows(export)][:16]
    assert len(set(numbers)) == 16
    before, without = (side[np.array(numbers) - 1] for side in sides)
    if shown_as == "Difference":
        assert_near(arrays.pop("difference"), without - before)
    else:
        assert_near(arrays.pop("before"), before)
        assert_near(arrays.pop("without"), without)
        caption = about["without_caption"]
        assert "without maps 5 and 12 of block3_conv1 · number and mean change" in caption
    assert not arrays
    script = assert_files(export, "6 · block3_conv2 · ImageNet · Cat (stretched)")
    assert "ablated(untrained(), 'block3_conv1', (5, 12))" in script
    assert ("arrays['difference'] = arrays['without'] - arrays['before']" in script) == (
        shown_as == "Difference"
    )


def test_the_files_of_a_difference_are_the_difference(offered, truth):
    query = MAPS | {"maps": "9", "compare": "Another picture", "shown_as": "Difference"}
    (export,) = offered(**query).values()
    this, other = both(truth, "picture")
    arrays, about = arrays_of(export)
    np.testing.assert_array_equal(arrays["difference"], other[:9] - this[:9], strict=True)
    assert "Raccoon (stretched) minus ImageNet · Cat (stretched)" in about["difference_caption"]
    assert_numbers(export, [(arrays["difference"], range(1, 10))])
    picture = np.asarray(Image.open(io.BytesIO(encode("png", export))).convert("RGB")).astype(int)
    assert (picture[..., 0] - picture[..., 2]).max() > 50  # red
    assert (picture[..., 2] - picture[..., 0]).max() > 50  # blue


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


@pytest.mark.parametrize("layer", [VGG19.conv_layers[0], LAYER], ids=lambda layer: layer.name)
def test_the_files_of_filters_are_their_kernels(layer, offered):
    found = offered(view="Filters", layer=layer.title, filters="20", filter_page="2")
    export = found["kernels"]
    kernel = StandIn().read(layer.name)[0].transpose(3, 2, 0, 1)
    channels = min(8, layer.channels)
    arrays, about = arrays_of(export)
    np.testing.assert_array_equal(arrays["filters"], kernel[16:20, :channels], strict=True)
    assert about["filters_titles"].split()[:2] == ["17-1", "17-2"]
    numbers = [number for number in range(17, 21) for _ in range(channels)]
    assert_numbers(export, [(arrays["filters"].reshape(-1, 3, 3), numbers)])
    shown = [int(row["channel"]) for row in csv_rows(export)]
    assert shown == [*range(1, channels + 1)] * 4
    assert (
        about["arrays"]["filters"] == f"filter 4 × channel {channels} × row 3 × column 3, float32"
    )
    script = assert_files(export, f"{layer.title} · ImageNet · 4 of {layer.filters} filters")
    assert "range(17, 21)" in script


def test_files_of_filters_as_colors_hold_images_and_their_largest_weights(offered):
    layer = VGG19.conv_layers[0]
    export = offered(view="Filters", layer=layer.title)["filter-colors"]
    kernel = StandIn().read(layer.name)[0]  # height, width, blue to red, filters
    arrays, about = arrays_of(export)
    largest = arrays["colors_largest_weight"]
    np.testing.assert_array_equal(largest, np.abs(kernel).max(axis=(0, 1, 2)), strict=True)
    shown = (arrays["colors"][..., ::-1] / 127.5 - 1) * largest[:, None, None, None]
    np.testing.assert_allclose(shown, np.moveaxis(kernel, -1, 0), atol=largest.max() / 250)
    assert about["arrays"] == {
        "colors": "filter 64 × row 3 × column 3 × color 3, uint8",
        "colors_largest_weight": "filter 64, float32",
    }
    rows = csv_rows(export)
    assert list(rows[0]) == ["panel", "filter", "largest_weight"]
    assert [int(row["filter"]) for row in rows] == [*range(1, 65)]
    assert [np.float32(row["largest_weight"]) for row in rows] == largest.tolist()
    script = assert_files(export, f"{layer.title} · ImageNet · all 64 filters")
    assert "as_colors(read_filters(" in script


def test_the_files_of_evidence_lie_over_the_photograph(photograph):
    values = np.random.default_rng(0).standard_normal((2, 14, 14)).astype(np.float32)
    shown = Grid(
        values,
        ["Grad-CAM · tabby", "Grad-CAM · tench"],
        [281, 0],
        "evidence",
        "Evidence · block5_conv4",
        name="evidence",
        axes={"class": [281, 0]},
        value_range=ValueRange(-3, 3),
        appearance=Appearance("layer", "RdBu_r"),
        photograph=photograph,
    )
    runs = [EvidenceRun("evidence", "untrained", "caffe", photograph, "gradcam", [281, 0])]
    export = Export("Evidence", lambda: [shown], lambda: runs, "https://a.org/", False)
    arrays, about = arrays_of(export)
    np.testing.assert_array_equal(arrays["evidence"], values, strict=True)
    assert about["arrays"]["evidence"] == "class 2 × row 14 × column 14, float32"
    assert about["evidence_titles"] == "Grad-CAM · tabby, Grad-CAM · tench"
    assert [row["class"] for row in csv_rows(export)] == ["281", "0"]
    script = assert_files(export, "Evidence · block5_conv4")
    assert "'evidence': class_activation_maps(" in script
    assert "values near zero are transparent" in sheet_of(export).lines[1]
    (panel,) = sheet_of(export).panels
    assert panel.photograph is photograph


def test_the_files_of_blocks_are_each_blocks_maps(offered, truth):
    found = offered(view="Blocks", blocks=["2", "5"], block_maps="9", order="Mean")
    assert list(found) == ["block-2", "block-5"]
    for block, export in zip((2, 5), found.values(), strict=True):
        layer = VGG19.block_ends[block - 1]
        maps = truth.maps(layer.name)
        numbers = ordered(maps, "mean", 9)
        arrays, _ = arrays_of(export)
        np.testing.assert_allclose(
            arrays["maps"], maps[np.array(numbers) - 1], rtol=1e-4, atol=1e-4
        )
        assert_numbers(export, [(arrays["maps"], numbers)])
        assert_files(export, f"{layer.title} · ImageNet · Cat (stretched) · 9 of {layer.filters}")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (MAPS, "maps"),
        (MAPS | {"compare": "Wrong preprocessing"}, "comparison"),
        ({"view": "Filters"}, "kernels"),
        ({"view": "Blocks", "blocks": "3"}, "block-3"),
    ],
    ids=["maps", "comparison", "kernels", "block"],
)
def test_files_are_encoded_only_on_request(query, name, monkeypatch):
    monkeypatch.setattr(ExportFormat, "encode", partial(pytest.fail, "a file was encoded"))
    page = open_page(**query)
    assert not page.get("download_button")
    choose(page, f"export-{name}", True)
    assert [button.label for button in page.get("download_button")] == [
        file_format.label for file_format in FORMATS.values()
    ]
    assert not [line for line in captions(page) if "own picture" in line]


def test_the_menu_says_that_links_lack_the_viewers_own_picture():
    page = choose(open_page(**MAPS, picture="Your own"), "export-maps", True)
    assert "The files link to this view; the link does not include your own picture." in captions(
        page
    )
