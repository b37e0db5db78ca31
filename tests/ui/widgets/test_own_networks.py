"""Own networks: the sidebar's list, the caption, the preprocessing, and files that do not fit."""

import gc
import os
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from tests.downloads.test_file_kinds import zipped
from tests.support.pages import network_of, open_page
from tests.support.weights_files import write_hollow_weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.weights import UntrainedWeights, open_weights
from vgg_viz.serving import loading
from vgg_viz.serving.background_files import DenseLoader
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared
from vgg_viz.ui.parts.fine_tuning_section import layer_change
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import uploads

MAPS = {"view": "maps", "maps": "4"}
POINTER = "version https://git-lfs.github.com/spec/v1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Offer two networks of the host, and files that are none; each is loaded once."""
    folder = tmp_path_factory.mktemp("networks")
    for name in ("birds.h5", "fish.h5"):
        write_hollow_weights(folder / name)
    (folder / "text.keras").write_text(POINTER)
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").touch()
    before = dict(shared().loaders)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_VIZ_NETWORKS", f"{folder}{os.pathsep}{folder / 'saved'}")
        yield folder
    shared().loaders.clear()
    shared().loaders.update(before)


def listed(page, key):
    (box,) = (one for one in page.selectbox if one.key.partition("@")[0] == key)
    return box.options


def test_own_networks_are_listed_compared_and_shown_with_a_preprocessing_to_choose(folder):
    page = open_page(**MAPS)
    assert listed(page, "network") == ["ImageNet", "Untrained", "birds", "fish", "text", "saved"]
    page.choose("network", "birds")
    assert page.query_params["network"] == "birds"
    assert "block1_conv1 · birds, BGR − mean · Cat" in page.texts
    assert "birds: weights in Keras' older HDF5 layout; VGG19 found by" in page.texts
    page.choose("preprocessing", "rgb")
    assert page.query_params["preprocessing"] == "rgb"
    assert "block1_conv1 · birds, RGB / 255 · Cat" in page.texts
    page.choose("compare", "network")
    assert listed(page, "other_network") == ["ImageNet", "Untrained", "fish", "text", "saved"]
    assert page.selectbox(key="other_network").value == "imagenet"
    page.choose("other_network", "fish")
    subheaders = [part.value for part in page.subheader]
    assert subheaders[:2] == ["birds, RGB / 255", "fish, RGB / 255"]
    assert page.query_params["other_network"] == "fish"
    page.choose("compare", "none")
    assert "preprocessing" not in page.choose("network", "imagenet").query_params
    assert not [box for box in page.selectbox if box.key == "preprocessing"]


def test_a_file_has_one_head_as_the_servers_and_another_as_an_own_network(folder):
    loader, path = DenseLoader(), folder / "fish.h5"
    first, second = (loader.weights_for(one(path)) for one in (open_weights, open_network))
    assert loader.weights_for(open_weights(path)) is first
    assert first is not second


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("text", "Expected VGG19 weights in text"),
        ("absent", "There is no network named absent here"),
        ("saved", "got TensorFlow's SavedModel; save the model as my_model.keras instead"),
    ],
)
@pytest.mark.parametrize("view", ["filters", "maps", "prediction"])
def test_nothing_takes_the_place_of_a_network_that_cannot_be_shown(folder, name, sentence, view):
    page = open_page(view=view, network=name)
    said = [element.value for element in [*page.text, *page.warning]]
    assert sentence in " ".join(said).replace("**", "")
    assert "ImageNet ·" not in page.texts
    assert "untrained ·" not in page.texts


def test_a_mended_file_is_read_again(folder, tmp_path, monkeypatch):
    (tmp_path / "mended.keras").write_text(POINTER)
    monkeypatch.setenv("VGG_VIZ_NETWORKS", str(tmp_path))
    page = open_page(**MAPS, network="mended")
    write_hollow_weights(tmp_path / "mended.keras")
    page.press("retry-own")
    assert "block1_conv1 · mended, BGR − mean" in page.texts


def test_filters_show_what_fine_tuning_changed(folder):
    page = open_page(view="filters", network="birds", layer="block2_conv1")
    assert "What fine-tuning changed" in [part.value for part in page.subheader]
    assert "Most changed filters of block2_conv1" in page.texts
    assert "32 of 128 filters, most changed first" in page.texts
    assert "Unchanged" not in page.texts
    with network_of(open_network(folder / "fish.h5")):
        page = open_page(view="filters", network="birds", layer="block2_conv1")
    assert "Unchanged, as in frozen layers: block1_conv1, " in page.texts
    assert "Most changed filters" not in page.texts


