"""Text from outside: file names, and lines of exported images."""

import numpy as np
import pytest
from matplotlib.font_manager import get_font
from matplotlib.ft2font import LoadFlags

from vgg_viz.export import plain_text
from vgg_viz.export.plain_text import (
    file_stem,
    plain,
    relative_width,
    rightward,
    settable,
    shorten,
    wrap,
)


def ink(line: str) -> np.ndarray:
    """Return a line as it is drawn, without its margins."""
    font = get_font(plain_text.font(1).get_file())
    font.set_size(30, 72)
    font.set_text(rightward(line), flags=LoadFlags.NO_HINTING)
    font.draw_glyphs_to_bitmap()
    image = np.asarray(font.get_image()) > 0
    rows, columns = image.any(axis=1).nonzero()[0], image.any(axis=0).nonzero()[0]
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def alike(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share of equal pixels, wherever the lower image lies in the higher one.

    It is less than 1 for equal texts, since letters begin at fractions of a pixel.
    """
    higher, lower = sorted((first, second), key=len, reverse=True)
    tops = range(len(higher) - len(lower) + 1)
    return max(float((higher[top:][: len(lower)] == lower).mean()) for top in tops)


@pytest.mark.parametrize(
    "text",
    [
        "−4.5 × 3 · 92% “x”…",
        "Ägyptische Katze, Straße, ŝaŭmo, Łódź, Việt Nam, o\u0308",
        "Египетская кошка",
        "Γάτα",
        "قطة مصرية",
        "חתול מצרי",
        "گربه\u200cها",
    ],
)
def test_scripts_that_the_font_has_are_set(text):
    assert settable(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Evidence for 埃及猫 rather than 猫", "Evidence for n02124075 rather than class 9"),
        ("Grad-CAM · 猫, แมว, 猫 (大)", "Grad-CAM · class 9, …, class 8"),
        ("大猫.jpg", "….jpg"),  # no name of its own
        ("日本\u3000猫, क्\u200dष", "n1, class 3"),
        ("tabby · +1.5", "tabby · +1.5"),
        ("🐈 and बिल्ली", "… and …"),
        ("a\nb\r\tc\x00\u202e", "a b c��"),
        ("Kat\u00adze, \u200fحتى\u200e", "Katze, حتى"),
        ("👩\u200d🔬 · क्\u200dक", "… · …"),
    ],
)
def test_names_in_other_scripts_are_numbered(text, line):
    ids = {"猫": "class 9", "猫 (大)": "class 8", "埃及猫": "n02124075", "tabby": "n02123045"}
    ids |= {"日本\u3000猫": "n1", "क्\u200dष": "class 3"}
    assert settable(text, ids) == line
    assert set(line) <= plain_text._letters()


def test_a_joiner_is_not_seen_and_parts_letters():
    parted, joined = ink("ب\u200cب"), ink("بب")
    ends = ink("ب").shape[1]
    assert joined.shape[1] < parted.shape[1] <= 2 * ends + 4  # pixels between two letters


def test_right_to_left_letters_follow_each_other_leftward_and_join():
    first, both = ink("א"), ink("אב")
    assert alike(both[:, -first.shape[1] :], first) > 0.9 > alike(both[:, : first.shape[1]], first)
    assert relative_width("ببب") < 0.8 * 3 * relative_width("ب")


@pytest.mark.parametrize("name", ["חתול", "قطة مصرية"])
@pytest.mark.parametrize("end", ["+1.5", "(stretched)"])
def test_what_follows_a_name_from_right_to_left_stands_to_its_right(name, end):
    line, last = ink(f"{name} · {end}"), ink(end)
    assert alike(line[:, -last.shape[1] :], last) > 0.85
    first = ink(name)
    assert alike(line[:, : first.shape[1]], first) > 0.8


@pytest.mark.parametrize("width", [40, 100, 700])
@pytest.mark.parametrize(
    "words", ["", "a", "one two  three", "x" * 600, f"see {'x' * 560} there", "猫" * 50]
)
def test_wrapping_loses_nothing_and_fits(words, width):
    lines = wrap(words, lambda text: 9 * len(text), width)
    assert all(9 * len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")


def test_words_break_between_words_where_they_can():
    assert wrap("one two three", len, 7) == ["one two", "three"]
    assert wrap("ab abcdefghij cd", len, 4) == ["ab", "abcd", "efgh", "ij", "cd"]
    assert wrap("abc", len, 0) == ["a", "b", "c"]


def test_long_titles_end_with_an_ellipsis_where_their_tile_ends():
    title = "Chesapeake Bay retriever"
    for width in np.arange(0.5, 16, 0.5):
        line = shorten(title, relative_width, width)
        if line == title:
            assert relative_width(title) <= width
            continue
        start = line.removesuffix("…")
        assert title.startswith(start)
        longer = title[: len(start) + 1 + title[len(start) :].startswith(" ")]
        assert relative_width(f"{longer}…") > width
        assert relative_width(line) <= width or len(start) == 1


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        ("5 · block3_conv1, Cat", "5-block3-conv1-Cat"),
        ("../../etc/passwd", "etc-passwd"),
        ("Über Café", "Uber-Cafe"),
        ("猫", "vgg-viz"),
        ("", "vgg-viz"),
        ("...", "vgg-viz"),
        ("con", "vgg-viz-con"),
        ("LPT1", "vgg-viz-LPT1"),
        ("a" * 79 + " b", "a" * 79),
        ("x" * 200, "x" * 80),
    ],
)
def test_file_names_are_safe(words, stem):
    assert file_stem(words) == stem


def test_plain_words_are_one_printable_line():
    assert plain(" a\u00a0b\n\nc\x00 · é猫\u202e ") == "a b c� · é猫�"
    # As telephones isolate a number, and as the flag of Scotland is written.
    assert (
        plain("\u2068+49 1\u2069 \u061c🏴\U000e0067\U000e007f 👩\u200d🔬") == "+49 1 🏴 👩\u200d🔬"
    )
