"""Change of the chosen picture: the page's captions, link and comparison name it."""

from tests.support.pages import open_page


def test_a_change_is_named_and_ends_with_its_amount():
    page = open_page(view="Feature maps", maps="4")
    page.choose("change", "rotate")
    assert "Cat, rotated clockwise by 30° (stretched)" in page.texts
    page.choose("amount", -10)
    assert "Cat, rotated counterclockwise by 10° (stretched)" in page.texts
    assert page.query_params["amount"] == "-10"
    page.choose("change", "blur")  # begins with its own usual amount
    assert "Cat, blurred by 3 pixels (stretched)" in page.texts
    page.choose("change", "cover")
    assert "Cat, with a square of 48 pixels covered (stretched)" in page.texts
    page.choose("amount", 0)
    assert "Cat (stretched)" in page.texts
    page.choose("change", "none")
    assert "change" not in page.query_params
    assert "amount" not in page.query_params


def test_the_unchanged_image_is_offered_for_comparison_only_with_a_change():
    page = open_page(view="Feature maps", maps="4", compare="unchanged")
    assert not page.subheader
    page = open_page(view="Feature maps", maps="4", change="mirror", compare="unchanged")
    assert [heading.value for heading in page.subheader[:2]] == ["Cat, mirrored", "Cat"]
    page.choose("change", "none")
    assert "compare" not in page.query_params
