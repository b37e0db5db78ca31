"""Images computed in advance: all channels of the chosen layers, none of them twice."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.support import REPOSITORY, slow
from tests.support.making import STEPS, Workshop, four, network_of, picture
from tests.support.weights_files import write_hollow_weights
from vgg_viz import atlas
from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.fields import MOST_SEEDS
from vgg_viz.interpretability.feature_visualization.image_store import FOLDER, ImageStore
from vgg_viz.interpretability.feature_visualization.optimization import OptimizationSpec
from vgg_viz.model.architecture import VGG19

FIRST = VGG19.conv_layer("block1_conv1")
SPEC = OptimizationSpec(network_of("mine"), FIRST, 1, "regularized")


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / FOLDER)


@pytest.fixture
def compute(store, monkeypatch):
    """A function that computes the missing images of a spec and returns the batches."""
    monkeypatch.setattr(atlas, "batch_size", four)

    def compute(spec=SPEC, before_unit=lambda run: None):
        workshop = Workshop(before_unit)
        monkeypatch.setattr(atlas, "OptimizationRun", workshop.create_run)
        atlas.compute_missing(store, spec)
        return workshop.started

    return compute


def test_missing_and_damaged_images_of_all_channels_are_computed(store, compute, capsys):
    def interrupt(run):
        if run.channels[0] == 33:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(before_unit=interrupt)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "block1_conv1: 0 of 64"
    assert second == "block1_conv1: 4 of 64, 1 min left"
    assert len(list(store.folder.iterdir())) == 32
    for path in store.folder.glob("*-007-*"):
        path.write_bytes(b"damaged")
    assert compute()[0] == ("block1_conv1", 7, 33, 34, 35)
    for channel in range(1, FIRST.filters + 1):
        found = store.read(SPEC, channel)
        np.testing.assert_array_equal(found.pixels, picture(SPEC, channel))
        assert (found.value, found.steps) == (STEPS * channel, STEPS)
    assert capsys.readouterr().out.splitlines()[-1] == "block1_conv1: 64 of 64"
    assert compute() == []
    assert len(compute(OptimizationSpec(SPEC.network, FIRST, 2, "regularized"))) == 16
    assert len(compute(OptimizationSpec(SPEC.network, FIRST, 1, "pixels"))) == 16


def test_default_layers_are_the_first_three_blocks():
    options = atlas.parser().parse_args([])
    assert options.layers == [layer.name for layer in VGG19.conv_layers if layer.block <= 3]
    assert (options.seed, options.parametrization) == (1, "regularized")
    options = atlas.parser().parse_args(["block4_conv2", "--seed", "7", "--recipe", "plain"])
    assert options.layers == ["block4_conv2"]
    assert (options.seed, options.parametrization) == (7, "pixels")


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("block1_pool", "expected one of block1_conv1, block1_conv2, block2_conv1"),
        ("--recipe=no", "expected one of regularized, pixels, got “no”"),
        *((f"--seed={one}", f"from 1 to {MOST_SEEDS}, got “{one}”") for one in ("0", "1e3", "1.5")),
    ],
)
def test_invalid_argument_is_an_error(argument, sentence, capsys):
    with pytest.raises(SystemExit):
        atlas.parser().parse_args([argument])
    assert sentence in capsys.readouterr().err


def test_progress_is_overwritten_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    atlas.print_progress(FIRST, 16, 119.0)
    atlas.print_progress(FIRST, 64, 0.0)
    lines = ["block1_conv1: 16 of 64, 2 min left", "block1_conv1: 64 of 64"]
    assert capsys.readouterr().out == f"{lines[0]:<60}\r{lines[1]:<60}\n"


@pytest.fixture
def weights_folder(tmp_path, monkeypatch, without_trial):
    """Folder of a configured weights file, whose network needs no TensorFlow."""
    write_hollow_weights(tmp_path / "mine.h5")
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(tmp_path / "mine.h5"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def test_missing_weights_and_an_unwritable_folder_are_explained(
    weights_folder, monkeypatch, capsys
):
    (weights_folder / FOLDER).write_bytes(b"no folder")
    assert atlas.main([]) == 1
    assert "File exists" in capsys.readouterr().out

    def obtain():
        raise FileUnavailable("There was no file.", "There was no network.")

    monkeypatch.setattr(atlas, "obtain", obtain)
    assert atlas.main([]) == 1
    assert capsys.readouterr().out == "There was no file.\nThere was no network.\n"


@pytest.mark.parametrize("buffering", [[], *slow(["-u"])], ids=["at the end", "each line"])
def test_output_that_nobody_reads_ends_the_program_silently(weights_folder, buffering):
    (weights_folder / FOLDER).write_bytes(b"no folder")  # ends it before TensorFlow is imported
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, *buffering, "-m", "vgg_viz.atlas"]
    ended = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, cwd=REPOSITORY)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (atlas.BROKEN_PIPE, b"")


def test_an_interrupt_ends_the_program_with_a_sentence(weights_folder, monkeypatch, capsys):
    def interrupt(store, spec):
        assert (store.folder, spec.layer) == (weights_folder / FOLDER, FIRST)
        raise KeyboardInterrupt

    monkeypatch.setattr(atlas, "load_network", lambda weights: network_of("mine"))
    monkeypatch.setattr(atlas, "compute_missing", interrupt)
    assert atlas.main(["block1_conv1"]) == atlas.INTERRUPTED
    said = capsys.readouterr().out
    assert said.endswith("Finished images are saved; the next run resumes here.\n")
