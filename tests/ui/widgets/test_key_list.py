"""One list of keys: what scripts and buttons do with keys stands in it."""

import re

import pytest

from vgg_viz.ui.widgets import components, key_list
from vgg_viz.ui.widgets.key_list import DIAGRAM, GRID, KEYS, LECTURE, MAP, PAGE, PLACES, TOUR

NAMED = re.compile(r'\b(?:Arrow(?:Left|Right|Up|Down)|Enter|Escape|Home|End|Page(?:Up|Down))\b|" "')


def keys_in(script: str) -> set[str]:
    """The keys that a script knows by name."""
    text = (components.FOLDER / f"{script}.js").read_text(encoding="utf-8")
    code = re.sub(r"//.*", "", text)
    return {name.strip('"') for name in NAMED.findall(code)}


def listed(*places: str, button: bool = False) -> set[str]:
    """The keys of the list in these places, those that press a button left out or not."""
    keys = [key for key in KEYS if key.place in places and (button or not key.button)]
    return {name for key in keys for name in key.names}


# Esc closes a lecture's map in the inspector, and is kept from what it closes in the page's keys.
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("mosaic", listed(GRID)),
        ("inspector", listed(MAP) | {"Escape"}),
        ("diagram", listed(DIAGRAM)),
        ("keys", listed(PAGE) | {"Escape"}),
    ],
)
def test_what_a_script_does_with_keys_stands_in_the_list(script, expected):
    assert keys_in(script) == expected


def test_no_other_script_knows_a_key():
    # The address watches which keys a control is stepped with, and does nothing with them.
    known = {"mosaic", "inspector", "diagram", "keys", "address"}
    others = {path.stem for path in components.FOLDER.glob("*.js")} - known
    assert {name: keys_in(name) for name in others if keys_in(name)} == {}


def test_a_key_has_one_meaning_in_each_place():
    names = [(key.place, name) for key in KEYS for name in key.names]
    assert len(names) == len(set(names))
    assert {key.place for key in KEYS} == set(PLACES)


def test_a_button_has_its_key_from_the_list():
    assert key_list.shortcut("lecture-switch") == "L"
    assert key_list.shortcut("tour-back") == "Left"


def test_a_clickers_keys_go_through_the_tour_where_there_is_one():
    assert key_list.bindings([PAGE]) == {"?": "key-list"}
    assert key_list.bindings([PAGE, LECTURE])["PageDown"] == "next-layer"
    assert key_list.bindings([PAGE, LECTURE, TOUR])["PageDown"] == "tour-next"


def test_the_list_says_every_key_in_words():
    words = key_list.markdown()
    for key in KEYS:
        assert f"{key_list.key_caps(key.names)} {key.words}" in words
    assert "- `→` `Page down` the next layer" in words
