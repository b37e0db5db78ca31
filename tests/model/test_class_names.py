"""Class names from Keras' list, from the host's file, or missing."""

import errno
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.support.class_lists import entry, keras_list, pass_for_keras_list
from tests.support.file_server import serve
from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.model import class_names
from vgg_viz.model.class_names import CLASS_INDEX, MAX_BYTES, NUMBERED, ClassNames, from_text

EXPECTED_IDS = tuple(entry(index)[0] for index in range(1000))
EXPECTED_NAMES = tuple(entry(index)[1].replace("_", " ") for index in range(1000))


pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def content(monkeypatch):
    """List accepted as Keras' own."""
    content = keras_list()
    pass_for_keras_list(monkeypatch, content)
    return content


def test_labels_have_name_id_and_index_as_far_as_they_are_known():
    names = from_text(keras_list())
    assert (names.wordnet_ids, names.names) == (EXPECTED_IDS, EXPECTED_NAMES)
    assert (names.name(285), names.wordnet_id(285)) == ("Egyptian cat", "n02124075")
    assert names.label(285) == "Egyptian cat · n02124075 · class 285"
    # Two classes with one name.
    assert names.label(134) == "crane · n02012849 · class 134"
    assert names.label(517) == "crane · n03126707 · class 517"
    assert (NUMBERED.name(285), NUMBERED.wordnet_id(285)) == ("class 285", "")
    assert NUMBERED.label(285) == "class 285"
    assert ClassNames(EXPECTED_NAMES, ("",) * 1000).label(285) == "Egyptian cat · class 285"


def test_list_is_downloaded_and_found_again_by_its_md5(models, content, monkeypatch):
    with serve(content) as server:
        folders = (server.url.removesuffix("weights.h5"),)
        index = replace(class_names.CLASS_INDEX, folders=folders)
        monkeypatch.setattr(class_names, "CLASS_INDEX", index)
        assert class_names.obtain() == class_names.obtain() == from_text(content)
    assert server.requests == ["/imagenet_class_index.json"]
    assert [path.name for path in models.iterdir()] == [CLASS_INDEX.name]
    (models / CLASS_INDEX.name).write_bytes(content + b" ")
    with pytest.raises(FileUnavailable, match=r"could not reach the host \(Connection refused"):
        class_names.obtain()


def test_list_with_another_layout_is_explained_in_a_sentence(models, monkeypatch):
    pass_for_keras_list(monkeypatch, b"[]")
    (models / CLASS_INDEX.name).write_bytes(b"[]")
    with pytest.raises(
        FileUnavailable,
        match=r"^Could not use imagenet_class_index.json: expected 1,000 entries, got 0",
    ):
        class_names.obtain()


def test_a_network_whose_list_would_have_too_long_a_name_has_numbered_classes(tmp_path):
    network = tmp_path / ("a" * 250 + ".h5")
    network.touch()
    assert class_names.own_names(network, 5) == ClassNames(count=5)
    assert class_names.own_names(network, 5).attempts == ()


def test_a_list_that_may_not_be_looked_for_is_told(tmp_path, monkeypatch):
    refusal = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Path, "exists", Mock(side_effect=refusal))
    (sentence,) = class_names.own_names(tmp_path / "birds.h5", 5).attempts
    assert sentence == "Could not use birds.classes.txt: Permission denied."


def lines(count=1000):
    return [f"name {index}" for index in range(count)]


@pytest.fixture
def host_file(tmp_path, monkeypatch):
    path = tmp_path / "names.txt"
    monkeypatch.setenv("VGG_VIZ_CLASS_NAMES", str(path))
    return path


def test_text_file_may_have_ids_markup_and_any_script(host_file):
    given = [f"n{index:08} Katze_{index}, <b>猫</b>" for index in range(998)]
    given += ["n1234 other", "n00000999\xa0no-break\xa0space, soft\xadhyphen, \u200djoiner"]
    host_file.write_bytes(("\ufeff" + "\r\n".join(given)).encode())
    found = class_names.obtain()
    assert found.label(7) == "Katze 7, <b>猫</b> · n00000007 · class 7"
    assert found.label(998) == "n1234 other · class 998"
    assert found.name(999) == "no-break\xa0space, soft\xadhyphen, \u200djoiner"
    assert found.wordnet_id(999) == "n00000999"


UNPRINTABLE = ("\xad", " ", "a\0b", "a\x1b[31mb", "a\x0bb", "a\u2028b", "a\u202eb", "a" * 201)
NOT_PRINTABLE = "of 1 to 200 printable characters in line 42, got something else"


def with_line(line):
    return "\n".join([*lines(41), line, *lines(958)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n".join(lines(999)), "expected 1,000 lines, got 999"),
        ("\n".join(lines(1001)), "expected 1,000 lines, got 1,001"),
        ("", "expected text in UTF-8, got an empty file; copy or download it again"),
        ("\n".join(lines()).encode("utf-16"), "got text in UTF-16; save it as plain text in UTF-8"),
        (
            with_line("Käse").encode("latin-1"),
            "expected text in UTF-8, got something else in line 42",
        ),
        ("version https://git-lfs.github.com/spec/v1\n", "run git lfs pull to get the file itself"),
        *((with_line(line), NOT_PRINTABLE) for line in UNPRINTABLE),
        (b"x" * (MAX_BYTES + 1), "expected at most 1 MB, got more"),
    ],
)
def test_invalid_text_file_is_explained_and_not_replaced_by_keras_list(
    models, content, host_file, caplog, text, reason
):
    (models / CLASS_INDEX.name).write_bytes(content)
    host_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileUnavailable) as raised:
        class_names.obtain()
    [sentence] = raised.value.attempts
    start = "Could not use the file names.txt, named by VGG_VIZ_CLASS_NAMES: "
    assert sentence.startswith(start)
    assert sentence.endswith(f"{reason}.")
    assert str(host_file.parent) not in sentence
    assert str(host_file) in caplog.text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/absent/names.txt", "No such file or directory"),
        ("/dev", "expected text in UTF-8, got a folder; name a file in it"),
        ("/dev/zero", "expected a file, got a device or a pipe"),
    ],
)
def test_unreadable_text_file_is_explained(monkeypatch, name, reason):
    monkeypatch.setenv("VGG_VIZ_CLASS_NAMES", name)
    with pytest.raises(FileUnavailable, match=f"VGG_VIZ_CLASS_NAMES: {reason}") as raised:
        class_names.obtain()
    assert name not in str(raised.value)
