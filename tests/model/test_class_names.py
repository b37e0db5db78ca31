"""Class names from Keras' list, from the host's file, or missing."""

import hashlib
import json
import re
import socket
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import file_server
from tests.support.class_lists import entry, keras_list, pass_for_keras_list
from tests.support.file_server import serve
from vgg_viz.downloads.keras_files import FileUnavailable
from vgg_viz.model import class_names
from vgg_viz.model.class_names import (
    CLASS_INDEX,
    MAX_BYTES,
    NUMBERED,
    ClassNames,
    from_json,
    from_text,
)

EXPECTED_IDS = tuple(entry(index)[0] for index in range(1000))
EXPECTED_NAMES = tuple(entry(index)[1].replace("_", " ") for index in range(1000))


@pytest.fixture(autouse=True)
def isolated_downloads(tmp_path, monkeypatch):
    """Bypass proxies, skip the waits between attempts and use a temporary folder per test."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def content(monkeypatch):
    """List accepted as Keras' own; its address refuses connections."""
    content = keras_list()
    pass_for_keras_list(monkeypatch, content)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        from_address(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    return content


def from_address(monkeypatch, *urls):
    index = replace(class_names.CLASS_INDEX, folders=tuple(urls))
    monkeypatch.setattr(class_names, "CLASS_INDEX", index)


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def environment(tmp_path):
    return {"KERAS_HOME": str(tmp_path / "keras")}


# -- names, ids and labels


def test_label_has_name_id_and_index():
    names = from_json(keras_list())
    assert (names.wordnet_ids, names.names) == (EXPECTED_IDS, EXPECTED_NAMES)
    assert names.name(285) == "Egyptian cat"
    assert names.wordnet_id(285) == "n02124075"
    assert names.label(285) == "Egyptian cat · n02124075 · class 285"


def test_labels_of_two_classes_with_one_name_differ():
    names = from_json(keras_list())
    assert names.name(134) == names.name(517) == "crane"
    assert names.label(134) == "crane · n02012849 · class 134"
    assert names.label(517) == "crane · n03126707 · class 517"


def test_classes_without_names_are_numbered():
    assert (NUMBERED.name(285), NUMBERED.wordnet_id(285)) == ("class 285", "")
    assert NUMBERED.label(285) == "class 285"
    assert ClassNames(EXPECTED_NAMES, ("",) * 1000).label(285) == "Egyptian cat · class 285"


@pytest.mark.parametrize("index", [-1, 1000])
@pytest.mark.parametrize("names", [NUMBERED, from_json(keras_list())], ids=["numbers", "names"])
def test_index_outside_0_to_999_is_an_error(index, names):
    for method in (names.name, names.label):
        with pytest.raises(IndexError, match=f"expected a class from 0 to 999, got {index}"):
            method(index)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"0": "tench"}',
        b"\xff",
        b"3",
        json.dumps({str(index): ["n1", "a", "b"] for index in range(1000)}).encode(),
    ],
)
def test_other_json_is_refused(content):
    with pytest.raises(ValueError):  # noqa: PT011
        from_json(content)


# -- Keras' list


def test_list_in_keras_folder_is_recognized_by_its_md5(environment, models, content):
    (models / CLASS_INDEX.name).write_bytes(content)
    assert class_names.obtain(environment) == from_json(content)
    (models / CLASS_INDEX.name).write_bytes(content + b" ")
    with pytest.raises(FileUnavailable):
        class_names.obtain(environment)


def test_list_is_downloaded_to_keras_folder(environment, models, content, monkeypatch):
    with (
        serve(content, file_server.refuse) as newer,
        serve(content, file_server.send) as older,
    ):
        urls = [server.url.removesuffix("weights.h5") for server in (newer, older)]
        from_address(monkeypatch, *urls)
        assert (
            class_names.obtain(environment) == class_names.obtain(environment) == from_json(content)
        )
    assert newer.requests == older.requests == ["/imagenet_class_index.json"]
    assert (models / CLASS_INDEX.name).read_bytes() == content
    assert [path.name for path in models.iterdir()] == [CLASS_INDEX.name]


def test_download_with_another_md5_is_refused(environment, models, content, monkeypatch):
    with serve(content, file_server.send_other_bytes) as server:
        from_address(monkeypatch, server.url.removesuffix("weights.h5"))
        with pytest.raises(FileUnavailable, match="expected a file with MD5"):
            class_names.obtain(environment)
    assert list(models.iterdir()) == []


def test_missing_network_is_explained_in_a_sentence(environment, models, content):
    with pytest.raises(FileUnavailable) as raised:
        class_names.obtain(environment)
    [sentence] = raised.value.attempts
    assert sentence.endswith("could not reach the host (Connection refused).")
    assert str(models) not in sentence


