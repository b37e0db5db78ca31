"""Optimized images on the page: their progress, beside top patches, exported and pasted."""

import ast
import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.export.test_scripts import optimization_run
from tests.support.invented_peaks import INACTIVE, position
from tests.support.pages import open_page
from tests.support.photographs import load_image, sample_bytes
from tests.support.truth import number
from vgg_viz import samples
from vgg_viz.export.formats import FORMATS
from vgg_viz.interpretability.feature_visualization.optimization import OptimizedImage, paste_image
from vgg_viz.interpretability.feature_visualization.top_patches import crop_patch
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.optimization_worker import OptimizationWorker, Progress
from vgg_viz.serving.results import Results
from vgg_viz.ui.parts import optimized_images, pasted_image
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.views import visualization_view

LAYER = VGG19.layer("block1_conv2")
SIDE = LAYER.receptive_field
IMAGES = samples.SAMPLES[:2]
pytestmark = pytest.mark.usefixtures("known_patches")
OPTIMIZED = {"view": "visualization", "examples": "optimized", "layer": LAYER.name, "images": "4"}
STEPS = 40
GRAY = 128


def pixels_of(name):
    return load_image(sample_bytes(name))


def bright(channel, step):
    """Return the color of a channel's image after so many steps."""
    return (20 * channel + step) % 256


@dataclass
class FakeWorker:
    """A stand-in for the worker: images at the step that a test sets, and the requests for them.

    At the last step, an image's value is four times that of the channel's top patch.
    """

    step: int = 0
    seconds_left: float | None = None
    failure: str = ""
    never: Collection[int] = ()
    requests: list = field(default_factory=list)

    def request(self, spec, channels):
        self.requests.append((spec, [*channels]))
        progress = self.progress(spec, channels)
        missing = [] if self.failure else progress.missing
        return replace(progress, failure=self.failure, missing=missing)

    def progress(self, spec, channels):
        started = [one for one in channels if self.step and one not in self.never]
        missing = [one for one in channels if one not in started or self.step < STEPS]
        pictures = {one: self.picture(one) for one in started}
        return Progress(pictures, missing, self.seconds_left)

    def picture(self, channel):
        pixels = np.full((SIDE, SIDE, 3), bright(channel, self.step), np.uint8)
        return OptimizedImage(pixels, 40.0 * channel * self.step / STEPS, self.step, STEPS)

    def take_requests(self):
        """Return the requests since the last call."""
        requests, self.requests = self.requests, []
        return requests


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    worker = FakeWorker()
    monkeypatch.setattr(OptimizationWorker, "request", worker.request)
    monkeypatch.setattr(OptimizationWorker, "progress", worker.progress)
    return worker


def tiles_of(page, name="optimized-grid"):
    """Return a grid's header and its tiles, RGB."""
    header, tiles = page.tiles(name)
    return header, [np.asarray(tile.convert("RGB")) for tile in tiles]


def progress_of(page):
    """Return the progress bar's text and percentage, or None without a bar."""
    bars = page.get("progress")
    return (bars[0].proto.text, bars[0].proto.value) if bars else None


def caption_of(page):
    (caption,) = (one for one in page.captions if " · optimized images, " in one)
    return caption


def buttons(page):
    return [button.label for button in page.main.button if button.key == "optimization-toggle"]


def test_images_are_shown_from_the_start_to_the_end(worker, monkeypatch):
    """A grid with unfinished images is drawn into the transient cache."""
    calls, cached_drawing = [], Results.cached_drawing

    def recorded(results, key, draw, *, transient):
        calls.append(transient)
        return cached_drawing(results, key, draw, transient=transient)

    monkeypatch.setattr(Results, "cached_drawing", recorded)
    page = open_page(**OPTIMIZED)
    header, tiles = tiles_of(page)
    assert header["titles"] == ["1", "2", "3", "4"]
    assert header["lines"] == ["not started"] * 4
    assert all((tile == GRAY).all() for tile in tiles)
    assert progress_of(page) == ("Optimizing images…", 0)
    assert buttons(page) == ["Stop"]
    assert page.has_pulse("optimization-pulse")
    assert "4 of 64 channels · 0 finished" in caption_of(page)
    worker.step, worker.seconds_left = 10, 11.7
    header, tiles = tiles_of(page.run())
    assert header["titles"] == [f"{channel} · 25% done" for channel in range(1, 5)]
    assert header["lines"][0] == "10 before ReLU\n1× the top patch (10)\nstep 10 of 40"
    inactive = "30 before ReLU\ninactive on all of this page's images\nstep 10 of 40"
    assert header["lines"][2] == inactive
    for channel, tile in enumerate(tiles, start=1):
        assert tile.shape == (SIDE, SIDE, 3)
        assert (tile == bright(channel, 10)).all()
    assert progress_of(page) == ("Optimizing images: about 12 s left", 25)
    assert page.has_pulse("optimization-pulse")
    assert calls == [True, True]
    worker.step = STEPS
    header, _ = tiles_of(page.run())
    assert header["titles"] == ["1 · 40 · 4×", "2 · 80 · 4×", "3 · 120", "4 · 160 · 4×"]
    assert header["lines"][1] == "80 before ReLU\n4× the top patch (20)"
    assert (progress_of(page), buttons(page)) == (None, [])
    assert not page.has_pulse("optimization-pulse")
    assert " finished" not in caption_of(page)
    assert "top patches from this page's 2 images (not ImageNet)" in caption_of(page)
    assert calls[2:] == [False]
    # Only viewers who saw the progress see its end.
    assert "Finished." in page.captions
    assert "Finished." not in page.choose("seed", 2).captions


