"""Filters view: all pages of a large layer."""

from tests.support.pages import open_page


def test_all_pages_of_a_large_layer_can_be_reached():
    page = open_page(view="filters", layer="block4_conv2", filters="512", channels="512")
    assert "Filters 1 to 16 of 512" in page.texts
    page.choose("filter_page", 32)
    page.choose("channel_page", 32)
    assert "Filters 497 to 512 of 512" in page.texts
    assert "Channels 497 to 512 of 512" in page.texts
