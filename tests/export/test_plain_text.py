import pytest

from vgg_viz.export.plain_text import file_stem, plain


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