def test_stop_requests_no_more_until_continue(worker, offered):
    worker.step = 10
    page = open_page(**OPTIMIZED)
    worker.take_requests()
    page.press("optimization-toggle")
    assert not worker.take_requests()
    assert progress_of(page) == ("Stopped", 25)
    assert not offered  # unfinished images are not exported
    assert not page.has_pulse("optimization-pulse")
    assert tiles_of(page)[0]["titles"][0] == "1 · 25% done"
    # It applies to these images only.
    assert buttons(page.choose("channel", 2)) == ["Continue"]  # to look at it, as far as it is
    assert buttons(page.choose("channel", 60)) == ["Stop"]
    page.choose("channel", None)
    assert buttons(page.choose("seed", 5)) == ["Stop"]
    assert buttons(page.choose("seed", 1)) == ["Continue"]
    worker.take_requests()
    page.press("optimization-toggle")
    assert worker.take_requests()
    assert buttons(page) == ["Stop"]
    assert page.has_pulse("optimization-pulse")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "…"),
        (0.2, "1 s left"),
        (89.4, "89 s left"),
        (170.0, "3 minutes left"),
        (195 * 60.0, "3 hours left"),
    ],
)
def test_time_left_is_formatted(seconds, words):
    assert optimized_images.time_left(seconds) == (f": about {words}" if seconds else words)


def test_request_follows_the_controls(worker):
    page = open_page(**OPTIMIZED)
    ((spec, channels), *_) = worker.take_requests()
    settings = (spec.network.label, spec.layer, spec.seed, spec.parametrization)
    assert settings == ("ImageNet", LAYER, 1, "regularized")
    assert channels == [1, 2, 3, 4]
    assert "Olah" in page.texts
    assert page.number_input(key="seed").label == "Seed (1 to 9,999)"
    for changed, value in {"seed": 7, "parametrization": "pixels", "network": "untrained"}.items():
        page.choose(changed, value)
    spec, _ = worker.take_requests()[-1]
    assert (spec.network.label, spec.seed, spec.parametrization) == ("untrained", 7, "pixels")
    assert "untrained · 4 of 64" in caption_of(page)
    assert "plain pixels, seed 7" in caption_of(page)
    assert "Olah" not in page.texts
    page.choose("seed", None)
    assert worker.take_requests()[-1][0].seed == 1


def test_two_networks_are_optimized_side_by_side_and_exported(worker, offered):
    worker.step = 10
    page = open_page(**OPTIMIZED, compare="The other network", channel="9")
    assert [one.value for one in page.subheader] == ["ImageNet", "Untrained"]
    requests = worker.take_requests()
    assert {spec.network.label for spec, _ in requests} == {"ImageNet", "untrained"}
    assert {tuple(channels) for _, channels in requests} == {
        (9, 1, 2, 3, 4)
    }  # the chosen one first
    grids = {"optimized-grid", "optimized-beside-patch"}
    assert grids | {f"{name}-other" for name in grids} <= set(page.payloads)
    assert progress_of(page) == ("Optimizing images…", 25)
    assert not offered
    worker.step = STEPS
    page.run()
    (export,) = offered.values()
    assert [(each.name, each.heading) for each in export.grids()] == [
        ("this", "ImageNet"),
        ("other", "Untrained"),
    ]


def test_chosen_image_is_shown_beside_its_top_patch(worker):
    page = open_page(**OPTIMIZED, channel="4")
    assert "The optimization of this channel has not started yet." in page.captions
    assert "optimized-beside-patch" not in page.payloads
    worker.step = STEPS
    header, (own, patch) = tiles_of(page.run(), "optimized-beside-patch")
    assert header["titles"] == ["Optimized · 160", "Top patch · 40"]
    assert header["lines"][1] == f"40 on {IMAGES[1].title}"
    assert (own == bright(4, STEPS)).all()
    expected = crop_patch(pixels_of(IMAGES[1].name), LAYER, *position(4, LAYER))
    np.testing.assert_array_equal(patch, expected)
    assert (
        "The optimized image reaches **160** before ReLU, **4×** the top patch's **40** "
        f"(on {IMAGES[1].title})."
    ) in page.texts
    page.choose("channel", INACTIVE)
    assert tiles_of(page, "optimized-beside-patch")[0]["titles"] == ["Optimized · 120"]
    sentence = "**120** before ReLU. The channel is inactive on all of this page's images."
    assert sentence in page.texts


