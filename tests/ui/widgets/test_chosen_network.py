"""The network: notices where its weights are not to be had, and the switch."""

from pathlib import Path

import pytest

from tests.support.pages import choose, open_page, texts, unavailable, weights_from
from vgg_viz.model import weights
from vgg_viz.model.weights import StoredWeights, UntrainedWeights, WeightsError
from vgg_viz.ui.widgets.text_blocks import escape_marks


@pytest.fixture(autouse=True)
def stand_in():
    """There are no weights, and so no stand-in, unless a test says otherwise."""
    with weights_from(unavailable):
        yield


class Arrived(UntrainedWeights):
    label = "ImageNet"
    identity = "arrived"


def test_without_weights_the_page_says_so_and_works_on_untrained():
    page = open_page(view="Feature maps", network="ImageNet")
    assert "could not be had" in texts(page)
    assert [text.value for text in page.text] == ["There was no file.", "There was no network."]
    assert "block1_conv1 · untrained" in texts(page)
    assert "· ImageNet ·" not in texts(page)


def test_in_a_lecture_a_sentence_on_it_leaves_the_room_to_the_grid():
    page = open_page(view="Feature maps", network="ImageNet", lecture="true")
    assert "could not be had" in texts(page)
    assert not page.text
    assert "retry" not in [button.key for button in page.button]


def test_without_weights_the_page_says_how_to_bring_them_by_hand():
    page = open_page(view="Filters", network="ImageNet")
    said = texts(page)
    assert "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 (80 MB)" in said
    assert "Then press **Retry**" in said
    for host in ("storage.googleapis.com/tensorflow", "github.com/fchollet"):
        assert f"https://{host}" in said
    assert page.button(key="retry").label == "Retry"


SENTENCE = "Could not use the file named by VGG_VIZ_WEIGHTS: expected VGG19 weights in mine.h5."


@pytest.mark.parametrize(
    ("view", "program"), [("Filters", ""), ("Feature maps", "import keras"), ("Conclusion", "")]
)
def test_a_file_of_the_hosts_that_could_not_be_used_is_named_once(monkeypatch, view, program):
    said = f"{SENTENCE}\nThese lines:\n\n{program}" if program else SENTENCE
    monkeypatch.setattr(StoredWeights, "read", lambda self, name: UntrainedWeights().read(name))
    taken = StoredWeights(Path("keras.h5"), "ImageNet", skipped=(said,))
    monkeypatch.setattr(weights, "obtain", lambda **_: taken)
    page = open_page(view=view, network="ImageNet")
    assert "could not be used" in texts(page)
    assert "could not be had" not in texts(page)
    assert "· ImageNet" in texts(page)
    assert [text.value.partition("\n")[0] for text in page.text] == [SENTENCE]
    if program:
        assert program in [code.value for code in page.code]
    assert "could not be used" not in texts(choose(page, "network", "untrained"))


def switch(page):
    """What the switch of the network offers, and what it shows as chosen."""
    (found,) = (one for one in page.sidebar.get("button_group") if one.label == "Network")
    return found.options, found.value


def test_without_weights_the_switch_shows_what_is_in_use_and_choosing_imagenet_tries_again(
    monkeypatch,
):
    page = open_page(view="Filters", network="ImageNet")
    assert switch(page) == (["ImageNet", "Untrained"], "untrained")
    assert "· untrained ·" in texts(page)
    again = page.button_group(key="network-in-use")
    again.set_value("imagenet").run()
    assert not page.exception
    assert switch(page)[1] == "untrained"
    assert "could not be had" in texts(page)
    monkeypatch.setattr(weights, "obtain", lambda **_: Arrived())
    page.button_group(key="network-in-use").set_value("imagenet").run()
    assert not page.exception
    assert switch(page) == (["ImageNet", "Untrained"], "imagenet")
    assert "· ImageNet ·" in texts(page)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("mine.h5", "mine\\.h5"),
        ("my *best* vgg19 of 12-3.h5", "my \\*best\\*…2\\-3\\.h5"),
    ],
)
def test_the_hosts_file_stands_on_the_switch_by_its_name(monkeypatch, tmp_path, name, called):
    monkeypatch.setattr(StoredWeights, "read", lambda self, name: UntrainedWeights().read(name))
    given = StoredWeights(tmp_path / name, f"weights of {name}")
    monkeypatch.setattr(weights, "obtain", lambda **_: given)
    page = open_page(view="Filters", network="ImageNet")
    assert switch(page) == ([called, "Untrained"], "imagenet")
    assert f"weights of {escape_marks(name)}" in texts(page)
    page = choose(page, "network", "untrained")
    assert switch(page) == ([called, "Untrained"], "untrained")
    assert "· untrained ·" in texts(page)


def test_a_file_that_turns_out_damaged_is_a_notice_too(monkeypatch):
    class Damaged:
        label = identity = "ImageNet"

        def read(self, layer_name):
            raise WeightsError("expected VGG19 weights in the file, got: truncated")

    monkeypatch.setattr(weights, "obtain", lambda **_: Damaged())
    page = open_page(view="Feature maps", network="ImageNet")
    assert "could not be had" in texts(page)
    assert "got: truncated" in page.text[0].value
    assert "block1_conv1 · untrained" in texts(page)


def test_retry_fetches_the_weights_anew(monkeypatch):
    page = open_page(view="Filters", network="ImageNet")
    monkeypatch.setattr(weights, "obtain", lambda **_: Arrived())
    page.button(key="retry").click().run()
    assert not page.exception
    assert "could not be had" not in texts(page)
    assert "block1_conv1 · ImageNet" in texts(page)
