"""What excites it, made pictures: while they grow, beside the strongest patch, and pasted."""

import ast
import csv
import io
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import (
    captions,
    choose,
    inspected,
    open_page,
    payloads,
    press,
    run,
    texts,
    unpacked,
)
from vgg_viz import samples
from vgg_viz.export.scripts import OptimizationScriptRun
from vgg_viz.image_io import images
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.optimization_worker import OptimizationWorker, Progress, Snapshot
from vgg_viz.serving.results import Results
from vgg_viz.ui.parts import available_images, optimized_images
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import export_menu
from vgg_viz.ui.widgets.export_menu import Export

LAYER = VGG19.layer("block1_conv2")
SIDE = LAYER.receptive_field
AT_HAND = samples.SAMPLES[:2]
MADE = {"view": "What excites it", "examples": "Made", "layer": LAYER.title, "made": "4"}
SILENT = 3  # the number of a channel that no picture wakes
STEPS = 40
GRAY = 128


def strongest(channel):
    """The value of a channel's strongest patch, which is on the second picture."""
    return 0.0 if channel == SILENT else 10.0 * channel


def place(channel, layer=LAYER):
    """Where that is, row and column."""
    side = layer.output_shape[0]
    return ((100 + channel) % side, (50 + channel) % side)


def known_peaks(layer):
    """What stands in for what the network would answer to two pictures."""
    found = []
    for picture in range(len(AT_HAND)):
        values = np.zeros((layer.filters, 2), np.float32)
        places = np.zeros((layer.filters, 2, 2), np.int16)
        for channel in range(1, layer.filters + 1):
            values[channel - 1, 0] = strongest(channel) / (2 - picture)
            places[channel - 1, 0] = place(channel, layer)
        found.append(Peaks(values, places))
    return found


def pixels_of(name):
    return images.load_image(samples.sample_bytes(name))


def bright(channel, step):
    """The color of a channel's picture after so many steps."""
    return 20 * channel + step


@dataclass
class Workbench:
    """What takes the place of a maker: pictures as far as a test says, and who has asked for them.

    A picture's value is four times that of the channel's strongest patch, at the last step.
    """

    step: int = 0
    seconds_left: float | None = None
    failure: str = ""
    never: Collection[int] = ()
    side: int = SIDE
    looked: list = field(default_factory=list)

    def look(self, _, subject, channels):
        self.looked.append((subject, [*channels]))
        found = self.there(_, subject, channels)
        # Only who wants a picture is told that it cannot be made.
        return replace(found, failure=self.failure, complete=found.complete or bool(self.failure))

    def there(self, _, subject, channels):
        made = [one for one in channels if self.step and one not in self.never]
        complete = self.step == STEPS and len(made) == len(channels)
        pictures = {one: self.picture(one) for one in made}
        return Progress(pictures, self.seconds_left, complete=complete)

    def picture(self, channel):
        pixels = np.full((self.side, self.side, 3), bright(channel, self.step), np.uint8)
        value = 40.0 * channel * self.step / STEPS
        return Snapshot(pixels, value, self.step, STEPS, finished=self.step == STEPS)

    def asked(self):
        """Whose pictures were asked to be made since this was asked last."""
        asked, self.looked = self.looked, []
        return asked


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    bench = Workbench()
    monkeypatch.setattr(OptimizationWorker, "look", lambda *asked: bench.look(*asked))
    monkeypatch.setattr(OptimizationWorker, "there", lambda *asked: bench.there(*asked))
    return bench


@pytest.fixture(autouse=True)
def known_patches(monkeypatch):
    """No forward passes: two pictures, and where every channel is said to be strongest."""
    peaks = [known_peaks(layer) for layer in VGG19.conv_layers]
    each = [tuple(of_layer[index] for of_layer in peaks) for index in range(len(AT_HAND))]
    monkeypatch.setattr(available_images, "SAMPLES", AT_HAND)
    monkeypatch.setattr(available_images.picture_chooser, "robin_if_fetched", lambda: None)
    monkeypatch.setattr(available_images, "find_peaks", lambda *_: each)


def looks_again(page):
    """Whether the page will look again in a while."""
    return any(part.key == "made-pulse" for part in page.main.get("bidi_component"))


def tiles_of(page, name="made-grid"):
    """A grid's header, and its tiles, RGB."""
    header, data = unpacked(payloads(page)[name])
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    side, columns = header["side"], header["columns"]
    corners = [divmod(index, columns) for index in range(len(header["titles"]))]
    return header, [
        picture[side * r : side * r + side, side * c : side * c + side] for r, c in corners
    ]


def progress_of(page):
    """What the bar says and how far it is; None where there is none."""
    bars = page.get("progress")
    return (bars[0].proto.text, bars[0].proto.value) if bars else None


