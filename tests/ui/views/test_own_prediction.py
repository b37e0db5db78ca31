"""Prediction of an own network: its head, the names of its classes, and heads of other kinds."""

import keras
import numpy as np
import pytest

from tests.support.pages import open_page
from tests.support.photographs import load_image
from vgg_viz.samples import SAMPLES
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import uploads

pytestmark = pytest.mark.slow  # a network is built, saved and read
NAMES = ["perch", "pike", "eel"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save two networks with heads of three classes, one of which the page cannot follow."""
    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("networks")
    base = keras.applications.VGG19(include_top=False, weights=None, input_shape=(224, 224, 3))
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")]
    fish = keras.Sequential([base, *layers])
    fish.save(folder / "fish.keras")
    (folder / "fish.classes.txt").write_text("\n".join(NAMES))
    keras.Sequential([base, keras.layers.Conv2D(3, 1, name="odd")]).save(folder / "odd.keras")
    return folder, fish


@pytest.fixture
def folder(saved, monkeypatch):
    monkeypatch.setenv("VGG_VIZ_NETWORKS", str(saved[0]))
    before = dict(shared().loaders)
    yield saved[0]
    shared().loaders.clear()
    shared().loaders.update(before)


def test_the_answer_is_that_of_keras_and_classes_have_their_names(folder, saved):
    page = open_page(view="prediction", network="fish", picture="cat", **{"class": "285"})
    pixels = load_image(SAMPLES[0].path.read_bytes())
    batch = keras.applications.vgg19.preprocess_input(pixels[None].astype(np.float32))
    most_likely = NAMES[saved[1].predict(batch, verbose=0)[0].argmax()]
    said = page.texts
    assert f"Evidence for {most_likely}" in " ".join(part.value for part in page.subheader)
    assert "3 **logits**" in said
    assert "Top 3 of 3 classes" in said
    assert page.widget("slider", "classes").max == 3
    assert [box.options for box in page.selectbox if box.key.partition("@")[0] == "class"] == [
        [f"{name} · class {index}" for index, name in enumerate(NAMES)]
    ]
    page.choose("evidence", "hirescam")
    page.choose("class", 1)
    assert "Evidence for pike" in " ".join(part.value for part in page.subheader)
    assert "together" in page.texts


def test_the_classes_of_a_dropped_network_get_the_names_that_the_viewer_types(folder, monkeypatch):
    monkeypatch.setenv("VGG_VIZ_NETWORK_UPLOADS", "on")
    monkeypatch.setattr(uploads, "most_megabytes", lambda: 120)
    page = open_page(view="prediction")
    page.sidebar.file_uploader[-1].upload("fish.keras", (folder / "fish.keras").read_bytes())
    page.run().run()
    assert page.query_params["network"] == "fish 2"
    assert listed(page) == ["class 0", "class 1", "class 2"]
    page.text_area[0].set_value("perch\npike").run()
    assert "Expected 3 lines, got 2" in page.error[0].value
    assert listed(page) == ["class 0", "class 1", "class 2"]
    page.text_area[0].set_value("\n".join(NAMES)).run()
    assert not page.error
    assert listed(page) == [f"{name} · class {index}" for index, name in enumerate(NAMES)]
    page.button(key="remove-network-fish 2").click().run()
    assert not page.text_area


def listed(page):
    return page.widget("selectbox", "class").options


def test_the_page_names_the_layer_that_it_cannot_follow(folder):
    page = open_page(view="prediction", network="odd")
    (info,) = page.info
    assert "cannot follow the layer odd \\(Conv2D\\)" in info.value
    assert "1,000" not in page.texts
    assert "Retry" not in [button.label for button in page.button]
