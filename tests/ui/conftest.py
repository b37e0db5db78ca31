"""The page in these tests shows networks of their own, and never reaches for the real weights."""

from collections.abc import Iterator

import pytest

from tests.support.class_lists import host_list
from tests.support.making import finished_at_once
from tests.support.pages import network_of
from tests.support.truth import StandIn, Truth, cheap_slab
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.serving.optimization_worker import OptimizationWorker


@pytest.fixture(autouse=True)
def stand_in() -> Iterator[None]:
    """What the page shows for ImageNet's network; tests may put another one in its place."""
    with network_of(StandIn()):
        yield


@pytest.fixture(scope="session", autouse=True)
def keras_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One of the tests' own, so that pictures are kept nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


@pytest.fixture(scope="session", autouse=True)
def names_of_classes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Names that need no network."""
    path = tmp_path_factory.mktemp("names") / "names.txt"
    path.write_bytes(host_list())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_VIZ_CLASS_NAMES", str(path))
        yield


@pytest.fixture(autouse=True)
def quick_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense layers that cost next to nothing: what is seen of them is computed from them."""
    monkeypatch.setattr(UntrainedDense, "slab", cheap_slab)


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made pictures that are finished at once; tests of how they grow take their own."""
    for name in ("look", "there"):
        monkeypatch.setattr(OptimizationWorker, name, finished_at_once)


@pytest.fixture(scope="session")
def truth() -> Truth:
    return Truth()
