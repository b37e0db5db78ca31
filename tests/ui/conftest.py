"""Fixtures for page tests: stand-in networks and class names; the real weights are never read."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from tests.support import invented_peaks
from tests.support.class_lists import host_list
from tests.support.making import finished_at_once
from tests.support.pages import network_of
from tests.support.truth import StandIn, Truth, cheap_slab
from vgg_viz.export.formats import Export
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.samples import SAMPLES
from vgg_viz.serving.optimization_worker import OptimizationWorker
from vgg_viz.serving.results import Results
from vgg_viz.ui.parts import available_images
from vgg_viz.ui.views import visualization_view
from vgg_viz.ui.widgets import export_menu


@pytest.fixture(autouse=True)
def stand_in(without_trial: None) -> Iterator[None]:
    """Show a stand-in network in place of ImageNet's; a test may substitute another."""
    with network_of(StandIn()):
        yield


@pytest.fixture(scope="session", autouse=True)
def keras_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cache optimized images in a temporary directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


@pytest.fixture(scope="session", autouse=True)
def weights_drawn_once() -> Iterator[None]:
    """Draw random weights once for all networks that tests build of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UntrainedWeights, "read", cache(UntrainedWeights.read))
        yield


@pytest.fixture(scope="session", autouse=True)
def names_of_classes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Provide class names without a download."""
    path = tmp_path_factory.mktemp("names") / "names.txt"
    path.write_bytes(host_list())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_VIZ_CLASS_NAMES", str(path))
        yield


@pytest.fixture(autouse=True)
def quick_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the dense layers few units, and cheap weights."""
    few = replace(VGG19, dense=(("fc1", 512), ("fc2", 512), ("predictions", 1000)))
    for name, layer in zip(("FC1", "FC2", "PREDICTIONS"), few.dense_layers, strict=True):
        monkeypatch.setattr(evidence, name, layer)
    monkeypatch.setattr(UntrainedDense, "slab", cheap_slab)


@pytest.fixture(autouse=True)
def two_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search two images, those of `Truth`, for top patches: a quarter of the samples."""
    monkeypatch.setattr(available_images, "SAMPLES", SAMPLES[:2])
    monkeypatch.setattr(available_images.picture_files, "downloaded_robin", lambda: None)


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finish optimized images at once; tests of their progress use fixtures of their own."""
    for name in ("request", "progress"):
        monkeypatch.setattr(OptimizationWorker, name, finished_at_once)


@pytest.fixture
def known_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use invented peaks instead of a forward pass of every image."""
    monkeypatch.setattr(available_images, "find_peaks", invented_peaks.find_peaks)


@pytest.fixture
def nothing_overviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what the page computes of all layers after it is shown."""
    monkeypatch.setattr(Results, "soon", lambda *_: None)


@pytest.fixture(autouse=True)
def patient_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search all images for top patches in one run, however long it takes."""
    monkeypatch.setattr(visualization_view, "SEARCH_SECONDS", math.inf)


@pytest.fixture(scope="session")
def truth() -> Truth:
    return Truth()


@pytest.fixture(autouse=True)
def nothing_in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute at once what a background thread would compute."""
    monkeypatch.setattr(Results, "soon", lambda results, key, compute, *_: compute(results))


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Export]:
    """Return the exports that the page has offered, the last of each name."""
    found = {}

    def offer(name, title, grids, runs=list, **_):
        found[name] = Export(title, grids, runs, "https://example.org/?maps=9", False)

    monkeypatch.setattr(export_menu, "offer", offer)
    return found