def caption_of(page):
    """What stands under the grid."""
    (said,) = (one for one in captions(page) if "made by optimization" in one)
    return said


def buttons(page):
    return [button.label for button in page.main.button if button.key == "made-turn"]


def test_what_is_not_begun_is_gray_and_the_page_looks_again(bench):
    page = open_page(**MADE)
    header, tiles = tiles_of(page)
    assert header["titles"] == ["1", "2", "3", "4"]
    assert header["lines"] == ["not begun"] * 4
    assert all((tile == GRAY).all() for tile in tiles)
    assert progress_of(page) == ("Making pictures…", 0)
    assert buttons(page) == ["Stop"]
    assert looks_again(page)
    assert "4 of 64 channels · 0 finished" in caption_of(page)


def test_what_grows_is_seen_with_its_value_and_what_is_left(bench):
    page = open_page(**MADE)
    bench.step, bench.seconds_left = 10, 11.7
    header, tiles = tiles_of(run(page))
    assert header["titles"] == ["1 · 10 · 1×", "2 · 20 · 1×", "3 · 30", "4 · 40 · 1×"]
    assert header["lines"][0] == "10 before ReLU\n1× the strongest patch, 10\nstep 10 of 40"
    assert header["lines"][2] == (
        "30 before ReLU\nsilent on all pictures of this page\nstep 10 of 40"
    )
    for channel, tile in enumerate(tiles, start=1):
        assert tile.shape == (SIDE, SIDE, 3)
        assert (tile == bright(channel, 10)).all()
    assert progress_of(page) == ("Making pictures: about 12 s left", 25)
    assert looks_again(page)


def test_what_is_finished_is_not_looked_at_again(bench):
    bench.step = STEPS
    page = open_page(**MADE)
    header, _ = tiles_of(page)
    assert header["titles"] == ["1 · 40 · 4×", "2 · 80 · 4×", "3 · 120", "4 · 160 · 4×"]
    assert header["lines"][1] == "80 before ReLU\n4× the strongest patch, 20"
    assert progress_of(page) is None
    assert buttons(page) == []
    assert not looks_again(page)
    assert " finished" not in caption_of(page)
    assert "which is strongest of 2 pictures of this page, not of ImageNet" in caption_of(page)


def test_drawings_of_what_grows_push_nothing_else_out(bench, monkeypatch):
    said, drawn = [], Results.cached_drawing

    def noted(results, key, draw, *, transient):
        said.append(transient)
        return drawn(results, key, draw, transient=transient)

    monkeypatch.setattr(Results, "cached_drawing", noted)
    bench.step = 10
    page = open_page(**MADE, channel="4")
    assert said == [True, True]  # the grid and the chosen one's
    bench.step = STEPS
    run(page)
    assert said[2:] == [False, False]


def test_who_has_watched_is_told_the_end_where_the_progress_was(bench):
    bench.step = 10
    page = open_page(**MADE)
    bench.step = STEPS
    assert "Finished." in captions(run(page))
    assert "Finished." not in captions(choose(page, "seed", 2))


def test_stop_asks_for_no_more_until_go_on(bench):
    bench.step = 10
    page = open_page(**MADE)
    bench.asked()
    press(page, "made-turn")
    assert not bench.asked()
    assert progress_of(page) == ("Stopped", 25)
    assert buttons(page) == ["Go on"]
    assert not looks_again(page)
    assert tiles_of(page)[0]["titles"][0] == "1 · 10 · 1×"
    press(page, "made-turn")
    assert bench.asked()
    assert buttons(page) == ["Stop"]
    assert looks_again(page)


def test_what_was_stopped_is_these_pictures_and_no_others(bench):
    page = press(open_page(**MADE), "made-turn")
    assert buttons(choose(page, "channel", 2)) == ["Go on"]  # to look at it, as far as it is
    assert buttons(choose(page, "channel", 60)) == ["Stop"]
    choose(page, "channel", None)
    assert buttons(choose(page, "seed", 5)) == ["Stop"]
    assert buttons(choose(page, "seed", 1)) == ["Go on"]


def test_why_pictures_cannot_be_made_is_said(bench):
    bench.failure = "The *server* has too little memory."
    page = open_page(**MADE)
    assert [one.value for one in page.warning] == [r"The \*server\* has too little memory."]
    assert progress_of(page) is None
    assert not looks_again(page)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "…"),
        (0.2, ": about 1 s left"),
        (89.4, ": about 89 s left"),
        (170.0, ": about 3 minutes left"),
    ],
)
def test_what_is_left_in_words(seconds, words):
    assert optimized_images.time_left(seconds) == words


