"""A host's own pictures on the page, and notices of pictures that the page lacks."""

import threading

import pytest

from tests.support.image_files import photo
from tests.support.pages import open_page
from tests.support.truth import MAPS
from vgg_viz.host_pictures import VARIABLE
from vgg_viz.samples import SAMPLES
from vgg_viz.ui.parts import available_images
from vgg_viz.ui.widgets import picture_files

FEW = {**MAPS, "maps": "1"}


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Give the page a host's folder of two pictures, and a file that is none."""
    for name, data in {"my-photo": photo("red"), "two": photo("blue"), "bad": b"<html>"}.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    picture_files.gallery()
    for thread in threading.enumerate():
        if thread.name == "gallery":
            thread.join(30)


def notices(page):
    """Return the warnings above the view."""
    return [one.value.replace("\\", "") for one in page.main.warning]


@pytest.mark.usefixtures("host")
def test_a_link_shows_a_host_s_picture():
    page = open_page(**FEW, picture="my-photo")
    assert "My photo (stretched" in page.texts
    assert "picture=my-photo" in page.link
    assert not notices(page)
    passed_on = open_page(**FEW, picture="my-photo。")
    assert "My photo (stretched" in passed_on.texts
    mine = open_page(**FEW, picture="own").upload(photo("red"))
    maps, expected = (one.part("maps-mosaic")[1] for one in (page, mine))
    assert maps == expected
    compared = open_page(**FEW, compare="picture", other="two")
    assert "Two (stretched" in compared.texts
    assert compared.widget("selectbox", "other").value == "two"


@pytest.mark.usefixtures("host")
def test_the_page_offers_the_readable_ones_behind_the_samples():
    page = open_page(view="Architecture")
    options = page.widget("button_group", "picture").options
    assert options[len(SAMPLES) - 1 :] == ["Test pattern", "My photo", "Two", "Robin", "Your own"]
    styles = "".join(one.proto.body for one in page.get("html"))
    assert all(f":nth-of-type({index})" in styles for index in range(1, len(SAMPLES) + 3))
    assert "my-photo" in page.choose("picture", "my-photo").link
    found = [(one.choice, one.is_sample) for one in available_images.all_images()]
    assert found[0] == ("cat", True)
    assert found[2:] == [("my-photo", True), ("two", True)]


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("name", ["bad", "My photo 2"])
def test_a_picture_that_is_not_here_is_named_above_the_view(name):
    page = open_page(**FEW, picture=name)
    (notice,) = notices(page)
    assert notice == f"**There is no picture named {name} here.** Showing *Cat*."
    assert "Cat (stretched" in page.texts
    assert not notices(page.choose("picture", "coffee"))


def test_the_other_picture_of_a_comparison_may_not_be_here_either():
    page = open_page(**FEW, compare="picture", other="my-photo")
    (notice,) = notices(page)
    assert "no picture named my-photo" in notice
    assert notice.endswith("Showing *Raccoon*.")
    assert not notices(open_page(**FEW, other="my-photo"))


def test_a_link_with_an_upload_says_that_it_does_not_include_it():
    page = open_page(**FEW, picture="own", own="3")
    (notice,) = notices(page)
    assert "uploaded picture, which links do not include" in notice
    assert notice.endswith("Showing *Cat* until you add a picture.")
    assert not notices(page.upload(photo("red")))


def test_views_that_show_no_picture_need_no_notice():
    assert not notices(open_page(view="Filters", picture="own"))
    assert not notices(open_page(view="Filters", picture="my-photo"))
