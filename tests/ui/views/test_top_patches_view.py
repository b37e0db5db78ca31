"""What excites it: the strongest patches over the pictures at hand, and those of a channel."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import choose, open_page, payloads, texts, unpacked
from tests.support.truth import LAYER, NEVER_ACTIVE
from vgg_viz import samples
from vgg_viz.image_io import images
from vgg_viz.image_io.picture import Picture
from vgg_viz.ui import state
from vgg_viz.ui.parts import available_images, patch_grids
from vgg_viz.ui.state import component_values

EXCITES = {"view": "What excites it", "layer": LAYER.title}
AT_HAND = samples.SAMPLES[:2]  # those of `Truth`
SIDE = LAYER.receptive_field
MEAN = (124, 117, 104)


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Two pictures instead of eight: a quarter of the time."""
    monkeypatch.setattr(available_images, "SAMPLES", AT_HAND)
    monkeypatch.setattr(available_images.picture_chooser, "robin_if_fetched", lambda: None)


def pixels_of(name):
    return images.load_picture(samples.sample_bytes(name))


def seen(pixels, row, column):
    """What a place of the layer sees, by way of a frame around the picture."""
    framed = np.full((224 + 2 * SIDE, 224 + 2 * SIDE, 3), MEAN, np.uint8)
    framed[SIDE:-SIDE, SIDE:-SIDE] = pixels
    top, left = (
        round(SIDE + LAYER.offset + LAYER.stride * n - (SIDE - 1) / 2) for n in (row, column)
    )
    return framed[top : top + SIDE, left : left + SIDE]


def tiles_of(data):
    """A mosaic's header, and its tiles, RGBA."""
    header, data = unpacked(data)
    picture = np.asarray(Image.open(io.BytesIO(data)))
    side, columns = header["side"], header["columns"]
    corners = [divmod(index, columns) for index in range(len(header["titles"]))]
    return header, [
        picture[side * r : side * r + side, side * c : side * c + side] for r, c in corners
    ]


@pytest.fixture
def maps(truth):
    """The layer's maps of those pictures, (pictures, channels, h, w)."""
    return np.stack([truth.maps(LAYER.name, one.name) for one in AT_HAND])


def test_each_tile_is_what_the_channel_sees_where_it_answers_most(maps):
    header, tiles = tiles_of(payloads(open_page(**EXCITES, maps="100"))["patches"])
    assert header["titles"] == [str(number) for number in range(1, 101)]
    height = maps.shape[2]
    for channel, tile in enumerate(tiles):
        of_all = maps[:, channel]
        if channel + 1 in NEVER_ACTIVE or not of_all.max() > 0:
            assert header["lines"][channel] == "silent on all of these pictures"
            assert header["flat"][channel]
            assert not tile[..., 3].any()
            continue
        picture, row, column = np.unravel_index(of_all.argmax(), (len(AT_HAND), height, height))
        value, place = header["lines"][channel].split("\n")
        assert value.endswith(f" on {AT_HAND[picture].title}")
        assert place == f"row {row + 1}, column {column + 1}"
        assert float(value.split()[0].replace(",", "")) == pytest.approx(of_all.max(), rel=1e-3)
        expected = seen(pixels_of(AT_HAND[picture].name), row, column)
        np.testing.assert_array_equal(tile[..., :3], expected)
    assert sum(header["flat"]) >= len(NEVER_ACTIVE)


def test_the_caption_says_of_what_these_are_the_strongest(maps):
    said = texts(open_page(**EXCITES, maps="5"))
    silent = int((maps.max(axis=(0, 2, 3)) <= 0).sum())
    assert f"5 of 256 channels shown, {silent} silent on all of them" in said
    assert "strongest of 2 pictures of this page, not of ImageNet" in said


