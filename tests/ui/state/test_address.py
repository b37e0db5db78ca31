"""Addresses: the controls they set, and invalid values in them."""

from random import Random

import pytest
import streamlit as st

from tests.support.pages import open_page
from tests.support.truth import LAYER, MAPS, controls_of, fingerprint
from tests.test_links import values_of
from vgg_viz import samples
from vgg_viz.fields import FIELDS, VISIT_FIELDS, Choice, LinkError, Number, Numbers, Several
from vgg_viz.links import DEFAULTS, back_to_options, later_layer_options, texts_of
from vgg_viz.ui.widgets import chosen_network

VALUE = {**MAPS, "maps": "4", "channel": "3", "row": "2", "column": "3", "back_to": "The pixels"}
ONLY_SIDEBAR = (
    {"view": "Architecture"},
    {"view": "Filters", "layer": "10 · block4_conv2"},
    {**MAPS, "compare": "Another picture", "picture": "Your own"},
    {"view": "Feature visualization"},
    {"view": "Feature visualization", "examples": "Optimized images"},
    {"view": "Blocks", "beside": "true"},
    {"view": "Prediction", "change": "cover"},
    {"view": "Conclusion"},
)


def test_controls_offer_all_values_of_their_fields(monkeypatch):
    four = {**MAPS, "maps": "4"}
    experiments = {**four, "change": "mirror", "tab": "experiments"}
    tabs = (VALUE, {**four, "ablated": "3"}, experiments)
    pages = [(query, open_page(**query)) for query in tabs]
    # All other controls are in the sidebar, which comes first.
    monkeypatch.setattr(chosen_network, "_load", lambda *_: st.stop())
    pages += [(query, open_page(**query)) for query in ONLY_SIDEBAR]
    seen = set()
    for query, page in pages:
        for name, control in controls_of(page).items():
            field = FIELDS[name]
            seen.add(name)
            if isinstance(field, Choice | Several):
                labels = [option.label for option in field.options.values()]
                # A view leaves out what has no meaning in it, such as a scale around zero.
                assert control.options == [one for one in labels if one in control.options], name
                left_out = {
                    "scale": 1,
                    "order": 1,
                    "compare": 3,
                    "back_to": 13,
                    "later_layer": 5,
                }.get(name, 0)
                assert len(labels) - len(control.options) <= left_out, name
            elif isinstance(field, Number) and control.type != "selectbox":
                assert control.proto.min >= field.smallest, name
                assert control.proto.max <= field.largest, name
            # A layer may have fewer than 8 channels.
            if name not in (*query, *DEFAULTS, "channels"):
                assert page.shown(name) == field.default, name
    in_view = {query["view"]: set(controls_of(page)) for query, page in pages}
    assert in_view["Conclusion"] == {"view", "picture", "fit", "change", "network"}
    assert in_view["Architecture"] == in_view["Conclusion"] | {"blocks"}
    assert not {"maps", "order"} & in_view["Filters"]
    # Pages of filters have a control that AppTest does not know; "stored" is there for pictures
    # that can be stretched (test_picture_chooser has one); the others are buttons.
    assert set(FIELDS) - seen == {
        *("filter_page", "channel_page", "stored", "lecture", "answer"),
        *("tour", "tour_name", "own_tour"),
        *("deletion", "occlusion", "adversarial", "toward"),  # stand below the evidence
        "half",  # has a control where two maps are compared
        *("cover_row", "cover_column", "own", "ablated_in"),  # are set by uploads and clicks
        *("other_network", "preprocessing"),  # have controls where there are own networks
    }


def held(name, value):
    """Return a link's value as widgets hold it."""
    if isinstance(FIELDS[name], Numbers):
        return ", ".join(map(str, value))
    return list(value) if isinstance(value, tuple) else value


def linked(random, names):
    """Return a random value for each of these fields, one that every layer has."""
    values = {}
    for name in names:
        is_picture = name in ("picture", "other")  # of which the page has no other
        all_values = FIELDS[name].options if is_picture else values_of(FIELDS[name])
        options = [one for one in all_values if one not in (None, (512,))]
        values[name] = random.choice([one for one in options if type(one) is not int or one <= 14])
    return values


