"""Languages of tours: the words of a tour's panel, and the direction of writing.

A tour's own texts come from its file. In a language without a table the buttons are English.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vgg_viz.export.plain_text import END, ISOLATE
from vgg_viz.model.networks import NetworkChoice

# Languages that are written from right to left, by ISO 639.
LEFTWARD = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "khw", "ks", "ps", "sd", "syr", "ug", "ur", "yi")
)


@dataclass(frozen=True)
class PanelWords:
    """Words of a tour's panel; names in braces are filled in."""

    start: str
    leave: str
    # Of lecture mode, whose buttons are then in the panel.
    controls: str
    close_controls: str
    leave_lecture: str
    step: str
    back: str
    next: str
    answer: str
    finish: str
    menu: str
    other_tours: str
    steps: str
    file: str
    diverged: str
    again: str
    untrained: str
    another_network: str
    no_answer: str
    networks: Mapping[NetworkChoice, str]


ENGLISH = PanelWords(
    start="Tour",
    leave="Leave tour",
    controls="Controls",
    close_controls="Close controls",
    leave_lecture="Leave",
    step="{number} of {count}",
    back="Back",
    next="Next",
    answer="Answer",
    finish="Finish",
    menu="Steps",
    other_tours="Other tours",
    steps="Steps",
    file="Open a tour from a file",
    diverged="You have changed the page. This step is about **{about}**.",
    again="Return to this step",
    untrained="This text describes the **untrained** network shown here.",
    another_network="This text describes {network}; you see {shown}.",
    no_answer="The answer holds only for {network}.",
    networks={"imagenet": "the ImageNet network", "untrained": "the untrained network"},
)
PERSIAN = PanelWords(
    start="تور راهنما",
    leave="ترک تور",
    controls="تنظیمات",
    close_controls="بستن تنظیمات",
    leave_lecture="خروج",
    step="{number} از {count}",
    back="قبلی",
    next="بعدی",
    answer="پاسخ",
    finish="پایان",
    menu="گام‌ها",
    other_tours="تورهای دیگر",
    steps="گام‌ها",
    file="باز کردن تور از فایل",
    diverged="صفحه را تغییر داده‌اید. این گام دربارهٔ **\u2066{about}\u2069** است.",
    again="بازگشت به این گام",
    untrained="این متن دربارهٔ شبکهٔ **آموزش‌ندیده** است که اینجا می‌بینید.",
    another_network="این متن دربارهٔ {network} است؛ شما \u2066{shown}\u2069 را می‌بینید.",
    no_answer="پاسخ فقط برای {network} درست است.",
    networks={"imagenet": "شبکهٔ ImageNet", "untrained": "شبکهٔ آموزش‌ندیده"},
)
WORDS: Mapping[str, PanelWords] = {"en": ENGLISH, "fa": PERSIAN}
# Apart from the text around them, so that their full stops stay at the right.
_ISOLATED: dict[str, Any] = {
    name: f"{ISOLATE}{text}{END}" for name, text in vars(ENGLISH).items() if isinstance(text, str)
}
ENGLISH_AMONG_LEFTWARD = replace(ENGLISH, **_ISOLATED)


def words_in(language: str) -> PanelWords:
    """Return the words of a tour's panel in a language, or in English if there is no table."""
    default = ENGLISH_AMONG_LEFTWARD if is_leftward(language) else ENGLISH
    return WORDS.get(primary(language), default)


def is_leftward(language: str) -> bool:
    """Return whether a language is written from right to left.

    >>> is_leftward("fa-IR"), is_leftward("en")
    (True, False)
    """
    return primary(language) in LEFTWARD


def primary(language: str) -> str:
    """Return a language's code without region and script.

    >>> primary("fa-IR")
    'fa'
    """
    return language.partition("-")[0]