def test_network_layer_seed_and_way_are_those_of_the_controls(bench):
    page = open_page(**MADE)
    ((subject, channels), *_) = bench.asked()
    assert (subject.network.label, subject.layer, subject.seed, subject.parametrization) == (
        "ImageNet",
        LAYER,
        1,
        "regularized",
    )
    assert channels == [1, 2, 3, 4]
    for changed, value in {"seed": 7, "parametrization": "pixels", "network": "untrained"}.items():
        choose(page, changed, value)
    subject, _ = bench.asked()[-1]
    assert (subject.network.label, subject.seed, subject.parametrization) == (
        "untrained",
        7,
        "pixels",
    )
    assert "untrained · 4 of 64" in caption_of(page)
    assert "plain pixels, seed 7" in caption_of(page)


def test_an_emptied_seed_is_the_first_one(bench):
    page = open_page(**MADE, seed="7")
    bench.asked()
    choose(page, "seed", None)
    assert bench.asked()[-1][0].seed == 1


def test_two_networks_are_made_side_by_side(bench):
    bench.step = 10
    page = open_page(**MADE, compare="The other network", channel="2")
    assert [one.value for one in page.subheader] == ["ImageNet", "Untrained"]
    assert {subject.network.label for subject, _ in bench.asked()} == {"ImageNet", "untrained"}
    assert {"made-grid", "made-grid-other", "made-one", "made-one-other"} <= set(payloads(page))
    assert progress_of(page) == ("Making pictures…", 25)


def test_the_chosen_channel_is_made_first(bench):
    open_page(**MADE, channel="9")
    asked = bench.asked()
    assert asked
    assert {tuple(channels) for _, channels in asked} <= {(9, 1, 2, 3, 4), (9,)}


def test_the_chosen_ones_picture_stands_beside_its_strongest_patch(bench):
    bench.step = STEPS
    page = open_page(**MADE, channel="4")
    header, (own, patch) = tiles_of(page, "made-one")
    assert header["titles"] == ["Made · 160", "Patch · 40"]
    assert header["lines"][1] == f"40 on {AT_HAND[1].title}"
    assert (own == bright(4, STEPS)).all()
    row, column = place(4)
    half = SIDE // 2
    seen = pixels_of(AT_HAND[1].name)
    expected = seen[row - half : row + half + 1, column - half : column + half + 1]
    np.testing.assert_array_equal(patch, expected)
    assert (
        "The made picture's value before ReLU is **160**; its strongest patch's, on "
        f"{AT_HAND[1].title}, **40**: **4×** as much."
    ) in texts(page)


def test_a_channel_that_no_picture_wakes_has_no_patch_beside_it(bench):
    bench.step = STEPS
    page = open_page(**MADE, channel=str(SILENT))
    assert tiles_of(page, "made-one")[0]["titles"] == ["Made · 120"]
    assert "**120**. On all pictures of this page the channel is silent." in texts(page)


def test_a_chosen_channel_that_is_not_begun_says_so(bench):
    page = open_page(**MADE, channel="4")
    assert "Its picture is not begun yet." in captions(page)
    assert "made-one" not in payloads(page)


def test_in_block_5_pictures_are_smaller_than_what_is_seen(bench):
    layer = VGG19.layer("block5_conv1")
    bench.step, bench.side = STEPS, 102
    page = open_page(**MADE | {"layer": layer.title}, channel="1")
    field = layer.receptive_field
    assert f"A position sees {field} × {field} pixels here" in texts(page)
    tile = optimized_images.in_field(layer, bench.picture(1).pixels)
    margin = (field - 102) // 2
    assert tile.shape == (field, field, 3)
    assert (tile[margin : margin + 102, margin : margin + 102] == bright(1, STEPS)).all()
    tile[margin : margin + 102, margin : margin + 102] = (124, 117, 104)
    assert (tile == (124, 117, 104)).all()


@pytest.fixture
def offered(monkeypatch):
    """What exports are made of, as the page has offered them, newest last."""
    found = []

    def offer(_, title, grids, runs):
        found.append(Export(title, grids, runs, "https://example.org/", own_picture=False))

    monkeypatch.setattr(export_menu, "offer", offer)
    return found


def test_what_is_finished_may_be_taken_along_with_the_script_that_makes_it(bench, offered):
    bench.step = 10
    page = open_page(**MADE, seed="7", parametrization="Plain pixels", network="Untrained")
    assert not offered
    bench.step = STEPS
    run(page)
    (export,) = offered
    (made_by,) = export.runs()
    assert made_by == OptimizationScriptRun(
        "made", "untrained", LAYER.name, [1, 2, 3, 4], 7, "pixels"
    )
    ast.parse(export.py())
    with np.load(io.BytesIO(export.npz())) as file:
        pixels = np.array([[[[bright(one, STEPS)] * 3] * SIDE] * SIDE for one in range(1, 5)])
        np.testing.assert_array_equal(file["made"], pixels)
        assert file["made_value"].tolist() == [40, 80, 120, 160]
        assert file["made_strongest_patch"].tolist() == [10, 20, 0, 40]
    rows = [*csv.DictReader(io.StringIO(export.csv().decode("utf-8-sig"), newline=""))]
    assert [row["channel"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["value"]) for row in rows] == [40, 80, 120, 160]


