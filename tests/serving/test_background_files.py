"""Dense layers and class names, found and downloaded once for all viewers."""

import threading

import numpy as np
import pytest

from tests.support import file_server
from tests.support.class_lists import keras_list, pass_for_keras_list
from tests.support.file_server import serve
from tests.support.offline import isolate
from tests.support.threads import wait_for
from tests.support.weights_files import (
    pass_for_the_full_file,
    write_hollow_full_weights,
    write_hollow_weights,
)
from vgg_viz.model import class_names, weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import CLASS_INDEX, NUMBERED, from_text
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, UntrainedWeights, WeightsError
from vgg_viz.serving.background_files import UNEXPECTED, DenseLoader, FullFileMissing

PATIENCE = 60  # seconds
LAST = VGG19.dense_layers[-1]


@pytest.fixture(scope="module")
def full_content(tmp_path_factory):
    """Bytes of a weights file with dense layers, larger than one chunk of a download."""
    path = tmp_path_factory.mktemp("full") / "full.h5"
    write_hollow_full_weights(path)
    return path.read_bytes() + bytes(range(256)) * 8192


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch, full_content):
    """Keras' model folder, empty and without any reachable download."""
    isolate(tmp_path, monkeypatch)
    pass_for_the_full_file(monkeypatch, full_content)
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def convolutions(tmp_path):
    """Weights in Keras' file without dense layers."""
    write_hollow_weights(tmp_path / "notop.h5")
    return StoredWeights(tmp_path / "notop.h5", IMAGENET_LABEL)


def dense_of(loader, conv_weights):
    return loader.weights_for(conv_weights).result(PATIENCE)


def error(loader, conv_weights):
    return loader.weights_for(conv_weights).exception(PATIENCE)


def wait_for_download(loader):
    wait_for(lambda: loader.progress() is None)


def test_untrained_convolutions_have_untrained_dense_layers():
    loader = DenseLoader()
    found = dense_of(loader, UntrainedWeights())
    assert isinstance(found, UntrainedDense)
    assert dense_of(loader, UntrainedWeights()) is found
    assert dense_of(loader, UntrainedWeights(seed=20)).identity != found.identity


def test_the_hosts_file_without_dense_layers_gets_none_from_another_file(
    tmp_path, models, full_content
):
    (models / weights.FULL.name).write_bytes(full_content)
    write_hollow_weights(tmp_path / "mine.h5")
    raised = error(DenseLoader(), StoredWeights(tmp_path / "mine.h5", "weights of mine.h5"))
    assert isinstance(raised, WeightsError)
    assert str(raised) == "expected VGG19's dense layers in weights of mine.h5, got none"


def test_a_file_with_dense_layers_provides_them_without_a_search(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "find_full", None)
    write_hollow_full_weights(tmp_path / "full.h5")
    for label in (IMAGENET_LABEL, "weights of full.h5"):
        found = dense_of(DenseLoader(), StoredWeights(tmp_path / "full.h5", label))
        assert found.label == label
        np.testing.assert_array_equal(found.bias(LAST), np.full(1000, -LAST.index, np.float32))


def test_search_runs_once_in_the_background(convolutions, monkeypatch):
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


def test_a_file_copied_by_hand_is_found_on_retry(convolutions, models, full_content):
    loader = DenseLoader()
    assert isinstance(error(loader, convolutions), FullFileMissing)
    (models / weights.FULL.name).write_bytes(full_content)
    assert isinstance(error(loader, convolutions), FullFileMissing)
    loader.retry()
    found = dense_of(loader, convolutions)
    loader.retry()
    assert dense_of(loader, convolutions) is found


def test_damaged_dense_layers_fail_for_all_until_retry(convolutions, models, full_content):
    (models / weights.FULL.name).write_bytes(full_content)
    loader = DenseLoader()
    damaged, other = dense_of(loader, convolutions), dense_of(loader, UntrainedWeights())
    loader.give_up(damaged, WeightsError("the file is gone"))
    assert str(error(loader, convolutions)) == "the file is gone"
    assert dense_of(loader, UntrainedWeights()) is other
    loader.retry()
    mended = dense_of(loader, convolutions)
    loader.give_up(damaged, WeightsError("the file is gone"))
    assert dense_of(loader, convolutions) is mended


def test_one_download_serves_all_and_reports_progress(
    convolutions, models, full_content, monkeypatch
):
    loader = DenseLoader()
    assert isinstance(error(loader, convolutions), FullFileMissing)
    assert loader.progress() is None
    with serve(full_content, file_server.pause_halfway, file_server.send_range) as server:
        monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", server.url)
        for _ in range(3):
            loader.fetch()
        wait_for(lambda: loader.progress()[0])
        received, expected = loader.progress()
        assert 0 < received <= expected // 2
        assert expected == len(full_content)
        assert isinstance(error(loader, convolutions), FullFileMissing)
        server.released.set()
        wait_for_download(loader)
    assert len(server.requests) == 2
    assert loader.failure() == ()
    found = dense_of(loader, convolutions)
    assert (found.label, found.identity) == (IMAGENET_LABEL, ("dense", weights.FULL.md5))
    assert (models / weights.FULL.name).read_bytes() == full_content


def test_an_unexpected_error_is_reported_as_a_sentence(monkeypatch, caplog):
    monkeypatch.setattr(weights, "fetch_full", lambda **_: 1 / 0)
    monkeypatch.setattr(class_names, "obtain", lambda: [].pop())
    loader = DenseLoader()
    loader.fetch()
    wait_for_download(loader)
    assert loader.failure() == (UNEXPECTED,)
    assert "ZeroDivisionError" in caplog.text
    loader.retry()
    assert loader.failure() == ()
    found = loader.names().result(PATIENCE)
    assert (found, found.attempts) == (NUMBERED, (UNEXPECTED,))
    assert "IndexError" in caplog.text


def test_names_are_loaded_once(models, monkeypatch):
    listed = keras_list()
    pass_for_keras_list(monkeypatch, listed)
    (models / CLASS_INDEX.name).write_bytes(listed)
    loader = DenseLoader()
    found = loader.names().result(PATIENCE)
    assert found == from_text(listed)
    assert not found.attempts
    (models / CLASS_INDEX.name).unlink()
    loader.retry()
    assert loader.names().result(PATIENCE) is found


def test_missing_names_are_numbers_until_retry(tmp_path, monkeypatch):
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
