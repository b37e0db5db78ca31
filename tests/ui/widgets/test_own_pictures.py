"""Several pictures of the viewer's own: their number, their size, and files that are refused."""

import pickle
from itertools import product

import numpy as np
import pytest
from PIL import Image

from tests.support.image_files import encode
from tests.support.pages import open_page
from tests.support.photographs import decode
from vgg_viz.image_io import images
from vgg_viz.image_io.input_image import FITS, PictureOptions
from vgg_viz.ui.widgets import own_pictures, stored_pictures, uploads

TOP_PATCHES = {"view": "visualization", "maps": "4"}


def noise(number, side=230):
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return encode(Image.fromarray(pixels), "PNG")


def plain(number):
    return encode(Image.new("RGB", (30, 20), (number, 200 - number, 40)), "PNG")


def upload_together(page, files):
    """Upload these files together, given as names and bytes; return the page."""
    (uploader,) = (one for one in page.file_uploader if one.key.startswith("own-upload-several-"))
    for name, data in files:
        uploader.upload(name, data, "image/png")
    return page.run()


class File:
    """An uploaded file, as Streamlit returns it."""

    def __init__(self, name, data):
        self.name, self.file_id, self.data = name, name, data

    def getvalue(self):
        return self.data


@pytest.fixture
def session(monkeypatch):
    """Return a session state without a page."""
    held = {}
    monkeypatch.setattr(own_pictures.st, "session_state", held)
    return held


def add(files):
    own_pictures.add([File(name, data) for name, data in files])


@pytest.mark.usefixtures("known_patches")
def test_added_pictures_are_searched_for_top_patches_until_removed():
    files = [("good.png", plain(3)), ("bad <b>.png", plain(4)[:60]), ("fine.png", plain(5))]
    page = upload_together(open_page(**TOP_PATCHES), files)
    (error,) = page.error
    assert error.value.replace("\\", "") == "Could not read as a picture: “bad <b>.png”."
    assert "top patches from 4 images, 2 of them yours (not" in page.texts
    caption = page.sidebar.caption[-1].value
    assert caption.startswith("2 pictures are yours. Other viewers cannot see them, and links do")
    assert caption.endswith("A reload keeps them, up to 2 hours after your last action.")
    assert "top patches from this page's 2 images (not" in open_page(**TOP_PATCHES).texts
    page.press("own-several-remove")
    assert "top patches from this page's 2 images (not" in page.texts
    assert not page.error
    upload_together(page, files[:1])
    caption = page.sidebar.caption[-1].value
    assert caption.startswith("One picture is yours. Other viewers cannot see it,")
    assert "Remove it" in [one.label for one in page.sidebar.button]


def test_a_session_keeps_pictures_but_not_their_files(session):
    add([(f"{number}.png", noise(number, 500)) for number in range(2)])
    small = sum(one.size for one in stored_pictures.stored().values())
    assert len(pickle.dumps(session)) < small + 4_000


def test_the_twenty_first_picture_is_refused(session):
    add([(f"{number}.png", plain(number)) for number in range(22)])
    assert len(stored_pictures.stored()) == 20
    assert session[own_pictures.PROBLEM].startswith("Added 20 of 22 pictures. You can add up to 20")
    add([("another.png", plain(100))])
    assert len(stored_pictures.stored()) == 20
    assert session[own_pictures.PROBLEM].startswith("Could not add this picture. You can")


def test_files_that_are_too_large_together_are_named(session):
    others = [("b.png", uploads.NO_ROOM), ("c.png", plain(2)[:50])]
    add([("a.png", plain(1)), *others, ("again.png", plain(1))])  # which is stored once
    assert [one.title for one in stored_pictures.stored().values()] == ["a"]
    assert session[own_pictures.PROBLEM] == (
        "Could not read as a picture: “c.png”. More than 100 MB together, so not added: “b.png”."
    )