def test_of_two_networks_both_may_be_taken_along(bench, offered):
    bench.step = STEPS
    open_page(**MADE, network="Untrained", compare="The other network")
    (export,) = offered
    assert [each.name for each in export.grids()] == ["this", "other"]
    assert [each.heading for each in export.grids()] == ["Untrained", "ImageNet"]


def test_what_cannot_be_made_is_left_out_of_what_is_taken_along(bench, offered):
    bench.step, bench.never, bench.failure = STEPS, {2}, "Channel 2 could not be made."
    page = open_page(**MADE, network="Untrained")
    assert not looks_again(page)
    (export,) = offered
    assert export.runs()[0].channels == [1, 3, 4]
    assert export.grids()[0].numbers == [1, 3, 4]


def test_in_a_lecture_there_is_the_grid_alone_until_a_channel_is_chosen(bench):
    bench.step = STEPS
    page = open_page(**MADE, lecture="true")
    assert len(page.main.columns) == 0
    assert caption_of(page) == "ImageNet · 4 of 64 channels · made by optimization, regularized"
    assert len(choose(page, "channel", 4).main.columns) == 2
    assert captions(page)[-1] == "4× the strongest patch"


# -- pasted into the visitor's picture

PASTED = {**MADE, "paste": "true"}


def framed(pixels, row, column, color):
    """The picture with a square of that color around a pixel, as one paints it on a larger one."""
    half = SIDE // 2
    larger = np.pad(pixels, ((SIDE, SIDE), (SIDE, SIDE), (0, 0)))
    middle = (SIDE + row, SIDE + column)
    top, left = (one - half for one in middle)
    larger[top : top + SIDE, left : left + SIDE] = color
    return larger[SIDE:-SIDE, SIDE:-SIDE]


def value_of(pixels, channel, row, column):
    """What the page's network makes of it."""
    network = shared().loaders["imagenet"].network().result()
    return float(network.feature_maps(pixels, LAYER.name)[channel - 1, row, column])


def said_there(page):
    (said,) = (one.value for one in page.markdown if "The network's value there" in one.value)
    return said


def shown_value(said, after):
    """The number in bold, or not, behind these words."""
    number = said.split(after)[1].split("**" if after.endswith("**") else ".  ")[0]
    return float(number.split(" ")[0].rstrip(".").replace(",", "").replace("−", "-"))


@pytest.mark.parametrize("position", [(31, 17), (1, 100)])
def test_the_network_is_asked_what_it_makes_of_the_picture_with_the_other_in_it(bench, position):
    bench.step = STEPS
    row, column = position
    page = open_page(**PASTED, channel="4", row=str(row), column=str(column))
    cat = pixels_of("cat")
    both = framed(cat, row - 1, column - 1, bright(4, STEPS))
    said = said_there(page)
    expected = value_of(both, 4, row - 1, column - 1)
    before = value_of(cat, 4, row - 1, column - 1)
    assert shown_value(said, "value there: **") == pytest.approx(expected, rel=1e-3)
    assert shown_value(said, "without the made picture ") == pytest.approx(before, rel=1e-3)
    assert "The value claimed: **160**" in said
    assert ("beyond the photograph's border" in said) is (position == (1, 100))
    assert inspected(page, "pasted")["row"] == row - 1
    shown = unpacked(payloads(page)["pasted"])[1]
    picture = shown[shown.index(b"\x89PNG") :]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")), both)


def test_without_a_position_it_is_pasted_into_the_middle(bench):
    bench.step = STEPS
    page = open_page(**PASTED, channel="4")
    there = inspected(page, "pasted")
    assert (there["row"], there["column"]) == (112, 112)


def test_a_smaller_picture_than_the_field_may_have_another_value(bench):
    bench.step, bench.side = STEPS, 102
    page = open_page(**PASTED | {"layer": VGG19.layer("block5_conv1").title}, channel="1")
    assert "Around the made picture of 102 × 102 pixels the position sees the photograph" in (
        said_there(page)
    )


def test_what_is_not_finished_is_not_pasted_yet(bench):
    bench.step = 10
    page = open_page(**PASTED, channel="4")
    assert "pasted" not in payloads(page)
    assert any("is finished, it is pasted into yours" in said for said in captions(page))
    bench.step = STEPS
    assert "pasted" in payloads(run(page))


def test_without_a_channel_there_is_nothing_to_paste(bench):
    bench.step = STEPS
    page = open_page(**PASTED)
    assert "pasted" not in payloads(page)
    assert any("Choose a channel" in said for said in captions(page))
