"""Top patches of a layer's channels and of one channel, against the maps themselves."""

import math
from unittest.mock import Mock, call

import numpy as np
import pytest

from tests.support.pages import open_page
from tests.support.photographs import load_image, sample_bytes
from tests.support.truth import LAYER, NEVER_ACTIVE
from vgg_viz import samples
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.feature_visualization.top_patches import crop_patch
from vgg_viz.serving import results as results_module
from vgg_viz.ui import state
from vgg_viz.ui.parts import available_images, patch_grids
from vgg_viz.ui.views import visualization_view

TOP_PATCHES = {"view": "visualization", "layer": LAYER.name}
IMAGES = samples.SAMPLES[:2]  # those of `Truth`


def pixels_of(name):
    return load_image(sample_bytes(name))


@pytest.fixture
def maps(truth):
    """The layer's maps of both images, (images, channels, h, w)."""
    return np.stack([truth.maps(LAYER.name, one.name) for one in IMAGES])


def test_each_tile_is_the_receptive_field_at_the_channels_maximum(maps):
    page = open_page(**TOP_PATCHES, maps="100")
    inactive = int((maps.max(axis=(0, 2, 3)) <= 0).sum())
    assert f"100 of 256 channels shown · {inactive} of 256 inactive on all images" in page.texts
    assert "top patches from this page's 2 images (not ImageNet)" in page.texts
    header, tiles = page.tiles("patches")
    assert header["titles"] == [str(number) for number in range(1, 101)]
    height = maps.shape[2]
    for channel, tile in enumerate(map(np.asarray, tiles)):
        of_all = maps[:, channel]
        if channel + 1 in NEVER_ACTIVE or not of_all.max() > 0:
            assert header["lines"][channel] == "inactive on all of these images"
            assert header["flat"][channel]
            assert not tile[..., 3].any()
            continue
        picture, row, column = np.unravel_index(of_all.argmax(), (len(IMAGES), height, height))
        value, place = header["lines"][channel].split("\n")
        assert value.endswith(f" on {IMAGES[picture].title}")
        assert place == f"row {row + 1}, column {column + 1}"
        assert float(value.split()[0].replace(",", "")) == pytest.approx(of_all.max(), rel=1e-3)
        expected = crop_patch(pixels_of(IMAGES[picture].name), LAYER, row, column)
        np.testing.assert_array_equal(tile[..., :3], expected)
    assert sum(header["flat"]) >= len(NEVER_ACTIVE)


def test_link_with_a_channel_shows_its_patches(maps):
    page = open_page(**TOP_PATCHES, maps="4", channel="9")
    chosen = page.inspected("chosen-channel")
    assert (chosen["channel"], chosen["title"]) == (9, "Channel 9 of block3_conv1")
    header, tiles = page.tiles("channel-patches")
    best = maps[:, 8].max(axis=(1, 2))
    order = np.argsort(-best, kind="stable")
    firsts = [IMAGES[index].title for index in order if best[index] > 0]
    titles = [title.split(" · ")[1] for title in header["titles"]]
    assert titles[: len(firsts)] == firsts
    assert set(titles[len(firsts) :]) <= set(firsts)
    assert len(titles) == 9  # although two pictures have four places in the index
    for line, tile in zip(header["lines"], tiles, strict=True):
        row, column = (int(word) - 1 for word in line.split("\nrow ")[1].split(", column "))
        name = next(one.name for one in IMAGES if line.split("\n")[0].endswith(one.title))
        expected = crop_patch(pixels_of(name), LAYER, row, column)
        np.testing.assert_array_equal(np.asarray(tile)[..., :3], expected)
    (info,) = page.choose("channel", NEVER_ACTIVE[0]).info
    assert info.value == "This channel is inactive on all of these images."
    assert "channel-patches" not in page.payloads


def test_click_on_a_patch_goes_to_its_position_in_its_image(monkeypatch):
    changes = []
    monkeypatch.setattr(state, "change", changes.append)
    spots = [None, patch_grids.TopPatch(1, 5.0, 3, 4), patch_grids.TopPatch(0, 4.0, 0, 55)]
    images = [
        available_images.AvailableImage("cat", "Cat", "a", InputImage),
        available_images.AvailableImage("coffee", "", "b", InputImage),
    ]
    for number in (1, 2, 3):  # the first is an optimized image, which has no position
        patch_grids.open_patch(images, spots, "second", number)
    assert changes == [
        {"picture": "coffee", "row": 4, "column": 5, "view": "maps", "half": "second"},
        {"picture": "cat", "row": 1, "column": 56, "view": "maps", "half": "second"},
    ]


