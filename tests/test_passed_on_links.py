"""Links as mail programs, chats and newsletters leave them."""

from urllib.parse import parse_qs, quote, quote_plus

import pytest
from hypothesis import given

from tests.test_links import OLD_LINKS, SETTINGS, TEXTS
from vgg_viz.fields import FIELDS, MOST_PARAMETERS
from vgg_viz.links import read
from vgg_viz.passed_on_links import read_passed_on

LINK = "view=maps&layer=block3_conv1&ablated=4,17&blocks=1&blocks=5&parametrization=pixels&maps=9"
VALUES = read(LINK)


def opened(query):
    """Return a link as the page reads it, after Streamlit has decoded it once."""
    return read_passed_on(parse_qs(query, keep_blank_values=True))


@pytest.mark.parametrize(
    "passed_on",
    [
        LINK,
        LINK.replace("&", "&amp;"),
        LINK.replace("&", "&AMP;amp;"),
        LINK.replace("&", "%26amp%3B"),
        LINK.replace("&para", "¶"),
        quote(LINK),
        quote(quote(quote(LINK))),
        f"view={quote(LINK.removeprefix('view='))}",
        quote(LINK, safe="=&"),
        quote(quote(LINK, safe="=&"), safe="=&"),
        LINK.replace("maps&", quote_plus(quote_plus("Feature maps")) + "&"),
        LINK.replace("=", "=3D"),
        LINK.replace("_", "%5C_"),
        LINK.replace("_", "_%0A"),
        LINK.replace("_", quote("_\u2060\u00ad\u200e")),
        LINK.replace("&", ";"),
        LINK.replace("&", quote("&#038;")),
        LINK.replace("&", quote("\\u0026")),
        LINK.replace("&", "%E2%80%8B&"),
        *(LINK + quote(end) for end in (*".,;:!?)]}>\"'”’»…*`|/", "…”).", "%22", " ", "_**")),
        *(LINK + quote(end) for end in "。，、）」！،؛؟।–—‹«´~^=%([{•„\u2069\u200e"),
        *(
            LINK + quote(end)
            for end in ("</a> said", "<br>", "==", "&nbsp;", '" target="_blank"', "#top")
        ),
        f"?{LINK}",
        f"{LINK}?utm_source=newsletter",
        f"{LINK}&",
    ],
)
def test_what_can_mean_only_one_thing_is_understood(passed_on):
    link = opened(passed_on)
    assert link.values == VALUES
    assert not link.problems
    assert not link.unread


@pytest.mark.parametrize(
    "other",
    [
        *("msclkid=1", "mc_cid=a&mc_eid=b", "mkt_tok=a", "source=newsletter", "recipe=pasta"),
        *("channel=email", "made=", "embed=true", "debug=on", "VIEW=Blocks", "=5"),
        *("network=g", "network=ytv&gclid=1", "network=D", "network=search%2Fdisplay"),
        "q=vgg%26layer%3Dblock1_conv1&ref=https%3A%2F%2Fexample.org%3Fview%3Dfilters",
    ],
)
def test_parameters_of_other_programs_are_kept_as_they_are(other):
    for query in (f"{other}&{LINK}", f"{LINK}&{other}"):
        link = opened(query)
        assert (link.values, link.problems) == (VALUES, [])
        assert link.others == parse_qs(other, keep_blank_values=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("layer=block9_conv1", "layer"), ("layer=", "layer"), ("maps=-1", "maps")),
        *(("maps=0.", "maps"), ("maps=1.5", "maps"), ("maps=1e9", "maps"), ("maps=９", "maps")),
        *(("ablated=[1, 2]", "ablated"), ("beside=yes", "beside"), ("blocks=1&blocks=x", "blocks")),
    ],
)
def test_what_a_field_cannot_be_is_told_and_kept(text, name):
    link = opened(f"view=maps&{text}")
    assert link.values == {"view": "maps"}
    (problem,) = link.problems
    assert problem.startswith(f"{name}: expected ")
    assert link.unread == parse_qs(text, keep_blank_values=True)


def test_a_network_of_the_host_keeps_its_name_and_options_are_mended():
    for name in ("R&D", "100%", "Who?", "birds.v2.", "a=b", "3D", "Vögel"):
        assert opened(f"network={quote(name)}&view=maps.").values["network"] == name
    assert opened("view=maps&amp;network=untrained.").values["network"] == "untrained"


def test_a_name_that_this_server_has_is_mended_to_and_others_stay():
    known = {"network": lambda: ["birds.v2.", "birds"], "picture": lambda: ["می\u200cخ"]}
    for end in (".", "。", "), see", "</a>", "&amp;view=maps"):
        parameters = parse_qs(f"network={quote(f'birds{end}')}")
        expected = "birds), see" if end == "), see" else "birds"
        assert read_passed_on(parameters, known).values["network"] == expected
    for name in ("birds.v2.", "fish."):
        assert read_passed_on({"network": [name]}, known).values == {"network": name}
    assert read_passed_on({"picture": ["می\u200cخ؟"]}, known).values == {"picture": "می\u200cخ"}


def test_numbers_are_limited_and_the_newer_of_two_names_wins():
    assert opened("maps=99999.").values == {"maps": 512}
    for query in ("silenced=4&ablated=5.", "ablated=5.&silenced=4"):
        assert opened(query).values == {"ablated": (5,)}


@pytest.mark.parametrize("old", OLD_LINKS)
def test_links_of_earlier_versions_are_read(old):
    assert opened(old).values == read(old)


def test_too_many_parameters_are_refused():
    many = {"maps": ["3"] * (MOST_PARAMETERS + 1)}
    assert read_passed_on(many).problems == ["expected at most 200 parameters, got more"]


@given(TEXTS)
@SETTINGS
def test_any_link_is_read(text):
    for parameters in ({text: [text]}, {"maps": [text]}, {"blocks": [text], text: ["1"]}):
        assert set(read_passed_on(parameters).values) <= set(FIELDS)