def test_a_link_that_names_a_channel_opens_it(maps):
    page = open_page(**EXCITES, maps="4", channel="9")
    chosen = unpacked(payloads(page)["chosen-channel"])[0]
    assert (chosen["channel"], chosen["title"]) == (9, "Channel 9 of block3_conv1")
    header, tiles = tiles_of(payloads(page)["nine"])
    best = maps[:, 8].max(axis=(1, 2))
    order = np.argsort(-best, kind="stable")
    firsts = [AT_HAND[index].title for index in order if best[index] > 0]
    titles = [title.split(" · ")[1] for title in header["titles"]]
    assert titles[: len(firsts)] == firsts
    assert set(titles[len(firsts) :]) <= set(firsts)
    assert len(titles) == 9  # although two pictures have four places in the index
    for line, tile in zip(header["lines"], tiles, strict=True):
        row, column = (int(word) - 1 for word in line.split("\nrow ")[1].split(", column "))
        name = next(one.name for one in AT_HAND if line.split("\n")[0].endswith(one.title))
        np.testing.assert_array_equal(tile[..., :3], seen(pixels_of(name), row, column))


def test_a_channel_that_is_silent_everywhere_says_so():
    page = open_page(**EXCITES, maps="4", channel=str(NEVER_ACTIVE[0]))
    assert [info.value for info in page.info] == ["Silent on all of these pictures."]
    assert "nine" not in payloads(page)


def test_a_click_on_a_patch_goes_to_its_place_in_its_picture(monkeypatch):
    changes = []
    monkeypatch.setattr(state, "change", changes.append)
    spots = [patch_grids.Spot(1, 5.0, 3, 4), patch_grids.Spot(0, 4.0, 0, 55)]
    pictures = [
        available_images.AvailableImage("cat", "Cat", "a", Picture),
        available_images.AvailableImage("coffee", "", "b", Picture),
    ]
    for sent in (1, 2, None):
        monkeypatch.setattr(component_values, "number", lambda _, most, sent=sent: sent)
        patch_grids.open_patch("nine", pictures, spots)
    assert changes == [
        {"picture": "coffee", "row": 4, "column": 5, "view": "maps"},
        {"picture": "cat", "row": 1, "column": 56, "view": "maps"},
    ]


def test_two_networks_stand_side_by_side(maps):
    page = open_page(**EXCITES, maps="4", compare="The other network", channel="9")
    assert [one.value for one in page.subheader] == ["ImageNet", "Untrained"]
    drawn = payloads(page)
    assert tiles_of(drawn["patches"])[0]["lines"] != tiles_of(drawn["patches-other"])[0]["lines"]
    assert {"nine", "nine-other"} <= set(drawn)
    assert "strongest of 2 pictures" in page.main.caption[1].value


def test_in_a_lecture_there_is_the_grid_alone_until_a_channel_is_chosen():
    page = open_page(**EXCITES, maps="4", lecture="true")
    assert [one for one in page.main.caption if "4 of 256 channels" in one.value]
    assert texts(page).count("strongest of 2 pictures, not of ImageNet") == 1
    assert len(page.main.columns) == 0
    choose(page, "channel", 9)
    # Beside the patches there is less room, and one of the two lines says it.
    assert "channels · strongest of 2 pictures, not" not in texts(page)
    assert "Strongest of 2 pictures, not of ImageNet" in texts(page)
    assert len(page.main.columns) == 2
    assert " · " not in "".join(tiles_of(payloads(page)["nine"])[0]["titles"])


class Slot:
    """A place of the page that remembers what it was told."""

    def __init__(self):
        self.said = []

    def progress(self, share, text):
        self.said.append((share, text))

    def empty(self):
        self.said.append(None)


class Results:
    """Results whose peaks are the pictures' own names."""

    def peaks(self, network, picture):
        return f"peaks of {picture}"


def test_the_page_says_how_many_pictures_are_looked_through(monkeypatch):
    slot = Slot()
    monkeypatch.setattr(available_images.st, "empty", lambda: slot)
    clock = iter([0.0, 0.1, 0.4, 0.8])  # in the first fifth of a second there is nothing to say
    monkeypatch.setattr(available_images, "perf_counter", lambda: next(clock))
    found = available_images.look_through(Results(), None, ["a", "b", "c"])
    assert found == ["peaks of a", "peaks of b", "peaks of c"]
    assert slot.said == [
        (1 / 3, "1 of 3 pictures looked through"),
        (2 / 3, "2 of 3 pictures looked through"),
        None,
    ]
