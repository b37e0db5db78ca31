"""The network: notices about unavailable weights, and the sidebar's control."""

from pathlib import Path

import pytest

from tests.support.pages import loaded_by, open_page, unavailable
from vgg_viz import links
from vgg_viz.model import weights
from vgg_viz.model.weights import NOTOP, StoredWeights, UntrainedWeights, WeightsError
from vgg_viz.samples import IMAGENET_PICTURES
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.shared import SOURCES
from vgg_viz.ui.state import shared_instance
from vgg_viz.ui.widgets import weights_notice
from vgg_viz.ui.widgets.text_blocks import escape_marks

UNAVAILABLE = "Could not get the ImageNet weights"
SKIPPED = "Could not use this server's weights file"


@pytest.fixture(autouse=True)
def no_weights(monkeypatch):
    """Make the weights unavailable unless a test provides some."""
    monkeypatch.setattr(weights, "obtain", unavailable)
    with loaded_by(Loader(SOURCES["imagenet"])):
        yield


class Arrived(UntrainedWeights):
    label = "ImageNet"
    identity = "arrived"


def unfold(page, notice="weights-notice"):
    """Unfold a notice, as a click on its line does."""
    return page.choose(f"{notice}-open", True)


def test_without_weights_the_page_shows_the_untrained_network_and_the_notice_says_what_to_do():
    page = open_page(view="Feature maps", network="ImageNet")
    assert [line.label for line in page.expander if UNAVAILABLE in line.label]
    assert not page.text  # folded, it is one line
    assert "block1_conv1 · untrained" in page.texts
    assert "· ImageNet ·" not in page.texts
    unfold(page.choose("view", "filters"))
    # What was tried, in a menu.
    assert [text.value for text in page.text] == ["There was no file.", "There was no network."]
    (command,) = [one.value for one in page.code if "curl" in one.value]
    assert command == NOTOP.command()
    assert NOTOP.url in page.texts
    assert page.button(key="retry").label == "Retry"
    assert len(page.main.get("image")) == len(IMAGENET_PICTURES)
    offered = {button.label: button for button in page.button}
    assert offered.keys() >= weights_notice.SAME_UNTRAINED.keys()
    offered["Decomposition of a value"].click().run()
    for field, value in weights_notice.SAME_UNTRAINED["Decomposition of a value"].items():
        assert page.shown(field) == value
    assert not page.text  # folded again


@pytest.mark.parametrize("fields", weights_notice.SAME_UNTRAINED.values())
def test_what_teaches_the_same_without_training_can_be_shown(fields):
    effective = links.effective_values(fields)
    assert {key: effective[key] for key in fields} == fields


@pytest.mark.parametrize(
    ("values", "own", "said"),
    [
        ({"network": "imagenet", "view": "maps"}, [], "shows an **untrained** VGG19 instead."),
        ({"network": "imagenet", "view": "maps"}, ["birds"], "*Network* in the sidebar lists"),
        ({"network": "birds", "view": "maps"}, ["birds"], "**birds** beside an **untrained**"),
        ({"network": "birds", "view": "filters"}, ["birds"], "shows **birds** alone."),
    ],
)
def test_the_line_says_which_network_is_shown(monkeypatch, values, own, said):
    monkeypatch.setattr(weights_notice.state, "value", values.__getitem__)
    monkeypatch.setattr(shared_instance, "own_names", lambda: own)
    assert UNAVAILABLE in weights_notice.headline()
    assert said in weights_notice.headline()


def test_a_lecture_shows_a_short_notice():
    page = open_page(view="Feature maps", network="ImageNet", lecture="true")
    assert UNAVAILABLE in page.texts
    assert not page.text
    assert "retry" not in [button.key for button in page.button]


SENTENCE = "Could not use the file named by VGG_VIZ_WEIGHTS: expected VGG19 weights in mine.h5."


@pytest.mark.parametrize("view", ["Filters", "Feature maps"])
def test_an_unusable_weights_file_is_named_once(monkeypatch, view):
    monkeypatch.setattr(StoredWeights, "read", lambda self, name: UntrainedWeights().read(name))
    taken = StoredWeights(Path("keras.h5"), "ImageNet", skipped=(SENTENCE,))
    monkeypatch.setattr(weights, "obtain", lambda **_: taken)
    page = open_page(view=view, network="ImageNet")
    assert SKIPPED in page.texts
    assert UNAVAILABLE not in page.texts
    assert "· ImageNet" in page.texts
    assert not page.text
    assert [text.value for text in unfold(page, "skipped-notice").text] == [SENTENCE]
    assert SKIPPED not in page.choose("network", "untrained").texts


def switch(page):
    """Return the options and the value of the network's control."""
    (control,) = (one for one in page.sidebar.get("button_group") if one.label == "Network")
    return control.options, control.value


def test_choosing_imagenet_without_weights_tries_again(monkeypatch):
    page = open_page(view="Filters", network="ImageNet")
    assert switch(page) == (["ImageNet", "Untrained"], "untrained")
    assert "· untrained ·" in page.texts
    again = page.button_group(key="network-in-use")
    again.set_value("imagenet").run()
    assert switch(page)[1] == "untrained"
    assert UNAVAILABLE in page.texts
    monkeypatch.setattr(weights, "obtain", lambda **_: Arrived())
    page.button_group(key="network-in-use").set_value("imagenet").run()
    assert switch(page) == (["ImageNet", "Untrained"], "imagenet")
    assert "· ImageNet ·" in page.texts


@pytest.mark.parametrize(
    ("name", "label"),
    [("mine.h5", "mine\\.h5"), ("my *best* vgg19 of 12-3.h5", "my \\*best\\*…2\\-3\\.h5")],
)
def test_the_control_names_the_hosts_file(monkeypatch, tmp_path, name, label):
    monkeypatch.setattr(StoredWeights, "read", lambda self, name: UntrainedWeights().read(name))
    given = StoredWeights(tmp_path / name, f"weights of {name}")
    monkeypatch.setattr(weights, "obtain", lambda **_: given)
    page = open_page(view="Filters", network="ImageNet")
    assert switch(page) == ([label, "Untrained"], "imagenet")
    assert f"weights of {escape_marks(name)}" in page.texts
    page = page.choose("network", "untrained")
    assert switch(page) == ([label, "Untrained"], "untrained")
    assert "· untrained ·" in page.texts


def test_a_damaged_file_shows_a_notice(monkeypatch):
    class Damaged:
        label = identity = "ImageNet"

        def read(self, layer_name):
            raise WeightsError("expected VGG19 weights in the file, got: truncated")

    monkeypatch.setattr(weights, "obtain", lambda **_: Damaged())
    page = unfold(open_page(view="Feature maps", network="ImageNet"))
    assert UNAVAILABLE in page.texts
    assert "got: truncated" in page.text[0].value
    assert "block1_conv1 · untrained" in page.texts
