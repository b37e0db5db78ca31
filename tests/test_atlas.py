"""An atlas: all channels of the layers that were asked for, and nothing twice."""

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
from vgg_viz.interpretability.feature_visualization.image_store import FOLDER, ImageStore, Series
from vgg_viz.links import MOST_SEEDS
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import WeightsUnavailable

FIRST, EYES = (VGG19.conv_layer(name) for name in ("block1_conv1", "block2_conv1"))
NETWORK = network_of("mine")


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / FOLDER, "mine")


def make(store, layers, workshop=None, tell=lambda *_: None, seed=1, parametrization="regularized"):
    workshop = workshop or Workshop()
    atlas.make(
        store, NETWORK, layers, seed, parametrization, tell, making=workshop.making, batch_size=four
    )
    return workshop


def test_all_channels_of_the_layers_are_made(store):
    told = []
    make(store, [FIRST, EYES], tell=lambda layer, done, left: told.append((layer.name, done)))
    for layer in (FIRST, EYES):
        for channel in range(1, layer.filters + 1):
            found = store.read(Series(layer.name, 1, "regularized"), channel)
            np.testing.assert_array_equal(found.pixels, picture(layer, channel, 1, "regularized"))
            assert (found.value, found.steps) == (STEPS * channel, STEPS)
    assert told[:3] == [("block1_conv1", 0), ("block1_conv1", 4), ("block1_conv1", 8)]
    assert told[-1] == ("block2_conv1", 128)


def test_what_is_there_is_not_made_again_and_what_is_damaged_is(store):
    def interrupt(making):
        if making.channels[0] == 33:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(store, [FIRST], Workshop(interrupt))
    assert len(list(store.folder.iterdir())) == 32
    for path in store.folder.glob("*-007-*"):
        path.write_bytes(b"damaged")
    begun = make(store, [FIRST]).begun
    assert begun[0] == ("block1_conv1", 7, 33, 34, 35)
    assert len(begun) == 9
    assert make(store, [FIRST]).begun == []
    assert len(make(store, [FIRST], seed=2).begun) == 16
    assert len(make(store, [FIRST], parametrization="pixels").begun) == 16


def test_a_picture_without_a_value_is_not_kept(store):
    def spoil(making):
        making.values = np.where(np.array(making.channels) == 2, np.nan, making.values)

    make(store, [FIRST], Workshop(spoil))
    assert store.read(Series(FIRST.name, 1, "regularized"), 2) is None
    assert len(list(store.folder.iterdir())) == 63


def test_who_asks_for_nothing_gets_the_first_three_blocks():
    asked = atlas.parser().parse_args([])
    assert [layer.name for layer in asked.layers] == [
        layer.name for layer in VGG19.conv_layers if layer.block <= 3
    ]
    assert (asked.seed, asked.parametrization) == (1, "regularized")
    asked = atlas.parser().parse_args(["block4_conv2", "--seed", "7", "--recipe", "pixels"])
    assert (asked.layers, asked.seed) == ([VGG19.conv_layer("block4_conv2")], 7)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("block1_pool", "expected a conv layer of VGG19, got 'block1_pool'"),
        ("../etc", "expected a layer of VGG19, got '../etc'"),
    ],
)
def test_a_layer_that_there_is_not_is_said(name, sentence, capsys):
    with pytest.raises(SystemExit):
        atlas.parser().parse_args([name])
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["0", "-1", "1e3", "100000000", "1.5", "one"])
def test_a_seed_that_no_link_may_name_is_said(seed, capsys):
    with pytest.raises(SystemExit):
        atlas.parser().parse_args([f"--seed={seed}"])
    assert f"expected a number from 1 to {MOST_SEEDS}, got “{seed}”" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_it_is(capsys, monkeypatch, terminal):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    atlas.show(EYES, 16, 119.0)
    atlas.show(EYES, 128, 0.0)
    lines = [line.rstrip() for line in re.split("[\r\n]", capsys.readouterr().out) if line]
    assert lines == ["block2_conv1: 16 of 128, 2 min left", "block2_conv1: 128 of 128"]


# -- the program


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A weights file, and a network of it without TensorFlow."""
    write_hollow_weights(tmp_path / "mine.h5")
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(tmp_path / "mine.h5"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(atlas, "network_of", lambda weights: NETWORK)
    return tmp_path


def test_without_weights_it_says_why(mine, monkeypatch, capsys):
    def obtain(_):
        raise WeightsUnavailable(["There was no file.", "There was no network."])

    monkeypatch.setattr(atlas, "obtain", obtain)
    assert atlas.main([]) == 1
    assert capsys.readouterr().out == "There was no file.\nThere was no network.\n"


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_made(mine, capsys):
    (mine / FOLDER).write_bytes(b"no folder")
    assert atlas.main([]) == 1
    assert "File exists" in capsys.readouterr().out


# As `make atlas` does it, but for the network; every unit of work waits to be interrupted.
INTERRUPTED = """
import sys
import threading
from tests.support.making import Workshop, four, network_of
from vgg_viz import atlas

def unit(making):
    if making.channels[0] == 9:
        print("at work", flush=True)
        threading.Event().wait()

make = atlas.make
atlas.network_of = lambda weights: network_of("mine")
atlas.make = lambda *arguments: make(*arguments, making=Workshop(unit).making, batch_size=four)
sys.exit(atlas.main(["block1_conv1"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows interrupts in another way")
def test_ctrl_c_leaves_all_that_is_finished_whole(mine):
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        said = ""
        while "at work" not in said:
            said = process.stdout.readline()
            assert said, "ended too early"
        os.kill(process.pid, signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == atlas.INTERRUPTED
    assert rest.endswith("What is finished is kept, and the next atlas goes on from there.\n")
    assert {path.suffix for path in (mine / FOLDER).iterdir()} == {".png"}
    assert len(list((mine / FOLDER).iterdir())) == 8
