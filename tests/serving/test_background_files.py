"""Dense layers and names of classes, looked for and fetched once for all viewers."""

import tempfile
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support import file_server
from tests.support.class_lists import keras_list, pass_for_keras_list
from tests.support.file_server import serve
from tests.support.weights_files import (
    pass_for_the_full_file,
    write_hollow_full_weights,
    write_hollow_weights,
)
from vgg_viz.downloads.keras_files import FULL
from vgg_viz.model import class_names, weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import CLASS_INDEX, NUMBERED, from_json
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, UntrainedWeights, WeightsError
from vgg_viz.serving.background_files import UNEXPECTED, DenseLoader, FullFileMissing

PATIENCE = 60
LAST = VGG19.dense_layers[-1]


@pytest.fixture(scope="module")
def full_content(tmp_path_factory):
    """The bytes of a weights file with dense layers, of more than one piece of a download."""
    path = tmp_path_factory.mktemp("full") / "full.h5"
    write_hollow_full_weights(path)
    return path.read_bytes() + bytes(range(256)) * 8192


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch, full_content):
    """Keras' folder, in a world of the test's own: nothing is there, and nothing to be had."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", "nowhere")
    monkeypatch.delenv("VGG_VIZ_CLASS_NAMES", raising=False)
    pass_for_the_full_file(monkeypatch, full_content)
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def convolutions(tmp_path):
    """Keras' file without the dense layers."""
    write_hollow_weights(tmp_path / "notop.h5")
    return StoredWeights(tmp_path / "notop.h5", IMAGENET_LABEL)


def the_one(loader, conv_weights):
    return loader.weights_for(conv_weights).result(PATIENCE)


def error(loader, conv_weights):
    return loader.weights_for(conv_weights).exception(PATIENCE)


def wait_for_the_end(loader):
    wait_for(lambda: loader.progress() is None)


def wait_for(condition):
    for _ in range(100 * PATIENCE):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited without end")


# -- which dense layers


def test_untrained_convolutions_have_untrained_dense_layers():
    loader = DenseLoader()
    found = the_one(loader, UntrainedWeights())
    assert isinstance(found, UntrainedDense)
    assert the_one(loader, UntrainedWeights()) is found
    assert the_one(loader, UntrainedWeights(seed=20)).identity != found.identity


def test_a_file_of_the_hosts_has_its_own(tmp_path, models, full_content):
    (models / FULL.name).write_bytes(full_content)
    write_hollow_full_weights(tmp_path / "mine.h5")
    found = the_one(DenseLoader(), StoredWeights(tmp_path / "mine.h5", "weights of mine.h5"))
    assert found.label == "weights of mine.h5"
    np.testing.assert_array_equal(found.bias(LAST), np.full(1000, -LAST.index, np.float32))


def test_a_file_of_the_hosts_without_any_gets_none_of_another_file(tmp_path, models, full_content):
    (models / FULL.name).write_bytes(full_content)
    write_hollow_weights(tmp_path / "mine.h5")
    raised = error(DenseLoader(), StoredWeights(tmp_path / "mine.h5", "weights of mine.h5"))
    assert isinstance(raised, WeightsError)
    assert str(raised).startswith("expected VGG19 weights in mine.h5: expected a layer fc1")


def test_keras_convolutions_get_those_of_the_full_file(convolutions, models, full_content):
    (models / FULL.name).write_bytes(full_content)
    found = the_one(DenseLoader(), convolutions)
    assert found.label == IMAGENET_LABEL
    assert found.identity == ("dense", weights.FULL.md5)


def test_where_the_full_file_is_in_use_nothing_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "find_full", None)
    write_hollow_full_weights(tmp_path / "full.h5")
    found = the_one(DenseLoader(), StoredWeights(tmp_path / "full.h5", IMAGENET_LABEL))
    assert found.bias(LAST).shape == (1000,)


def test_the_search_is_in_the_background_and_once_for_all(convolutions, monkeypatch):
    searches, gate = [], threading.Event()

    def find_full():
        searches.append(gate.wait(PATIENCE))

    monkeypatch.setattr(weights, "find_full", find_full)
    loader = DenseLoader()
    futures = [loader.weights_for(convolutions) for _ in range(9)]
    assert not any(future.done() for future in futures)
    gate.set()
    assert {type(future.exception(PATIENCE)) for future in futures} == {FullFileMissing}
    assert isinstance(error(loader, convolutions), FullFileMissing)
    assert len(searches) == 1


def test_a_file_that_was_brought_by_hand_is_found_on_request(convolutions, models, full_content):
    loader = DenseLoader()
    assert isinstance(error(loader, convolutions), FullFileMissing)
    (models / FULL.name).write_bytes(full_content)
    assert isinstance(error(loader, convolutions), FullFileMissing)
    loader.retry()
    found = the_one(loader, convolutions)
    loader.retry()
    assert the_one(loader, convolutions) is found


