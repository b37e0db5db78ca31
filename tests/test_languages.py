"""Languages of tours: complete tables of words, and the direction of writing."""

import re

import pytest

from vgg_viz.export.plain_text import END, ISOLATE, NO_BREAK, leftward
from vgg_viz.languages import ENGLISH, WORDS, is_leftward, words_in


@pytest.mark.parametrize("language", WORDS)
def test_a_table_has_every_word_with_the_same_places_to_fill(language):
    words = vars(words_in(language))
    for name, english in vars(ENGLISH).items():
        assert words[name], name
        if isinstance(english, str):
            filled = [re.findall(r"{\w+}", text) for text in (words[name], english)]
            assert sorted(filled[0]) == sorted(filled[1]), name
    assert words["networks"].keys() == ENGLISH.networks.keys()
    letters = "".join(text for text in words.values() if isinstance(text, str))
    assert bool(re.search("[\u0600-\u06ff]", letters)) == is_leftward(language)


def test_other_languages_have_english_words_in_their_own_direction():
    assert words_in("de-AT") is ENGLISH
    assert words_in("he").next == f"{ISOLATE}Next{END}"
    assert words_in("fa-IR").next == words_in("fa").next != "Next"
    assert [is_leftward(code) for code in ("fa", "ar-EG", "he", "ur", "en", "az", "ku")] == [
        *[True] * 4,
        *[False] * 3,
    ]


ISOLATED = [
    ("تصویر 224 × 112 است", "224 × 112"),
    ("تصویر **224 × 112** است", "224 × 112"),
    ("یعنی 3 × 3 × 3 = 27 وزن", "3 × 3 × 3 = 27"),
    ("برابر 64 × 28 = 1,792.", "64 × 28 = 1,792"),
    ("مقدار −0.5، منفی", "−0.5"),
    ("مقدار ۲۲۴ × ۱۱۲ پیکسل", "۲۲۴ × ۱۱۲"),
    ("روش Input × gradient نام دارد", "Input × gradient"),
    ("بزرگ‌تر: 2.1× آن", "2.1×"),
    ("- 5 × 4", "5 × 4"),
    ("اندازهٔ 3×3 دارد", "3×3"),
]
LEFT = [
    "لایهٔ block3_conv1، نقشهٔ 10 و Grad-CAM در VGG19",
    "1. یک\n2) دو\n- 5",
    "کد `a × b = 3` و [مقاله](https://a.org/2×3) و https://a.org/1-2",
    "درستی 92% است",
]


@pytest.mark.parametrize(("text", "formula"), ISOLATED)
def test_formulas_in_a_leftward_text_are_set_apart(text, formula):
    assert leftward(text) == text.replace(
        formula, f"{ISOLATE}{formula.replace(' ', NO_BREAK)}{END}"
    )


@pytest.mark.parametrize("text", LEFT)
def test_the_rest_of_a_leftward_text_stays_as_it_is(text):
    assert leftward(text) == text