def test_pictures_that_compress_poorly_stay_within_the_limit(session, monkeypatch):
    assert stored_pictures.MAX_TOTAL_BYTES <= 6_000_000
    monkeypatch.setattr(stored_pictures, "MAX_TOTAL_BYTES", 800_000)
    # Noise does not compress: two fits of 150 kB each.
    add([(f"{number}.png", noise(number)) for number in range(3)])
    sizes = [picture.size for picture in stored_pictures.stored().values()]
    assert len(sizes) == 2
    assert sum(sizes) <= 800_000 < sum(sizes) + max(sizes)
    assert session[own_pictures.PROBLEM].startswith("Added 2 of 3 pictures")


@pytest.mark.parametrize(("fit", "as_stored"), list(product(FITS, (False, True))))
def test_pictures_are_stored_without_loss(session, fit, as_stored):
    data = noise(7, 300)
    add([("x.png", data)])
    picture = stored_pictures.stored()[1].open(PictureOptions(fit, as_stored))
    expected = images.resize(decode(data), fit)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert (picture.title, picture.digest) == ("x", images.digest(expected))


def test_a_superseded_run_is_continued_by_the_next(session, monkeypatch):
    files = [File(f"{number}.png", plain(number)) for number in range(4)]
    decoded = []

    class Superseded(Exception):
        pass

    def small(data, title, alt):
        decoded.append(title)
        if len(decoded) == 3:
            raise Superseded
        return whole(data, title, alt)

    whole = images.read_image
    monkeypatch.setattr(images, "read_image", small)
    with pytest.raises(Superseded):
        own_pictures.add(files)
    own_pictures.add(files)
    assert decoded == ["0", "1", "2", "2", "3"]
    assert [one.title for one in stored_pictures.stored().values()] == ["0", "1", "2", "3"]


def decoded(number):
    return images.read_image(plain(number), str(number), "")


def test_a_single_upload_takes_the_place_of_the_oldest_where_there_is_no_room(session):
    numbers = [stored_pictures.keep(decoded(number)) for number in range(22)]
    assert numbers == list(range(1, 23))
    assert list(stored_pictures.stored()) == numbers[2:]
    # One that is there keeps its number, and a number that was given is not given again.
    assert stored_pictures.keep(decoded(5)) == 6
    stored_pictures.remove(numbers)
    assert stored_pictures.keep(decoded(5)) == 23


def test_an_own_picture_keeps_its_number_whatever_is_uploaded_later():
    page = open_page(view="maps", maps="4", picture="own")
    page.upload(plain(3))
    assert page.link == "view=maps&picture=own&own=1&maps=4"
    first = page.payloads["maps-mosaic"]
    page.upload(plain(4))
    assert "own=2" in page.link
    assert page.payloads["maps-mosaic"] != first
    # As Back does it.
    page.choose("own", 1)
    assert page.payloads["maps-mosaic"] == first
    page.choose("picture", "coffee")
    assert "own" not in page.link
    page.choose("picture", "own")
    assert page.payloads["maps-mosaic"] == first


def test_a_link_to_a_sample_does_not_make_the_page_forget_the_own_picture():
    page = open_page(view="maps", maps="4", picture="own").upload(plain(3))
    page.query_params.clear()
    page.query_params["picture"] = "coffee"
    page.run()
    assert page.link == "picture=coffee"
    assert "own=1" in page.choose("picture", "own").link


def test_names_are_printable_and_short():
    assert own_pictures.title_of("IMG_2034.jpeg") == "IMG_2034"
    assert own_pictures.title_of("a\u202eb\n.png") == "a b"
    assert own_pictures.title_of("\n.png") == own_pictures.title_of("\u200d.png") == "Yours"
    for spelling in ("گربه\u200cها", "क्\u200dष", "👩\u200d🔬"):
        assert own_pictures.title_of(f"{spelling}.jpg") == spelling
    assert len(own_pictures.title_of("x" * 300)) == 24
