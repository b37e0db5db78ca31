"""The host's pictures: decoded once, and left out if they cannot be read."""

import threading

import pytest

from tests.support.image_files import photo
from vgg_viz.image_io import images
from vgg_viz.image_io.limits import ImageFileError
from vgg_viz.samples import PictureFile
from vgg_viz.serving import gallery
from vgg_viz.serving.gallery import Gallery


def files_in(folder, **contents):
    """Return the files with these contents, written to a folder; without content, there is none."""
    files = {}
    for name, data in contents.items():
        path = folder / f"{name}.png"
        if data is not None:
            path.write_bytes(data)
        files[name] = PictureFile(path, name.title(), name.title(), name)
    return files


def wait_for(shown):
    """Wait for the thread that decodes all."""
    for thread in threading.enumerate():
        if thread.name == "gallery":
            thread.join(30)
    return shown


def test_every_picture_is_decoded_once(tmp_path, monkeypatch):
    decoded, whole = [], images.read_image
    monkeypatch.setattr(
        images, "read_image", lambda data, *titles: decoded.append(titles) or whole(data, *titles)
    )
    shown = Gallery(files_in(tmp_path, red=photo("red"), blue=photo("blue")))
    assert shown.picture("blue").title == "Blue"
    assert list(wait_for(shown).decoded()) == ["red", "blue"]
    assert shown.picture("red") is shown.decoded()["red"]
    assert sorted(decoded) == [("Blue", "Blue"), ("Red", "Red")]


def test_what_cannot_be_read_is_left_out_with_one_line_each(tmp_path, caplog, monkeypatch):
    whole = gallery.read

    def read(file):
        if file.name == "locked":
            raise PermissionError(13, "Permission denied", str(file.path))
        return whole(file)

    monkeypatch.setattr(gallery, "read", read)
    contents = {"page": b"<html>", "half": photo("red")[:60], "gone": None, "locked": b"x"}
    shown = wait_for(Gallery(files_in(tmp_path, red=photo("red"), **contents)))
    assert shown.titles() == {"red": "Red"}
    assert list(shown.decoded()) == ["red"]
    for name in contents:
        with pytest.raises(ImageFileError) as error:
            shown.picture(name)
        assert str(tmp_path) not in str(error.value)
    assert len(caplog.records) == 4
    assert all(line.exc_info is None for line in caplog.records)


def test_a_gallery_without_pictures_starts_nothing():
    before = threading.active_count()
    assert Gallery({}).titles() == {}
    assert threading.active_count() == before
