"""Choice of the picture: samples, the robin, and the viewer's own by upload or camera."""

import re

import numpy as np
from PIL import Image

from tests.support import hostile
from tests.support.image_files import encode, noise, photo
from tests.support.pages import open_page
from tests.support.truth import MAPS
from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.ui.widgets import picture_files


def deep_gray() -> bytes:
    """Return a 16-bit TIFF with values from 1,000 to 1,400 only."""
    values = np.tile(np.linspace(1000, 1400, 300), (200, 1)).astype("<u2")
    return encode(Image.fromarray(values), "TIFF")


def test_a_broken_upload_keeps_the_last_picture():
    page = open_page(view="Feature maps", picture="Your own")
    assert "Cat (stretched)" in page.texts
    page.upload(photo("red"))
    assert "Your picture (stretched)" in page.texts
    page.upload(photo("blue")[:80])
    assert len(page.error) == 1
    assert "Upload it again" in page.error[0].value
    assert "Your picture (stretched)" in page.texts


def test_contrast_stretching_can_be_turned_off():
    page = open_page(view="Feature maps", picture="Your own")
    page.upload(photo("red"), "red.png")
    assert not [toggle for toggle in page.toggle if toggle.label == "As stored"]
    page.upload(deep_gray(), "deep.tif")
    stretched = "values from 1,000 to 1,400 stretched to black and white"
    assert f"Your picture (stretched, {stretched})" in page.texts
    assert stretched in page.sidebar.caption[-1].value.replace("\\", "")
    page.choose("fit", "crop")
    page.choose("stored", True)
    stored = "values from 0 to 65,535 as black and white"
    assert f"Your picture (cropped, {stored})" in page.texts
    assert stretched not in page.texts


def test_the_switch_appears_if_only_the_other_picture_is_stretched():
    page = open_page(view="Feature maps", maps="4", compare="Another picture", other="Your own")
    page.upload(deep_gray(), "deep.tif")
    assert [toggle.label for toggle in page.toggle] == ["As stored"]
    page.choose("stored", True)
    assert "values from 0 to 65,535 as black and white" in page.texts


def test_a_photo_from_the_camera_is_shown():
    page = open_page(view="Feature maps", picture="Your own")
    page.choose("own_from", "camera")
    page.camera_input(key="camera").upload("photo.jpg", photo("green", "JPEG"), "image/jpeg").run()
    assert "Your photo (stretched)" in page.texts


def test_a_failed_download_is_tried_once_for_each_choice(monkeypatch):
    tries = []

    def no_network(*_, **__):
        tries.append(1)
        raise FileUnavailable(
            "Could not download the picture (tried 3 times): there is no network."
        )

    monkeypatch.setattr(picture_files, "download", no_network)
    page = open_page(view="Feature maps", picture="Robin")
    page.choose("maps", 4)
    assert "no network" in page.error[0].value.replace("\\", "")
    assert page.main.warning[0].value == "**Could not get the robin.** Showing *Cat*."
    assert "Cat (stretched)" in page.texts
    assert len(tries) == 1
    page.choose("picture", "coffee")
    page.choose("picture", "robin")
    assert len(tries) == 2
    assert "Coffee (stretched)" in page.texts
    assert not page.choose("picture", "coffee").main.warning


def test_a_download_that_is_no_picture_is_removed(monkeypatch, tmp_path):
    picture_files.open_file.cache_clear()
    monkeypatch.setattr(picture_files, "private_folder", lambda: tmp_path)
    came = [b"<html>Just a moment</html>", photo("brown", "JPEG")]

    def fetch(url, folder, name, **_):
        if not (folder / name).exists():
            (folder / name).write_bytes(came.pop(0))
        return folder / name

    monkeypatch.setattr(picture_files, "download", fetch)
    page = open_page(view="Feature maps", picture="Robin")
    assert "Choose " in page.error[0].value
    assert "Cat (stretched)" in page.texts
    page.choose("maps", 4)
    assert page.error
    assert len(came) == 1
    page.choose("picture", "coffee")
    page.choose("picture", "robin")
    assert not page.error
    assert "Robin (stretched)" in page.texts


def test_hostile_uploads_end_in_a_picture_or_one_sentence_on_the_page():
    page = open_page(view="Architecture", picture="Your own")
    groups = (hostile.formats, hostile.profiles, hostile.truncated, hostile.other_kinds)
    files = [file for group in groups for file in group()][::24]
    named = [(f"{file.name}.png", file) for file in files]
    strange = hostile.Hostile("strange name", b"<b>not an image</b>", "rejected")
    good = hostile.Hostile("strange name", photo("green"), "image")
    named += [(name, file) for name in hostile.FILE_NAMES for file in (good, strange)]
    for file_name, file in named:
        if set(file_name) & {"\ud800", "\0"}:
            continue  # no UTF-8, or refused by Streamlit before any script runs
        page.upload(file.data, file_name or "file")
        assert len(page.error) <= 1, file.name
        if file.outcome == "image":
            assert not page.error, file.name
        elif file.outcome == "rejected":
            assert re.search(r"\. (Choose|Upload|Save|Export) ", page.error[0].value), file.name
            assert "\n" not in page.error[0].value
            # The message quotes neither the file's content nor its name.
            assert "<b>" not in page.error[0].value
            assert "passwd" not in page.error[0].value


def test_a_session_keeps_neither_feature_maps_nor_the_file():
    page = open_page(**MAPS, picture="Your own", channel="5", row="7", column="9")
    page.upload(encode(noise(900, 900), "PNG"))  # 2.4 MB
    assert "Your picture" in page.texts
    assert "Strongest contributors" in page.texts
    # The layer before has 6.4 MB of maps; the picture's pixels and its PNG are 0.3 MB.
    assert page.held_bytes() < 1_000_000