def test_what_has_turned_out_to_be_damaged_is_said_to_all_until_it_is_mended(
    convolutions, models, full_content
):
    (models / FULL.name).write_bytes(full_content)
    loader = DenseLoader()
    damaged, other = the_one(loader, convolutions), the_one(loader, UntrainedWeights())
    loader.give_up(damaged, WeightsError("it is gone"))
    assert str(error(loader, convolutions)) == "it is gone"
    assert the_one(loader, UntrainedWeights()) is other
    loader.retry()
    mended = the_one(loader, convolutions)
    loader.give_up(damaged, WeightsError("it is gone"))
    assert the_one(loader, convolutions) is mended


# -- fetching the full file


def test_one_download_serves_all_and_all_see_how_far_it_is(
    convolutions, models, full_content, monkeypatch
):
    loader = DenseLoader()
    assert isinstance(error(loader, convolutions), FullFileMissing)
    assert loader.progress() is None
    with serve(full_content, file_server.hold_half_way, file_server.send_the_rest) as server:
        monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", server.url)
        for _ in range(3):
            loader.fetch()
        wait_for(lambda: loader.progress()[0])
        received, expected = loader.progress()
        assert 0 < received <= expected // 2
        assert expected == len(full_content)
        assert isinstance(error(loader, convolutions), FullFileMissing)
        server.released.set()
        wait_for_the_end(loader)
    assert len(server.requests) == 2
    assert loader.failure() == ()
    assert the_one(loader, convolutions).identity == ("dense", weights.FULL.md5)
    assert (models / FULL.name).read_bytes() == full_content


def test_many_clicks_are_one_download(monkeypatch):
    begun, gate = [], threading.Event()

    def fetch_full(**_):
        begun.append(gate.wait(PATIENCE))

    monkeypatch.setattr(weights, "fetch_full", fetch_full)
    loader = DenseLoader()
    for _ in range(3):
        loader.fetch()
    gate.set()
    wait_for_the_end(loader)
    assert begun == [True]


def test_a_download_that_fails_is_said_and_the_next_goes_on(
    convolutions, models, full_content, monkeypatch
):
    loader = DenseLoader()
    with serve(full_content, *[file_server.cut_off] * 3, file_server.send_the_rest) as server:
        monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", server.url)
        loader.fetch()
        wait_for_the_end(loader)
        [sentence] = loader.failure()
        assert sentence.startswith(
            f"Could not download {server.url} (tried 3 times): the connection closed"
        )
        assert isinstance(error(loader, convolutions), FullFileMissing)
        loader.fetch()
        wait_for_the_end(loader)
    assert loader.failure() == ()
    assert server.ranges[-1] not in (None, "bytes=0-")
    assert the_one(loader, convolutions)


def test_a_failure_can_be_forgotten():
    loader = DenseLoader()
    loader.fetch()
    wait_for_the_end(loader)
    assert len(loader.failure()) == 1
    loader.retry()
    assert loader.failure() == ()


def test_what_nobody_expected_is_a_sentence(monkeypatch, caplog):
    monkeypatch.setattr(weights, "fetch_full", lambda **_: 1 / 0)
    loader = DenseLoader()
    loader.fetch()
    wait_for_the_end(loader)
    assert loader.failure() == (UNEXPECTED,)
    assert "ZeroDivisionError" in caplog.text


# -- names


@pytest.fixture
def listed(monkeypatch):
    """A list that passes for Keras' own."""
    content = keras_list()
    pass_for_keras_list(monkeypatch, content)
    return content


def test_names_are_looked_for_once(models, listed):
    (models / CLASS_INDEX.name).write_bytes(listed)
    loader = DenseLoader()
    found = loader.names().result(PATIENCE)
    assert found == from_json(listed)
    assert not found.attempts
    (models / CLASS_INDEX.name).unlink()
    loader.retry()
    assert loader.names().result(PATIENCE) is found


def test_where_no_names_are_to_be_had_there_are_numbers_until_somebody_wants_a_retry(
    tmp_path, monkeypatch
):
    path = tmp_path / "names.txt"
    monkeypatch.setenv("VGG_VIZ_CLASS_NAMES", str(path))
    loader = DenseLoader()
    found = loader.names().result(PATIENCE)
    assert found == NUMBERED
    assert found.attempts == (
        "Could not use the file names.txt, named by VGG_VIZ_CLASS_NAMES: No such file or "
        "directory.",
    )
    path.write_text("\n".join(f"name {index}" for index in range(1000)))
    assert loader.names().result(PATIENCE) is found
    loader.retry()
    assert loader.names().result(PATIENCE).name(7) == "name 7"


def test_names_never_end_in_an_error(monkeypatch, caplog):
    monkeypatch.setattr(class_names, "obtain", lambda: 1 / 0)
    found = DenseLoader().names().result(PATIENCE)
    assert (found, found.attempts) == (NUMBERED, (UNEXPECTED,))
    assert "ZeroDivisionError" in caplog.text
