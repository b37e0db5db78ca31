"""Own networks: the sidebar's list, the caption, the preprocessing, and files that do not fit."""

import pytest

from tests.support.pages import choose, open_page, texts
from tests.support.weights_files import write_hollow_weights
from vgg_viz.ui.state.shared_instance import shared

MAPS = {"view": "maps", "maps": "4"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Offer two networks of the host, and a file that is none."""
    for name in ("birds.h5", "fish.h5"):
        write_hollow_weights(tmp_path / name)
    (tmp_path / "text.keras").write_text("version https://git-lfs.github.com/spec/v1")
    monkeypatch.setenv("VGG_VIZ_NETWORKS", str(tmp_path))
    before = dict(shared().loaders)
    yield tmp_path
    shared().loaders.clear()
    shared().loaders.update(before)


def listed(page, key):
    return page.selectbox(key=key).options


def test_own_networks_are_listed_by_name_and_shown(folder):
    page = open_page(**MAPS)
    assert listed(page, "network") == ["ImageNet", "Untrained", "birds", "fish", "text"]
    choose(page, "network", "birds")
    assert page.query_params["network"] == "birds"
    assert "block1_conv1 · birds, BGR − mean · Cat" in texts(page)
    assert "birds: weights in Keras' older HDF5 layout; VGG19 found by" in texts(page)
    assert not page.exception


def test_the_preprocessing_is_chosen_where_the_file_records_none(folder):
    page = open_page(**MAPS, network="birds")
    choose(page, "preprocessing", "rgb")
    assert page.query_params["preprocessing"] == "rgb"
    assert "block1_conv1 · birds, RGB / 255 · Cat" in texts(page)
    assert "preprocessing" not in choose(page, "network", "imagenet").query_params
    assert not [box for box in page.selectbox if box.key == "preprocessing"]


def test_any_two_networks_are_compared(folder):
    page = open_page(**MAPS, network="birds", compare="network")
    assert listed(page, "other_network") == ["ImageNet", "Untrained", "fish", "text"]
    assert page.selectbox(key="other_network").value == "imagenet"
    choose(page, "other_network", "fish")
    subheaders = [part.value for part in page.subheader]
    assert subheaders[:2] == ["birds, BGR − mean", "fish, BGR − mean"]
    assert page.query_params["other_network"] == "fish"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("text", "Expected VGG19 weights in text"),
        ("absent", "There is no network named absent here"),
    ],
)
@pytest.mark.parametrize("view", ["filters", "maps", "prediction"])
def test_nothing_takes_the_place_of_a_network_that_cannot_be_shown(folder, name, sentence, view):
    page = open_page(view=view, network=name)
    said = [element.value for element in [*page.text, *page.warning]]
    assert sentence in " ".join(said).replace("**", "")
    assert "ImageNet ·" not in texts(page)
    assert "untrained ·" not in texts(page)
    assert not page.exception


def test_a_mended_file_is_read_again(folder):
    page = open_page(**MAPS, network="text")
    write_hollow_weights(folder / "text.keras")
    page.button(key="retry-own").click().run()
    assert "block1_conv1 · text, BGR − mean" in texts(page)