@pytest.mark.parametrize("seed", range(3))
def test_a_link_sets_all_controls_that_are_on_the_page(seed):
    random = Random(seed)
    names = [name for name in FIELDS if name not in (*VISIT_FIELDS, "own_from")]
    values = linked(random, names) | {"network": "untrained", "other_network": "imagenet"}
    for name in ("picture", "other"):
        values[name] = random.choice([sample.name for sample in samples.SAMPLES])
    values["view"] = ("maps", "blocks", "filters")[seed % 3]
    if values["view"] != "filters" and values["scale"] == "zero":
        values["scale"] = "layer"
    if values["shown_as"] == "difference" and values["pair_scale"] == "own":
        values["pair_scale"] = "layer"
    if values["back_to"] not in back_to_options(values["layer"]):
        values["back_to"] = "step"
    if values["tab"] == "attribution" and values["back_to"] == "step":
        values["back_to"] = "input"
    values["ablated_in"] = "here"
    values["experiment"] = "similar"  # the others run the network many times
    if values["later_layer"] not in later_layer_options(values["layer"]):
        values["later_layer"] = "next"
    changed = {key: value for key, value in values.items() if value != FIELDS[key].default}
    page = open_page(**{key: texts_of(value) for key, value in changed.items()})
    there = controls_of(page)
    assert len(there) >= 5
    for name, control in there.items():
        value = held(name, values[name])
        if isinstance(FIELDS[name], Number):
            value = min(value, control.proto.max)  # the layer's own
        assert page.session_state[name] == value, name


NONSENSE = (
    *("", "abc", "-1", "0", "1e9", "NaN", "１２", "<script>alert(1)</script>", "../../etc/passwd"),
    *("%00", "a" * 5000, ["abc", "-1"], "[1, 2]"),
)
PLACES = (
    {"view": "Architecture"},
    {**VALUE, "ablated": "3"},
    {**MAPS, "maps": "4", "compare": "Another picture", "channel": "3"},
    {"view": "Filters", "layer": LAYER.title, "filters": "256", "channels": "128"},
    {"tour": "2"},
)


def is_nonsense(name, given):
    try:
        FIELDS[name].read([given] if isinstance(given, str) else given)
    except LinkError:
        return True
    return False


# In each place every field gets another nonsense value, and over all places most of them.
@pytest.mark.parametrize(("turn", "base"), list(enumerate(PLACES)))
def test_invalid_values_leave_the_page_as_without_them(turn, base):
    sound = fingerprint(open_page(**base))
    names = [name for name in FIELDS if name not in base]
    given = {name: NONSENSE[(turn + place) % len(NONSENSE)] for place, name in enumerate(names)}
    given = {name: value for name, value in given.items() if is_nonsense(name, value)}
    page = open_page(**base, **given)
    assert not page.error
    assert page.warning
    assert fingerprint(page) == sound


OTHERS = {"layer[]": "5", "VIEW": "Blocks", "source": "newsletter", "channel": "email", "": "1"}


def test_other_programs_parameters_change_nothing_and_stay_in_the_address():
    page = open_page(utm_source="<script>", embed="true", **OTHERS)
    assert fingerprint(page) == fingerprint(open_page())
    assert not page.warning
    page.choose("view", "maps")
    others = {"utm_source": "<script>", "embed": "true", **OTHERS}
    assert dict(page.query_params) == {"view": "maps", **others}


def test_what_could_not_be_read_is_told_until_something_is_chosen():
    page = open_page(view="maps.", layer="block9_conv1", source="camera")
    assert page.shown("view") == "maps"
    (warning,) = page.warning
    assert "Could not read all of this link: layer: expected one of" in warning.value.replace(
        "\\", ""
    )
    page.widget("slider", "maps").set_value(4)
    page.run()
    assert not page.warning
    assert dict(page.query_params) == {"view": "maps", "maps": "4", "own_from": "camera"}


def test_the_state_of_a_removed_widget_is_ignored():
    page = open_page(view="Feature maps", maps="4")
    # What a browser sends that has not heard yet of what the click has changed.
    late = page._tree.get_widget_states()
    page.press("tour-start")
    assert page.link == "tour=1"
    for _ in range(2):
        page._run(late)
        assert page.link == "tour=1"
