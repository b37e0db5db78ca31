"""The host's own networks: their files and names."""

import os
from pathlib import Path

from vgg_viz.model.networks import own_files


def test_the_setting_names_folders_files_and_names(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in (
        "b.weights.h5",
        "a.v2.keras",
        "ImageNet.h5",
        "notes.txt",
        "a.v2.classes.txt",
        "._a.v2.keras",
    ):
        (folder / name).touch()
    (tmp_path / "other=1.keras").touch()
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    parts = ["~/mine", "Birds=~/other=1.keras", "b=~/mine/a.v2.keras", "~/absent.h5", "~/saved", ""]
    found = own_files({"VGG_VIZ_NETWORKS": os.pathsep.join(parts)})
    assert {name: path.name for name, path in found.items()} == {
        "ImageNet 2": "ImageNet.h5",
        "a.v2": "a.v2.keras",
        "b": "b.weights.h5",
        "Birds": "other=1.keras",
        "b 2": "a.v2.keras",
        "absent": "absent.h5",  # listed, so that the page can say that it is not there
        "saved": "saved",  # and that this is a SavedModel
    }
    assert found["Birds"] == tmp_path / "other=1.keras"
    assert own_files({}) == {}


def test_a_folder_that_may_not_be_read_is_listed_by_its_name(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert own_files({"VGG_VIZ_NETWORKS": str(tmp_path)}) == {tmp_path.name: tmp_path}