def test_list_with_another_layout_is_explained_in_a_sentence(
    environment, models, monkeypatch, tmp_path
):
    pass_for_keras_list(monkeypatch, b"[]")
    (models / CLASS_INDEX.name).write_bytes(b"[]")
    with pytest.raises(FileUnavailable, match=r"^Could not read imagenet_class_index.json: exp"):
        class_names.obtain(environment)


def test_name_md5_and_addresses_match_keras():
    source = Path(find_spec("keras").origin).parent / "src/applications/imagenet_utils.py"
    joined = re.sub(r'"\s+"', "", source.read_text())
    newer, older = CLASS_INDEX.addresses({})
    assert f'"{CLASS_INDEX.name}"' in joined
    assert f'file_hash="{CLASS_INDEX.md5}"' in joined
    assert f'"{newer}"' in joined
    assert older == (
        "https://s3.amazonaws.com/deep-learning-models/image-models/imagenet_class_index.json"
    )


# -- the host's file


def lines(count=1000):
    return [f"name {index}" for index in range(count)]


def host_file(tmp_path, text):
    path = tmp_path / "names.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {"VGG_VIZ_CLASS_NAMES": str(path)}


@pytest.mark.parametrize(
    ("join", "end"), [("\n", ""), ("\n", "\n"), ("\r\n", "\r\n"), ("\n", "\n\n \n"), ("  \n", "")]
)
def test_names_are_read_from_a_text_file(environment, tmp_path, join, end):
    found = class_names.obtain({**environment, **host_file(tmp_path, join.join(lines()) + end)})
    assert found.names == tuple(lines())
    assert found.label(17) == "name 17 · class 17"


def test_text_file_may_have_ids_markup_and_any_script(environment, tmp_path):
    given = [f"n{index:08} Katze_{index}, <b>猫</b>" for index in range(999)] + ["n1234 other"]
    found = class_names.obtain({**environment, **host_file(tmp_path, "\ufeff" + "\n".join(given))})
    assert found.label(7) == "Katze 7, <b>猫</b> · n00000007 · class 7"
    assert found.label(999) == "n1234 other · class 999"


def with_line(line):
    return "\n".join([*lines(41), line, *lines(958)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n".join(lines(999)), "expected 1,000 lines, got 999"),
        ("\n".join(lines(1001)), "expected 1,000 lines, got 1,001"),
        ("", "expected 1,000 lines, got 0"),
        ("\n".join(lines()).encode("utf-16"), "expected text in UTF-8, got something else"),
        (with_line(" "), "of 1 to 200 printable characters in line 42, got something else"),
        (with_line("a\0b"), "printable characters in line 42, got something else"),
        (with_line("a\x1b[31mb"), "printable characters in line 42, got something else"),
        (with_line("a\u202eb"), "printable characters in line 42, got something else"),
        (with_line("a" * 201), "printable characters in line 42, got something else"),
        (b"x" * (MAX_BYTES + 1), "expected at most 1 MB, got more"),
    ],
)
def test_invalid_text_file_is_explained_and_not_replaced_by_keras_list(
    environment, models, content, tmp_path, caplog, text, reason
):
    (models / CLASS_INDEX.name).write_bytes(content)
    with pytest.raises(FileUnavailable) as raised:
        class_names.obtain({**environment, **host_file(tmp_path, text)})
    [sentence] = raised.value.attempts
    start = "Could not use the file names.txt, named by VGG_VIZ_CLASS_NAMES: "
    assert sentence.startswith(start)
    assert sentence.endswith(f"{reason}.")
    assert str(tmp_path) not in sentence
    assert str(tmp_path / "names.txt") in caplog.text


def test_unreadable_text_file_is_explained(environment, tmp_path):
    for name, reason in (("absent.txt", "No such file or directory"), (".", "Is a directory")):
        named = {"VGG_VIZ_CLASS_NAMES": str(tmp_path / name)}
        with pytest.raises(FileUnavailable, match=f"CLASS_NAMES: {reason}") as raised:
            class_names.obtain({**environment, **named})
        assert str(tmp_path.parent) not in str(raised.value)


def test_endless_file_is_read_only_up_to_its_limit(environment):
    with pytest.raises(FileUnavailable, match="at most 1 MB, got more"):
        class_names.obtain({**environment, "VGG_VIZ_CLASS_NAMES": "/dev/zero"})


def test_synthetic_list_is_not_keras_own():
    assert hashlib.md5(keras_list()).hexdigest() != CLASS_INDEX.md5
    assert from_text("\n".join(lines()).encode()) != from_json(keras_list())
