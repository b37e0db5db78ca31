"""Tours that the page offers: its own, and those of the host's folder, which may be hostile."""

import errno
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from vgg_viz import tour_list
from vgg_viz.fields import FIELDS, TOURS
from vgg_viz.tour_list import MOST_FILES, TOURS_VARIABLE, WALKTHROUGH, built_in, first_in, offered

FILE = '[[step]]\ntitle = "A step"\ntext = "Some words."\npage = "?view=blocks"\n'


def tour(title, language="en"):
    return f'title = "{title}"\nlanguage = "{language}"\n{FILE}'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder that the host names for tours."""
    inside = tmp_path / "tours"
    inside.mkdir()
    monkeypatch.setenv(TOURS_VARIABLE, str(inside))
    yield inside
    tour_list._offered.cache_clear()


def hosts():
    return {name: one.title for name, one in offered().items() if name not in TOURS}


def test_the_pages_own_tours_come_first(folder):
    (folder / "another.toml").write_text(tour("Another"))
    names = list(offered())
    assert names == [*(name for name in TOURS if name in names), "another"]
    assert offered()[WALKTHROUGH] == built_in()


def test_links_name_the_hosts_tours_by_their_files(folder):
    for name in ("edges", "گشت", "a<b", "walkthrough"):
        (folder / f"{name}.toml").write_text(tour(name))
    assert hosts() == {"edges": "edges", "گشت": "گشت", "ab": "a<b", "walkthrough 2": "walkthrough"}
    assert [FIELDS["tour_name"].read([name]) for name in hosts()] == list(hosts())


def test_a_broken_file_is_left_out_and_the_log_says_its_step_and_key(folder, caplog):
    (folder / "good.toml").write_text(tour("Good"))
    (folder / "broken.toml").write_text(tour("Broken") + FILE.replace("blocks", "block"))
    (folder / "large.toml").write_bytes(b"#" * 10**6)
    (folder / "binary.toml").write_bytes(bytes(range(256)))
    (folder / "folder.toml").mkdir()
    os.mkfifo(folder / "pipe.toml")
    caplog.clear()
    assert hosts() == {"good": "Good"}
    told = [record.getMessage() for record in caplog.records if "left out" in record.msg.lower()]
    assert len([one for one in told if "your" not in one and "-fa" not in one]) == 5
    (broken,) = (one for one in told if "broken.toml" in one)
    assert "Step 2 of the tour: page: view: expected one of" in broken
    assert all("\n" not in one for one in told)


def test_a_file_in_a_folder_that_may_not_be_searched_is_left_out(folder, caplog, monkeypatch):
    (folder / "one.toml").write_text(tour("One"))
    refusal = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Path, "is_file", Mock(side_effect=refusal))
    assert hosts() == {}
    assert "Left out the tour one.toml: Permission denied" in caplog.text


def test_links_out_of_the_folder_and_hidden_files_are_left_out(folder, tmp_path):
    outside = tmp_path / "outside.toml"
    outside.write_text(tour("Outside"))
    (folder / "link.toml").symlink_to(outside)
    (folder / "loop.toml").symlink_to(folder / "loop.toml")
    (folder / "nowhere.toml").symlink_to(tmp_path / "nothing")
    (folder / ".hidden.toml").write_text(tour("Hidden"))
    (folder / "notes.txt").write_text(tour("Notes"))
    (folder / "good.toml").write_text(tour("Good"))
    (folder / "again.toml").symlink_to(folder / "good.toml")
    assert hosts() == {"good": "Good", "again": "Good"}


def test_a_folder_of_many_files_is_bounded(folder, caplog):
    for number in range(MOST_FILES + 5):
        (folder / f"{number:04}.toml").write_text(tour(f"Tour {number}"))
    assert list(hosts().values()) == [f"Tour {number}" for number in range(MOST_FILES)]
    assert f"Read {MOST_FILES} of the {MOST_FILES + 5} tours in the folder" in caplog.text


@pytest.mark.parametrize("setting", ["", "nothing-there", "~nobody/tours", "\0"])
def test_without_a_folder_the_page_has_its_own_tours(monkeypatch, setting):
    monkeypatch.setattr(tour_list.os, "environ", {TOURS_VARIABLE: setting})
    assert hosts() == {}
    assert WALKTHROUGH in offered()


def test_the_first_tour_in_the_browsers_language_is_offered_first(folder):
    (folder / "tur.toml").write_text(tour("Eine Führung", "de"))
    (folder / "tur2.toml").write_text(tour("Noch eine", "de"))
    named = {locale: first_in(locale) for locale in ("de-AT", "DE", "en", "d", "xx", "", None)}
    assert named == {"de-AT": "tur", "DE": "tur"} | dict.fromkeys(
        ("en", "d", "xx", "", None), WALKTHROUGH
    )
