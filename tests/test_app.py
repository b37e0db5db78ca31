"""Every view and every control, through Streamlit's own AppTest; pictures are out of its reach."""

import io
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support import pages
from tests.support.pages import choose, inspected, upload
from vgg_viz import weights
from vgg_viz.architecture import VGG19
from vgg_viz.downloads import DownloadError
from vgg_viz.links import COLOUR_MAPS, PICTURES
from vgg_viz.ui.widgets import chosen_network as networks
from vgg_viz.ui.widgets import diagram, picture_chooser
from vgg_viz.weights import StoredWeights, UntrainedWeights, WeightsError, WeightsUnavailable

VIEWS = ["Architecture", "Filters", "Feature maps", "Blocks", "Conclusion"]


@pytest.fixture(scope="module", autouse=True)
def no_network():
    """No test reaches for the real weights; the loaded network is kept for the whole file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "obtain", unavailable)
        st.cache_resource.clear()
        st.cache_data.clear()
        yield
    st.cache_resource.clear()
    st.cache_data.clear()


def unavailable(*_, **__):
    raise WeightsUnavailable(["There was no file.", "There was no network."])


def open_page(**query: str) -> AppTest:
    """The page as a link with these parameters opens it, on the untrained network."""
    return pages.open_page(**{"network": "Untrained", **query})


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.markdown, *page.caption])


def mosaics(page: AppTest) -> list:
    shown = page.main.get("bidi_component")
    others = (*pages.UNSEEN, "copy-link", "inspector")
    return [component for component in shown if component.key not in others]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_from_its_link_without_a_notice(view):
    page = open_page(view=view)
    assert not page.error
    assert not page.warning
    assert page.header
    assert len(mosaics(page)) > 0
    if view in VIEWS[1:]:
        assert "untrained" in texts(page)


def test_a_control_that_the_view_does_not_use_is_not_shown():
    def labels(view):
        sidebar = open_page(view=view).sidebar
        return [element.label for element in [*sidebar.selectbox, *sidebar.slider]]

    assert labels("Architecture") == []
    assert "Number of filters (1 to 64)" in labels("Filters")
    assert "Number of maps (1 to 64)" not in labels("Filters")
    assert "Number of maps (1 to 64)" in labels("Feature maps")
    assert labels("Conclusion") == []


def test_architecture_lists_the_layers_of_the_chosen_blocks():
    page = open_page(view="Architecture")
    everything = texts(page)
    for layer in VGG19.layers:
        assert f"`{layer.name}`" in everything
    assert "143,667,240" in everything
    some = texts(choose(page, "blocks", ("2",)))
    assert some.count("`block2_conv1`") == 2
    assert some.count("`block3_conv1`") == 1


def test_architecture_is_all_there_before_a_network_is(monkeypatch):
    monkeypatch.setattr(networks, "_load", lambda *_: pytest.fail("loads a network"))
    page = open_page(view="Architecture", network="ImageNet")
    assert len(mosaics(page)) == 1  # the diagram
    for layer in VGG19.layers:
        assert f"`{layer.name}`" in texts(page)


def test_architecture_follows_the_picture_through_all_layers():
    page = choose(open_page(view="Architecture", picture="Coffee"), diagram.SEEN, True)
    assert len(mosaics(page)) == 2
    assert "untrained · Coffee (stretched) · the 4 most active maps" in texts(page)


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_every_layer_has_filters_and_maps(layer):
    filters = open_page(view="Filters", layer=layer.title)
    assert f"8 of {layer.filters} filters" in texts(filters)
    assert f"{min(8, layer.channels)} of {layer.channels} channels" in texts(filters)
    maps = open_page(view="Feature maps", layer=layer.title)
    assert f"64 of {layer.filters} maps shown" in texts(maps)
    assert layer.name in maps.code[0].value


@pytest.mark.parametrize("count", [1, 2, 37, 64])
def test_exactly_as_many_maps_as_asked_for(count):
    page = choose(open_page(view="Feature maps"), "maps", count)
    assert f"{count} of 64 maps shown" in texts(page)


def test_a_number_too_large_for_the_next_layer_is_cut_to_it():
    page = open_page(view="Feature maps", layer="16 · block5_conv4", maps="512")
    assert "512 of 512 maps shown" in texts(page)
    page.selectbox(key="layer").set_value("block1_conv1").run()
    assert not page.exception
    assert "64 of 64 maps shown" in texts(page)


@pytest.mark.parametrize(
    ("view", "scale", "words"),
    [
        ("Filters", "own", "own scale"),
        ("Filters", "layer", "one scale for the whole layer"),
        ("Filters", "zero", "zero in the middle"),
        ("Feature maps", "layer", "one scale for the whole layer"),
    ],
)
def test_the_caption_says_the_scale(view, scale, words):
    assert words in texts(choose(open_page(view=view), "scale", scale))


def test_every_colour_map_draws():
    page = open_page(view="Feature maps")
    for name in COLOUR_MAPS:
        choose(page, "colours", name)
        assert len(mosaics(page)) == 1


def test_all_pages_of_a_large_layer_can_be_reached():
    page = open_page(view="Filters", layer="10 · block4_conv2", filters="512", channels="512")
    assert "Filters 1 to 16 of 512" in texts(page)
    choose(page, "filter_page", 32)
    choose(page, "channel_page", 32)
    assert "Filters 497 to 512 of 512" in texts(page)
    assert "Channels 497 to 512 of 512" in texts(page)


def test_blocks_show_any_choice_with_any_number_and_filters_beside():
    page = choose(open_page(view="Blocks"), "blocks", ("2", "5"))
    names = [element.value for element in page.subheader]
    assert names == ["Block 2 · block2_conv2", "Block 5 · block5_conv4"]
    choose(page, "block_maps", 100)
    assert "100 of 128 maps shown" in texts(page)
    before = len(mosaics(page))
    choose(page, "beside", True)
    assert len(mosaics(page)) == before + 2
    choose(page, "blocks", ())
    assert "at least one block" in page.info[0].value


@pytest.mark.parametrize("key", ["view", "layer", "maps", "scale", "colours", "picture", "fit"])
def test_nonsense_in_the_link_falls_back_to_the_default(key):
    sound = open_page(view="Feature maps")
    query = {"view": "Feature maps", key: "<script>alert(1)</script>"}
    page = open_page(**query)
    assert not page.error
    assert f"{key}\\: expected" in page.warning[0].value
    if key != "view":
        assert texts(page) == texts(sound)


def test_without_weights_the_page_says_so_and_works_on_untrained():
    page = open_page(view="Feature maps", network="ImageNet")
    assert "could not be had" in texts(page)
    assert [text.value for text in page.text] == ["There was no file.", "There was no network."]
    assert "block1_conv1 · untrained" in texts(page)
    assert "· ImageNet ·" not in texts(page)


def test_without_weights_the_page_says_how_to_bring_them_by_hand():
    page = open_page(view="Filters", network="ImageNet")
    said = texts(page)
    assert "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 (80 MB)" in said
    assert "Then press **Retry**" in said
    for host in ("storage.googleapis.com/tensorflow", "github.com/fchollet"):
        assert f"https://{host}" in said
    assert page.button(key="retry").label == "Retry"


SENTENCE = "The file named by VGG_VIZ_WEIGHTS was not taken: expected VGG19 weights in mine.h5."


@pytest.mark.parametrize(
    ("view", "program"), [("Filters", ""), ("Feature maps", "import keras"), ("Conclusion", "")]
)
def test_a_file_of_the_hosts_that_could_not_be_used_is_named_once(monkeypatch, view, program):
    said = f"{SENTENCE}\nThese lines:\n\n{program}" if program else SENTENCE
    monkeypatch.setattr(StoredWeights, "read", lambda self, name: UntrainedWeights().read(name))
    taken = StoredWeights(Path("keras.h5"), "ImageNet", passed_over=(said,))
    st.cache_resource.clear()
    monkeypatch.setattr(weights, "obtain", lambda **_: taken)
    page = open_page(view=view, network="ImageNet")
    assert "could not be used" in texts(page)
    assert "could not be had" not in texts(page)
    assert "· ImageNet" in texts(page)
    assert [text.value.partition("\n")[0] for text in page.text] == [SENTENCE]
    if program:
        assert program in [code.value for code in page.code]
    assert "could not be used" not in texts(choose(page, "network", "untrained"))
    st.cache_resource.clear()


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
    st.cache_resource.clear()


class Arrived(UntrainedWeights):
    label = "ImageNet"


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("mine.h5", "mine\\.h5"),
        ("my *best* vgg19 of 12-3.h5", "my \\*best\\*…2\\-3\\.h5"),
    ],
)
def test_the_hosts_file_stands_on_the_switch_by_its_name(monkeypatch, tmp_path, name, called):
    st.cache_resource.clear()
    monkeypatch.setattr(StoredWeights, "read", lambda self, name: UntrainedWeights().read(name))
    given = StoredWeights(tmp_path / name, f"weights of {name}")
    monkeypatch.setattr(weights, "obtain", lambda **_: given)
    page = open_page(view="Filters", network="ImageNet")
    assert switch(page) == ([called, "Untrained"], "imagenet")
    assert f"weights of {name}" in texts(page)
    page = choose(page, "network", "untrained")
    assert switch(page) == ([called, "Untrained"], "untrained")
    assert "· untrained ·" in texts(page)
    st.cache_resource.clear()


def test_a_file_that_turns_out_damaged_is_a_notice_too(monkeypatch):
    class Damaged:
        label = "ImageNet"

        def read(self, layer_name):
            raise WeightsError("expected VGG19 weights in the file, got: truncated")

    st.cache_resource.clear()
    monkeypatch.setattr(weights, "obtain", lambda **_: Damaged())
    page = open_page(view="Feature maps", network="ImageNet")
    assert "could not be had" in texts(page)
    assert "got: truncated" in page.text[0].value
    assert "block1_conv1 · untrained" in texts(page)
    st.cache_resource.clear()


def test_retry_fetches_the_weights_anew(monkeypatch):
    page = open_page(view="Filters", network="ImageNet")

    class Arrived(UntrainedWeights):
        label = "ImageNet"

    monkeypatch.setattr(weights, "obtain", lambda **_: Arrived())
    page.button(key="retry").click().run()
    assert not page.exception
    assert "could not be had" not in texts(page)
    assert "block1_conv1 · ImageNet" in texts(page)
    st.cache_resource.clear()


def photo(colour: str, file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(buffer, file_format)
    return buffer.getvalue()


def test_an_uploaded_picture_is_shown_and_a_broken_one_leaves_the_view_as_it_was():
    page = open_page(view="Feature maps", picture="Your own")
    assert "Cat (stretched)" in texts(page)
    upload(page, photo("red"))
    assert "Your picture (stretched)" in texts(page)
    upload(page, photo("blue")[:80])
    assert len(page.error) == 1
    assert "please send the file again" in page.error[0].value
    assert "Your picture (stretched)" in texts(page)


def deep_grey() -> bytes:
    """A 16-bit TIFF that uses little of it: 1,000 to 1,400."""
    values = np.tile(np.linspace(1000, 1400, 300), (200, 1)).astype("<u2")
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF")
    return buffer.getvalue()


def test_a_deep_grey_is_stretched_and_can_be_seen_as_stored():
    page = open_page(view="Conclusion", picture="Your own")
    upload(page, photo("red"), "red.png")
    assert not [toggle for toggle in page.toggle if toggle.label == "As stored"]
    upload(page, deep_grey(), "deep.tif")
    stretched = "values from 1,000 to 1,400 stretched to black and white"
    assert f"Your picture (stretched, {stretched})" in texts(page)
    assert stretched in page.sidebar.caption[-1].value.replace("\\", "")
    choose(page, "fit", "crop")
    choose(page, "stored", True)
    stored = "values from 0 to 65,535 as black and white"
    assert f"Your picture (cropped, {stored})" in texts(page)
    assert stretched not in texts(page)


def test_the_other_picture_has_the_switch_where_only_it_is_stretched():
    page = open_page(view="Feature maps", maps="4", compare="Another picture", other="Your own")
    upload(page, deep_grey(), "deep.tif")
    assert [toggle.label for toggle in page.toggle] == ["As stored"]
    choose(page, "stored", True)
    assert "values from 0 to 65,535 as black and white" in texts(page)


def test_a_photo_from_the_camera_is_shown():
    page = open_page(view="Feature maps", picture="Your own")
    choose(page, "source", "camera")
    page.camera_input(key="camera").upload("photo.jpg", photo("green", "JPEG"), "image/jpeg").run()
    assert not page.exception
    assert "Your photo (stretched)" in texts(page)


def test_the_robin_is_fetched_when_asked_for(monkeypatch):
    robin = picture_chooser.PictureFile("robin", "Robin", "A robin", lambda: photo("brown", "JPEG"))
    monkeypatch.setattr(picture_chooser, "robin_file", lambda key: robin)
    assert "Robin (stretched)" in texts(open_page(view="Feature maps", picture="Robin"))


def test_without_a_network_the_robin_is_a_plain_message_and_is_tried_once_a_choice(monkeypatch):
    tries = []

    def no_network(*_, **__):
        tries.append(1)
        raise DownloadError("The picture was tried 3 times, but there is no network.")

    monkeypatch.setattr(picture_chooser, "download", no_network)
    page = open_page(view="Feature maps", picture="Robin")
    choose(page, "maps", 4)
    assert "no network" in page.error[0].value.replace("\\", "")
    assert "Cat (stretched)" in texts(page)
    assert len(tries) == 1
    choose(page, "picture", "coffee")
    choose(page, "picture", "robin")
    assert len(tries) == 2
    assert "Coffee (stretched)" in texts(page)


def test_what_came_in_the_robins_place_is_let_go(monkeypatch, tmp_path):
    picture_chooser.decoded.clear()
    monkeypatch.setattr(picture_chooser, "private_folder", lambda: tmp_path)
    came = [b"<html>Just a moment</html>", photo("brown", "JPEG")]

    def fetch(url, folder, name, **_):
        if not (folder / name).exists():
            (folder / name).write_bytes(came.pop(0))
        return folder / name

    monkeypatch.setattr(picture_chooser, "download", fetch)
    page = open_page(view="Feature maps", picture="Robin")
    assert "please choose" in page.error[0].value
    assert "Cat (stretched)" in texts(page)
    choose(page, "maps", 4)
    assert page.error
    assert len(came) == 1
    choose(page, "picture", "coffee")
    choose(page, "picture", "robin")
    assert not page.error
    assert "Robin (stretched)" in texts(page)


def test_every_sample_and_both_sizes_can_be_chosen():
    page = open_page(view="Conclusion")
    for name in list(PICTURES)[:8]:
        choose(page, "picture", name)
        assert PICTURES[name] in texts(page)
    choose(page, "fit", "crop")
    assert "(cropped)" in texts(page)


def test_a_chosen_map_is_inspected():
    page = open_page(view="Feature maps", layer="5 · block3_conv1", channel="12")
    assert inspected(page)["title"] == "Map 12 of block3_conv1"
    assert len(mosaics(page)) == 1
    assert not page.subheader
    page.number_input(key="row").set_value(56)
    page.number_input(key="column").set_value(1).run()
    assert not page.exception
    assert "row 56, column 1 of map 12" in page.subheader[0].value
    assert "The two agree" in page.success[0].value
    assert len(page.metric) == 5


@pytest.mark.parametrize("layer", [VGG19.conv_layers[0], *VGG19.conv_layers[1::3]], ids=str)
def test_the_value_at_a_corner_of_any_layer_is_explained(layer):
    page = open_page(
        view="Feature maps", layer=layer.title, channel=str(layer.filters), row="1", column="1"
    )
    assert "The two agree" in page.success[0].value
    assert not page.error


def test_a_map_too_high_for_the_next_layer_is_cut_to_it():
    page = open_page(view="Feature maps", layer="16 · block5_conv4", channel="500", row="14")
    page.selectbox(key="layer").set_value("block1_conv1").run()
    assert not page.exception
    assert inspected(page)["channel"] == 64


def test_the_inspector_leads_to_the_filter():
    page = open_page(view="Feature maps", layer="5 · block3_conv1", channel="100")
    page.button(key="inspector-to-filter").click().run()
    assert not page.exception
    assert page.header[0].value == "Filters of block3_conv1"
    assert "Filters 97 to 100 of 100" in texts(page)