def test_image_is_padded_with_the_mean_color_to_its_receptive_field_as_notes_say():
    layer = VGG19.layer("block5_conv1")
    field, margin = layer.receptive_field, (layer.receptive_field - 102) // 2
    image = np.full((102, 102, 3), 7, np.uint8)
    tile = optimized_images.in_receptive_field(layer, image)
    expected = np.empty((field, field, 3))
    expected[:] = (124, 117, 104)
    expected[margin : margin + 102, margin : margin + 102] = 7
    np.testing.assert_array_equal(tile, expected)
    maps, small = SimpleNamespace(layer=layer), OptimizedImage(image, 1.0, STEPS, STEPS)
    note = pasted_image.difference_note(maps, small, (7, 7))
    assert note.startswith("The optimized image has only 102 × 102 pixels.")
    assert f"field here is {field} × {field} pixels" in visualization_view.size_note(layer)
    assert visualization_view.size_note(LAYER) == ""


def test_finished_images_are_exported_with_their_script(worker, offered):
    worker.step = 10
    page = open_page(**OPTIMIZED, seed="7", parametrization="Plain pixels", network="Untrained")
    assert not offered
    worker.step = STEPS
    page.run()
    (export,) = offered.values()
    (script_run,) = export.runs()
    assert (script_run.template, script_run.name) == ("optimized_images", "optimized")
    expected = optimization_run(LAYER.name, [1, 2, 3, 4], 7, "pixels")
    assert script_run.arguments == expected.arguments
    ast.parse(FORMATS["py"].encode(export))
    with np.load(io.BytesIO(FORMATS["npz"].encode(export))) as file:
        pixels = np.array([[[[bright(one, STEPS)] * 3] * SIDE] * SIDE for one in range(1, 5)])
        np.testing.assert_array_equal(file["optimized"], pixels)
        assert file["optimized_value"].tolist() == [40, 80, 120, 160]
        assert file["optimized_top_patch"].tolist() == [10, 20, 0, 40]
    text = FORMATS["csv"].encode(export).decode("utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(text, newline=""))]
    assert [row["channel"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["value"]) for row in rows] == [40, 80, 120, 160]


def test_failed_images_are_reported_and_left_out_of_the_export(worker, offered):
    worker.step, worker.never, worker.failure = STEPS, {2}, "Could not optimize *channel* 2."
    page = open_page(**OPTIMIZED, network="Untrained")
    assert [one.value for one in page.warning] == [r"Could not optimize \*channel\* 2."]
    assert progress_of(page) is None
    assert not page.has_pulse("optimization-pulse")
    (export,) = offered.values()
    assert export.runs()[0].arguments["channels"] == [1, 3, 4]
    assert export.grids()[0].numbers == [1, 3, 4]


def test_lecture_shows_only_the_grid_until_a_channel_is_chosen(worker):
    worker.step = STEPS
    page = open_page(**OPTIMIZED, lecture="true")
    assert not page.stand_beside
    assert caption_of(page) == "ImageNet · 4 of 64 channels · optimized images, regularized"
    assert page.choose("channel", 4).stand_beside
    assert page.captions[-1] == "4× the top patch"


# -- pasted into the viewer's picture

PASTED = {**OPTIMIZED, "paste": "true"}


def comparison_of(page):
    """Return the sentence that compares the values."""
    (text,) = (one.value for one in page.markdown if "Value at this position" in one.value)
    return text


def test_network_runs_on_the_picture_with_the_image_in_it(worker):
    worker.step = STEPS
    page = open_page(**PASTED, channel="4")
    inspector = page.inspected("pasted")
    assert (inspector["row"], inspector["column"]) == (112, 112)  # the center, by default
    network, cat = shared().loaders["imagenet"].network().result(), pixels_of("cat")
    for row, column in ((31, 17), (1, 100)):
        page.choose("row", row)
        page.choose("column", column)
        both = paste_image(cat, worker.picture(4).pixels, LAYER, row - 1, column - 1)
        maps = [network.feature_maps(pixels, LAYER.name)[3] for pixels in (both, cat)]
        text = comparison_of(page)
        numbers = re.search(r"position: \*\*(.+)\*\*, without the optimized image (\S+)\.", text)
        shown = [number(one) for one in numbers.groups()]
        assert shown == pytest.approx([one[row - 1, column - 1] for one in maps], rel=1e-3)
        assert "Value of the optimized image: **160**" in text
        assert ("beyond the picture's border" in text) is (row == 1)
        assert page.inspected("pasted")["row"] == row - 1
        data = page.part("pasted")[1]
        picture = Image.open(io.BytesIO(data[data.index(b"\x89PNG") :])).convert("RGB")
        np.testing.assert_array_equal(np.asarray(picture), both)


def test_only_the_finished_image_of_a_chosen_channel_is_pasted(worker):
    worker.step = 10
    page = open_page(**PASTED, channel="4")
    assert "pasted" not in page.payloads
    assert any("is pasted once it is finished" in text for text in page.captions)
    worker.step = STEPS
    assert "pasted" in page.run().payloads
    page.choose("channel", None)
    assert "pasted" not in page.payloads
    assert any("Choose a channel" in text for text in page.captions)