def test_changes_are_those_of_each_filter():
    layer, before = VGG19.conv_layer("block1_conv2"), UntrainedWeights()
    kernel = before.read(layer.name)[0].copy()
    kernel[..., 6] *= 1.5
    after = SimpleNamespace(identity="after", read=lambda name: (kernel, None))
    found = layer_change(Results(Shared(limit=None)), after, before, layer)
    np.testing.assert_allclose(found.by_filter, np.where(np.arange(64) == 6, 0.5, 0), atol=1e-6)
    assert found.whole == pytest.approx(0.5 / 8, rel=0.1)  # of 64 filters of about equal norms
    size = np.abs(before.read(layer.name)[0][..., 6]).mean(axis=2) / 2
    np.testing.assert_allclose(found.sizes[6], size, rtol=1e-4)


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv("VGG_VIZ_NETWORK_UPLOADS", "on")


def drop(page, content, name="mine.h5"):
    uploader = page.sidebar.file_uploader[-1]
    uploader.upload(name, content)
    return page.run()


def test_a_dropped_network_belongs_to_its_viewer_alone(folder, allowed):
    content = (folder / "fish.h5").read_bytes()
    page, other = open_page(**MAPS), open_page(**MAPS)
    drop(page, content, "birds.h5")  # a name of the host's
    assert page.query_params["network"] == "birds 2"
    assert "block1_conv1 · birds 2, BGR − mean" in page.texts
    assert "birds 2" in listed(page, "network")
    page.choose("export-maps", True)
    assert "export-maps-py" not in [button.key for button in page.get("download_button")]
    assert "No Keras script: it would read the network from a file" in page.texts
    assert "birds 2" not in listed(other.run(), "network")
    stranger = open_page(**MAPS, network="birds 2")  # or the viewer after a reload
    said = stranger.warning[0].value.replace("**", "")
    assert "no network named birds 2" in said
    assert "If it was yours, add its file again" in said
    page.press("remove-network-birds 2")
    assert "birds 2" not in listed(page, "network")
    assert "network" not in page.query_params


def test_a_network_of_a_file_has_a_script(folder):
    page = open_page(**MAPS, network="fish").choose("export-maps", True)
    assert "export-maps-py" in [button.key for button in page.get("download_button")]
    assert "No Keras script" not in page.texts


def test_a_dropped_file_that_does_not_fit_is_refused_with_the_reason(folder, allowed, monkeypatch):
    page = drop(open_page(**MAPS), b"not a network", "mine.keras")
    assert page.text[0].value.startswith("Expected VGG19 weights in mine")
    # The same bytes would be refused again.
    assert "retry-own" not in [button.key for button in page.button]
    page = drop(open_page(**MAPS), zipped("vgg19/data.pkl"), "mine.pth")
    assert "got a PyTorch file; convert" in page.text[0].value
    monkeypatch.setattr(uploads, "most_megabytes", lambda: 1)
    assert "at most 1 MB" in drop(open_page(**MAPS), b"0" * (2**20 + 1)).error[0].value
    monkeypatch.undo()
    monkeypatch.setenv("VGG_VIZ_NETWORK_UPLOADS", "on")
    monkeypatch.setattr(shared().memory, "has_room", lambda size: False)
    assert "no memory" in drop(open_page(**MAPS), b"any").error[0].value


def test_networks_are_dropped_only_where_the_host_allows_it(folder, monkeypatch):
    assert not open_page(**MAPS).sidebar.file_uploader
    monkeypatch.setenv("VGG_VIZ_NETWORK_UPLOADS", "off")
    assert not open_page(**MAPS).sidebar.file_uploader


def test_a_dropped_networks_memory_is_freed_with_its_session(folder, monkeypatch):
    collected = Event()
    with monkeypatch.context() as patch:  # for this loader alone
        patch.setattr(loading, "freeze", collected.set)
        loader = loading.own_loader((folder / "fish.h5").read_bytes(), "mine")
    loader.weights().result()
    assert not collected.is_set()
    del loader
    gc.collect()
    assert collected.wait(30)