def test_two_networks_are_shown_side_by_side(maps):
    page = open_page(**TOP_PATCHES, maps="4", compare="The other network", channel="9")
    assert [one.value for one in page.subheader] == ["ImageNet", "Untrained"]
    assert page.tiles("patches")[0]["lines"] != page.tiles("patches-other")[0]["lines"]
    assert {"channel-patches", "channel-patches-other"} <= set(page.payloads)
    assert "top patches from this page's 2 images" in page.main.caption[1].value


def test_lecture_shows_only_the_grid_until_a_channel_is_chosen():
    page = open_page(**TOP_PATCHES, maps="4", lecture="true")
    assert [one for one in page.main.caption if "4 of 256 channels" in one.value]
    assert page.texts.count("top patches from 2 images (not ImageNet)") == 1
    assert not page.stand_beside
    page.choose("channel", 9)
    # Beside the patches there is less room, and one of the two lines says it.
    assert "channels · top patches from 2 images (not" not in page.texts
    assert "Top patches from 2 images (not ImageNet)" in page.texts
    assert page.stand_beside
    assert " · " not in "".join(page.tiles("channel-patches")[0]["titles"])


class Results:
    """Results whose peaks are the images' names, and take 0.25 s for the first time."""

    def __init__(self):
        self.seconds, self.found, self.on_disk = 0.0, set(), set()
        self.ready, self.requested, self.waits = set(), set(), []

    def peaks(self, network, picture, *, on_disk):
        if picture.choice not in self.found:
            self.seconds += 0.25
        self.found.add(picture.choice)
        if on_disk:
            self.on_disk.add(picture.choice)
        return f"peaks of {picture.choice}"

    def peaks_soon(self, network, picture, seconds, *, on_disk):
        self.requested.add(picture.choice)
        self.waits.append(seconds)
        if on_disk:
            self.on_disk.add(picture.choice)
        return f"peaks of {picture.choice}" if picture.choice in self.ready else None


@pytest.fixture
def search(monkeypatch):
    """Return a function that searches images; it returns the peaks and what the page showed."""
    results = Results()
    monkeypatch.setattr(available_images, "perf_counter", lambda: results.seconds)

    def found(names, seconds):
        slot = Mock()
        monkeypatch.setattr(available_images.st, "empty", lambda: slot)
        images = [
            available_images.AvailableImage(name, "", name, InputImage, is_sample=name != "own")
            for name in names
        ]
        peaks = available_images.find_peaks(results, None, images, seconds)
        assert peaks == [f"peaks of {name}" for name in names[: len(peaks)]]
        return len(peaks), slot.mock_calls

    return results, found


def progress(number, count):
    return call.progress(number / count, f"{number} of {count} images searched")


def test_a_search_shows_its_progress_and_goes_on_in_the_background(search):
    results, found = search
    names = ("a", "b", "c", "d", "own")
    runs = []
    for results.ready in (set(), {"c"}, {"b", "c"}, {"b", "c", "d", "own"}):
        count, shown = found(names, 0.3)
        runs.append((count, shown[-1]))
    expected = [(1, progress(1, 5)), (1, progress(1, 5)), (3, progress(3, 5)), (5, call.empty())]
    assert runs == expected
    assert results.requested == {"b", "c", "d", "own"}
    assert results.on_disk == {"a", "b", "c", "d"}
    # The time of the first image is the viewer's, the rest of it at most is waited for the others.
    assert results.waits[:4] == pytest.approx([0.05] * 4)


def test_all_images_are_searched_at_once_where_their_patches_are_compared(search):
    assert search[1]("abc", math.inf) == (3, [progress(1, 3), progress(2, 3), call.empty()])


def test_a_long_search_shows_the_images_searched_so_far_and_asks_for_the_rest(monkeypatch):
    monkeypatch.setattr(visualization_view, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(results_module.Results, "soon", lambda *_: None)
    page = open_page(**TOP_PATCHES, maps="4", channel="9")
    assert "top patches from this page's 1 image (not ImageNet)" in page.texts
    assert len(page.tiles("channel-patches")[1]) == 2  # its two peaks, no further
    assert page.has_pulse("patches-pulse")
    monkeypatch.setattr(visualization_view, "SEARCH_SECONDS", math.inf)
    page.run()
    assert "top patches from this page's 2 images (not ImageNet)" in page.texts
    assert not page.has_pulse("patches-pulse")
