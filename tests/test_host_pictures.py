"""A host's folder of pictures: names and titles, bounds, and hostile folders."""

import logging
import os

import pytest

from tests.support.image_files import photo
from vgg_viz import host_pictures
from vgg_viz.fields import FIELDS
from vgg_viz.host_pictures import MOST_PICTURES, VARIABLE, host_files
from vgg_viz.image_io.limits import MAX_BYTES


def write(folder, *names, data=b"x"):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(data)


def found(folder):
    """Return the pictures of a folder, read anew."""
    host_pictures.files_of.cache_clear()
    return host_files({VARIABLE: str(folder)})


def test_file_names_become_names_in_links_and_titles(tmp_path):
    write(tmp_path, "my-first_photo.JPG", "Brücke<1>.png", "e\u0301.webp", "گربه\u200cها.png")
    files = found(tmp_path)
    assert {name: file.title for name, file in files.items()} == {
        "Brücke1": "Brücke1",
        "my-first_photo": "My first photo",
        "é": "É",
        "گربه\u200cها": "گربه\u200cها",
    }
    for name in files:
        assert FIELDS["picture"].read([name]) == FIELDS["other"].read([name]) == name


def test_no_picture_has_the_name_or_title_of_another_or_of_a_sample(tmp_path):
    write(tmp_path, "cat.png", "OWN.png", "grace-hopper.png", "a-b.png", "a_b.png", "a b.gif")
    files = found(tmp_path)
    titles = [file.title.casefold() for file in files.values()]
    known = [one.label.casefold() for one in FIELDS["picture"].options.values()]
    assert len({*titles, *known}) == len(titles) + len(known)
    assert {"cat 2", "OWN 2", "grace-hopper"} <= set(files)
    # As the field of a link reads them, which knows options by name and label in any case.
    assert [FIELDS["picture"].read([name]) for name in files] == [*files]


def test_other_files_and_hidden_ones_are_no_pictures(tmp_path, caplog):
    write(tmp_path, "notes.txt", ".hidden.jpg", "a.jpg")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    assert list(found(tmp_path)) == ["a"]
    assert [line.getMessage() for line in caplog.records] == [
        f"{VARIABLE}: left out 'folder.png, pipe.png': no file"
    ]


def test_pictures_need_no_ending_or_may_have_another(tmp_path):
    write(tmp_path, "IMG_2034", "saved.jfif", "b.tmp", "x.PNG_large", data=photo("red"))
    write(tmp_path, "README", "a.css", "index", data=b"<html>")
    os.mkfifo(tmp_path / "pipe")
    assert list(found(tmp_path)) == ["IMG_2034", "b", "saved", "x"]


def test_links_lead_nowhere_out_of_the_folder(tmp_path, caplog):
    folder, beside = tmp_path / "pictures", tmp_path / "pictures-beside"
    write(beside, "secret.png")
    write(folder, "a.png")
    (folder / "inside.png").symlink_to("a.png")
    (folder / "out.png").symlink_to(beside / "secret.png")
    (folder / "up.png").symlink_to("../pictures-beside/secret.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "nowhere.png").symlink_to("nothing.png")
    assert list(found(folder)) == ["a", "inside"]
    assert "left out 'out.png, up.png': a link out of the folder" in caplog.text
    assert len(caplog.records) <= 3
    # A folder that is a link itself, as where a volume is mounted.
    (tmp_path / "mounted").symlink_to(folder)
    assert list(found(tmp_path / "mounted")) == ["a", "inside"]


def test_of_many_files_twenty_are_taken(tmp_path, caplog, monkeypatch):
    count = 300
    write(tmp_path, *(f"{number:05}.jpg" for number in range(count)))
    looked_at, whole = [], host_pictures.problem_of
    monkeypatch.setattr(
        host_pictures, "problem_of", lambda *given: looked_at.append(given) or whole(*given)
    )
    monkeypatch.setattr(host_pictures, "MOST_ENTRIES", count // 2)
    assert len(found(tmp_path)) == len(looked_at) == MOST_PICTURES
    (line,) = caplog.records
    assert line.getMessage().endswith(f" and {count // 2 - 23} more: beyond the first 20")
    assert len(line.getMessage()) < 200


def test_large_files_are_left_out_one_by_one_and_together(tmp_path, caplog, monkeypatch):
    for name, size in {"a": 600_000, "b": MAX_BYTES + 1, "c": 600_000, "d": 400_000}.items():
        with (tmp_path / f"{name}.tif").open("wb") as file:
            file.truncate(size)
    monkeypatch.setattr(host_pictures, "MEGABYTES_TOGETHER", 1)
    assert list(found(tmp_path)) == ["a", "d"]
    assert "left out 'b.tif': larger than 20 MB" in caplog.text
    assert "left out 'c.tif': more than 1 MB together" in caplog.text


def test_a_folder_that_cannot_be_read_is_one_line_in_the_log(tmp_path, caplog, monkeypatch):
    assert found(tmp_path / "missing") == {}
    write(tmp_path, "a.png")
    assert found(tmp_path / "a.png") == {}

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(host_pictures.os, "scandir", refuse)
    assert found(tmp_path) == {}
    assert [line.levelno for line in caplog.records] == [logging.WARNING] * 3
    assert "Permission denied" in caplog.text


@pytest.mark.parametrize("setting", [None, "", "  "])
def test_without_the_variable_there_are_none(setting):
    assert host_files({} if setting is None else {VARIABLE: setting}) == {}


def test_a_file_is_read_no_further_than_an_image_may_be_long(tmp_path):
    write(tmp_path, "a.png", data=photo("red"))
    (file,) = found(tmp_path).values()
    assert host_pictures.read(file) == photo("red")
    with file.path.open("wb") as grown:
        grown.truncate(3 * MAX_BYTES)
    assert len(host_pictures.read(file)) == MAX_BYTES + 1
