"""The list of keyboard shortcuts: complete for all scripts and buttons."""

import re

import pytest

from vgg_viz.ui.widgets import components, key_list
from vgg_viz.ui.widgets.key_list import BARS, CONTEXTS, DIAGRAM, GRID, KEYS, LECTURE, MAP, PAGE

NAMED = re.compile(r'\b(?:Arrow(?:Left|Right|Up|Down)|Enter|Escape|Home|End|Page(?:Up|Down))\b|" "')


def keys_in(script: str) -> set[str]:
    """Return the keys that a script names."""
    text = (components.FOLDER / f"{script}.js").read_text(encoding="utf-8")
    code = re.sub(r"//.*", "", text)
    return {name.strip('"') for name in NAMED.findall(code)}


def listed(*contexts: str, button: bool = False) -> set[str]:
    """Return the listed keys of these contexts, with or without those that press a button."""
    keys = [key for key in KEYS if key.context in contexts and (button or not key.button)]
    return {name for key in keys for name in key.names}


# Enter and Space press buttons by themselves. "Escape": the inspector closes a lecture's map, and
# the page's keys leave open menus alone.
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("mosaic", listed(GRID)),
        ("inspector", listed(MAP) | {"Escape"}),
        ("diagram", listed(DIAGRAM)),
        ("bars", listed(BARS) - {"Enter", " "}),
        ("keys", listed(PAGE) | {"Escape"}),
    ],
)
def test_all_keys_of_a_script_are_listed(script, expected):
    assert keys_in(script) == expected


def test_no_other_script_handles_keys():
    # Two only watch: which keys step a control, and whether a list was left without a choice.
    known = {"mosaic", "bars", "inspector", "diagram", "keys", "address", "focus", "pointer"}
    others = {path.stem for path in components.FOLDER.glob("*.js")} - known
    assert {name: keys_in(name) for name in others if keys_in(name)} == {}


def test_a_key_has_one_action_in_each_context():
    names = [(key.context, name) for key in KEYS for name in key.names]
    assert len(names) == len(set(names))
    assert {key.context for key in KEYS} == set(CONTEXTS)


def test_page_keys_prefer_the_tour_to_the_layers():
    assert key_list.bindings([PAGE]) == {"?": "key-list"}
    assert key_list.bindings([PAGE, LECTURE])["PageDown"] == "next-layer"
    assert key_list.bindings([PAGE, LECTURE, key_list.TOUR])["PageDown"] == "tour-next"


def test_the_help_lists_every_key():
    text = key_list.markdown()
    for key in KEYS:
        assert f"{key_list.key_caps(key.names)} {key.action}" in text
    assert "- `→` `Page down` next layer" in text
