"""Images computed in advance: all channels of the chosen layers, none of them twice."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.support import REPOSITORY
from tests.support.making import STEPS, Workshop, four, network_of, picture
from tests.support.weights_files import write_hollow_weights
from vgg_viz import atlas
from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.interpretability.feature_visualization.image_store import FOLDER, ImageStore, Series
from vgg_viz.links import MOST_SEEDS
from vgg_viz.model.architecture import VGG19

FIRST, EYES = (VGG19.conv_layer(name) for name in ("block1_conv1", "block2_conv1"))
NETWORK = network_of("mine")


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / FOLDER, "mine")


def compute(
    store, layers, workshop=None, report=lambda *_: None, seed=1, parametrization="regularized"
):
    workshop = workshop or Workshop()
    atlas.compute_missing(
        store,
        NETWORK,
        layers,
        seed,
        parametrization,
        report,
        create_run=workshop.create_run,
        batch_size=four,
    )
    return workshop


def test_all_channels_of_the_layers_are_computed(store):
    reports = []
    compute(
        store, [FIRST, EYES], report=lambda layer, done, left: reports.append((layer.name, done))
    )
    for layer in (FIRST, EYES):
        for channel in range(1, layer.filters + 1):
            found = store.read(Series(layer.name, 1, "regularized"), channel)
            np.testing.assert_array_equal(found.pixels, picture(layer, channel, 1, "regularized"))
            assert (found.value, found.steps) == (STEPS * channel, STEPS)
    assert reports[:3] == [("block1_conv1", 0), ("block1_conv1", 4), ("block1_conv1", 8)]
    assert reports[-1] == ("block2_conv1", 128)


def test_existing_images_are_kept_and_damaged_ones_computed_again(store):
    def interrupt(run):
        if run.channels[0] == 33:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(store, [FIRST], Workshop(interrupt))
    assert len(list(store.folder.iterdir())) == 32
    for path in store.folder.glob("*-007-*"):
        path.write_bytes(b"damaged")
    started = compute(store, [FIRST]).started
    assert started[0] == ("block1_conv1", 7, 33, 34, 35)
    assert len(started) == 9
    assert compute(store, [FIRST]).started == []
    assert len(compute(store, [FIRST], seed=2).started) == 16
    assert len(compute(store, [FIRST], parametrization="pixels").started) == 16


def test_image_without_a_finite_value_is_not_saved(store):
    def spoil(run):
        run.values = np.where(np.array(run.channels) == 2, np.nan, run.values)

    compute(store, [FIRST], Workshop(spoil))
    assert store.read(Series(FIRST.name, 1, "regularized"), 2) is None
    assert len(list(store.folder.iterdir())) == 63


def test_default_layers_are_the_first_three_blocks():
    options = atlas.parser().parse_args([])
    assert [layer.name for layer in options.layers] == [
        layer.name for layer in VGG19.conv_layers if layer.block <= 3
    ]
    assert (options.seed, options.parametrization) == (1, "regularized")
    options = atlas.parser().parse_args(["block4_conv2", "--seed", "7", "--recipe", "pixels"])
    assert (options.layers, options.seed) == ([VGG19.conv_layer("block4_conv2")], 7)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("block1_pool", "expected a conv layer of VGG19, got 'block1_pool'"),
        ("../etc", "expected a layer of VGG19, got '../etc'"),
    ],
)
def test_unknown_layer_is_an_error(name, sentence, capsys):
    with pytest.raises(SystemExit):
        atlas.parser().parse_args([name])
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["0", "-1", "1e3", "100000000", "1.5", "one"])
def test_invalid_seed_is_an_error(seed, capsys):
    with pytest.raises(SystemExit):
        atlas.parser().parse_args([f"--seed={seed}"])
    assert f"expected a number from 1 to {MOST_SEEDS}, got “{seed}”" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_printed(capsys, monkeypatch, terminal):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    atlas.print_progress(EYES, 16, 119.0)
    atlas.print_progress(EYES, 128, 0.0)
    lines = [line.rstrip() for line in re.split("[\r\n]", capsys.readouterr().out) if line]
    assert lines == ["block2_conv1: 16 of 128, 2 min left", "block2_conv1: 128 of 128"]


# -- the program


@pytest.fixture
def weights_folder(tmp_path, monkeypatch):
    """Folder of a configured weights file, whose network needs no TensorFlow."""
    write_hollow_weights(tmp_path / "mine.h5")
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(tmp_path / "mine.h5"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(atlas, "load_network", lambda weights: NETWORK)
    return tmp_path


def test_missing_weights_are_explained(weights_folder, monkeypatch, capsys):
    def obtain(_):
        raise FileUnavailable("There was no file.", "There was no network.")

    monkeypatch.setattr(atlas, "obtain", obtain)
    assert atlas.main([]) == 1
    assert capsys.readouterr().out == "There was no file.\nThere was no network.\n"


def test_unwritable_folder_is_reported_before_any_computation(weights_folder, capsys):
    (weights_folder / FOLDER).write_bytes(b"no folder")
    assert atlas.main([]) == 1
    assert "File exists" in capsys.readouterr().out


# Like `make atlas`, with a stand-in network and an optimization that waits to be interrupted.
INTERRUPTED = """
import sys
import threading
from tests.support.making import Workshop, four, network_of
from vgg_viz import atlas

def unit(run):
    if run.channels[0] == 9:
        print("at work", flush=True)
        threading.Event().wait()

compute = atlas.compute_missing
atlas.load_network = lambda weights: network_of("mine")
atlas.compute_missing = lambda *arguments: compute(
    *arguments, create_run=Workshop(unit).create_run, batch_size=four
)
sys.exit(atlas.main(["block1_conv1"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows interrupts in another way")
def test_interrupt_keeps_finished_images(weights_folder):
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        line = ""
        while "at work" not in line:
            line = process.stdout.readline()
            assert line, "ended too early"
        os.kill(process.pid, signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == atlas.INTERRUPTED
    assert rest.endswith("Finished images are saved; the next run resumes here.\n")
    assert {path.suffix for path in (weights_folder / FOLDER).iterdir()} == {".png"}
    assert len(list((weights_folder / FOLDER).iterdir())) == 8
