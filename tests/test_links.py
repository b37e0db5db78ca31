"""Links: all that is written is read again, and anything else is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgg_viz.fields import (
    FIELDS,
    MOST_PARAMETERS,
    OLD_FIELDS,
    Choice,
    LinkError,
    Named,
    Number,
    Numbers,
    Several,
    Switch,
    shortened,
)
from vgg_viz.links import address, effective_values, encode, read, read_values, texts_of

SETTINGS = settings(derandomize=True, deadline=None, max_examples=30)

TEXTS = st.text(max_size=60) | st.text("0123456789&=?#%;+/ \n\0１é\ud800", max_size=60)


def values_of(field):
    nothing = [None] if field.default is None else []
    if isinstance(field, Choice):
        names = ["Birds & Ærø.v2"] if isinstance(field, Named) else []
        return [*nothing, *field.options, *names]
    if isinstance(field, Several):
        options = list(field.options)
        chosen = [[n for i, n in enumerate(options) if bits >> i & 1] for bits in range(32)]
        assert len(options) == 5
        return [tuple(names) for names in chosen]
    if isinstance(field, Switch):
        return [False, True]
    if isinstance(field, Numbers):
        several = tuple(range(1, 2 * field.most, 2))
        return [(), (1,), (field.largest,), (4, 17, 30), several]
    return [*nothing, *range(1, field.largest + 1)]


PAGES = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values_of(field)) for name, field in FIELDS.items()}
)


def write(values):
    """Return the query of a link that sets these fields, defaults left out."""
    return encode({name: texts_of(value) for name, value in without_defaults(values).items()})


def without_defaults(values):
    return {name: value for name, value in values.items() if value != FIELDS[name].default}


# -- what is written is read


def test_every_value_of_a_control_comes_back():
    for name, field in FIELDS.items():
        assert field.default in values_of(field), name
        for value in values_of(field):
            link = write({name: value})
            assert read(link) == without_defaults({name: value})
    for whole in (f"https://example.org/page?{link}#top", f"?{link}"):
        assert read(whole) == {"answer": True}


@given(PAGES)
@SETTINGS
def test_an_address_shows_the_same_page(values):
    effective = effective_values(values)
    assert effective_values(read(encode(address(effective)))) == effective


def test_an_address_leaves_out_what_the_page_shows_anyway():
    assert address({}) == address({"maps": 64, "layer": "block1_conv1", "row": 3}) == {}
    assert address({"layer": "block2_conv1", "maps": 64}) == {"layer": ["block2_conv1"]}


def test_a_link_by_hand():
    values = {"view": "maps", "layer": "block3_conv1", "blocks": ("1", "5"), "beside": True}
    link = write(values | {"maps": 9, "order": "number"})
    assert link == ("view=maps&layer=block3_conv1&blocks=1&blocks=5&beside=true&maps=9")
    assert read("view=Feature maps&layer=5 · block3_conv1&blocks=5&blocks=1") == {
        "view": "maps",
        "layer": "block3_conv1",
        "blocks": ("1", "5"),
    }


def test_names_and_labels_are_unique_and_read_in_any_case():
    for name, field in FIELDS.items():
        if not isinstance(field, Choice | Several):
            continue
        words = set()
        for value, option in field.options.items():
            wanted = (value,) if isinstance(field, Several) else value
            for text in (value, option.label, value.upper(), option.label.lower(), *option.old):
                assert field.read([text]) == wanted
            own = {word.casefold() for word in (option.name, option.label, *option.old)}
            assert not words & own, name
            words |= own


def test_texts_are_read_in_several_forms():
    assert read("maps=3&order=mean&maps=5") == {"maps": 5, "order": "mean"}
    assert read("beside=True&lecture=FALSE") == {"beside": True, "lecture": False}
    assert read("maps=007") == {"maps": 7}
    for text in ("30,4,17", "4, 17, 30", "4 17 30", ",004,17,30,", "17,4,30,30,4", " 30 , 17  4 "):
        assert FIELDS["ablated"].read(["1", text]) == (4, 17, 30)
    for link in ("", "?", "#top", "https://example.org/", "https://example.org/?#top"):
        assert read(link) == {}
    assert write({"blocks": ()}) == "blocks="  # no block is a choice, too


VALUE = {"layer": "block3_conv1", "channel": 3, "row": 3, "column": 4}
SHOWN = [
    ({"layer": "block1_conv2", "ablated": (4, 64, 65)}, {"ablated": (4, 64)}),
    ({"layer": "block5_conv1", "ablated": (4, 64, 65)}, {"ablated": (4, 64, 65)}),
    ({"layer": "block2_conv1", "later_layer": "block2_conv2"}, {"later_layer": "block2_conv2"}),
    ({"layer": "block2_conv2", "later_layer": "block2_conv2"}, {"later_layer": "next"}),
    ({"layer": "block5_conv4", "later_layer": "block5_conv4"}, {"later_layer": "next"}),
    ({"layer": "block1_conv2", "back_to": "block1_conv1"}, {"back_to": "block1_conv1"}),
    ({"layer": "block1_conv2", "back_to": "block1_conv2"}, {"back_to": "step"}),
    ({"view": "filters", "scale": "zero"}, {"scale": "zero"}),
    ({"view": "maps", "scale": "zero"}, {"scale": FIELDS["scale"].default}),
    ({"view": "visualization", "compare": "picture"}, {"compare": "none"}),
    ({"shown_as": "difference", "pair_scale": "own"}, {"pair_scale": "pair"}),
    ({"compare": "network"}, {"pair_scale": "own"}),
    ({"compare": "network", "pair_scale": "pair"}, {"pair_scale": "pair"}),
    ({"compare": "network", "shown_as": "difference"}, {"pair_scale": "pair"}),
    ({"compare": "network"}, {"other_network": "untrained"}),
    ({"compare": "network", "network": "birds"}, {"other_network": "imagenet"}),
    ({"compare": "network", "network": "birds", "other_network": "birds"}, {"compare": "network"}),
    ({"compare": "none", "network": "birds", "other_network": "x"}, {"other_network": "imagenet"}),
    ({"compare": "network", "other_network": "birds"}, {"other_network": "birds"}),
    ({"network": "untrained", "preprocessing": "rgb"}, {"preprocessing": "caffe"}),
    ({"network": "birds", "preprocessing": "rgb"}, {"preprocessing": "rgb"}),
    ({"row": 3, "column": 4}, {"row": None, "column": None}),
    ({"layer": "block5_conv1", "channel": 7, "row": 20, "column": 4}, {"row": 14, "column": 4}),
    ({"channel": 99, "maps": 99}, {"channel": 64, "maps": 64}),
    ({"filters": 20, "filter_page": 9}, {"filter_page": 2}),
    ({"filters": 512, "filter_page": 32}, {"filter_page": 4}),
    # The tab that shows what a link without one asks for.
    ({}, {"tab": "decomposition"}),
    ({"channel": 3, "row": 3, "column": 4}, {"tab": "decomposition"}),
    (VALUE | {"back_to": "input"}, {"tab": "attribution"}),
    ({"back_to": "input"}, {"tab": "decomposition"}),
    ({"ablated": (4,)}, {"tab": "ablation"}),
    (VALUE | {"ablated": (4,), "back_to": "input"}, {"tab": "attribution"}),
    (VALUE | {"ablated": (4,), "tab": "decomposition"}, {"tab": "decomposition"}),
    ({"ablated": (4,), "compare": "picture"}, {"tab": "decomposition"}),
    ({"ablated": (4,), "compare": "picture", "tab": "ablation"}, {"tab": "decomposition"}),
    ({"tab": "statistics", "lecture": True}, {"tab": "decomposition"}),
    # An attribution without a target goes to the pixels.
    (VALUE | {"tab": "attribution"}, {"tab": "attribution", "back_to": "input"}),
]


@pytest.mark.parametrize(("requested", "shown"), SHOWN, ids=str)
def test_a_page_and_its_shortest_link_show_what_view_and_layer_offer(requested, shown):
    effective = effective_values(requested)
    assert {key: effective[key] for key in shown} == shown
    shortest = encode(address(requested))
    assert effective_values(read(shortest)) == effective


# -- nonsense

WRONG_TEXTS = {
    Choice: ["", "abc", "-1", "0", "99999", "NaN", "１２", "<script>alert(1)</script>", "a" * 5000],
    Named: ["", " ", "abc ", " abc", "a\nb", "\0", "../../etc/passwd", "<script>", "a" * 5000],
    Several: ["abc", "-1", "0", "6", "99999", "１", "1,2", "[1]", "../../etc/passwd", "\0"],
    Switch: ["", "1", "0", "yes", "on", "truee", "ｔｒｕｅ", "None", "true\n", "a" * 5000],
    Numbers: [
        *["", " ", ",", "abc", "0", "-1", "0,3", "513", "4,513", "4;5", "4,,abc", "1e9", "NaN"],
        *["１２", "4,²", "4\n5", "1.5", "9" * 5000, "[1, 2]", "1-3", "\0", "true"],
        ",".join(map(str, range(1, 18))),
    ],
    Number: [
        *["", " ", "abc", "1.5", "1e3", "1_000", "NaN", "inf", "0x10", "１２"],
        *["٣", "²", "1\n", " 1", "+1", "123456", "9" * 5000, "../../etc/passwd", "\0", "true"],
    ],
}
NONSENSE_LINKS = [
    "nonsense",
    "javascript:alert(1)",
    "nonsense=1",
    "Layer=5",
    "layer[]=5",
    "=5",
    "%00=1",
    "maps=%F0%28",
    "maps=3&%3Cscript%3E=1",
    "tour=101",
    "?" + "a" * 5000,
    "?a=\n\x1b[31m\u202e",
    "?\ud800=1",
    "&".join(["maps=3"] * (MOST_PARAMETERS + 1)),
    "&" * MOST_PARAMETERS,
]


def refused(link):
    """Return the message for an invalid link: one short printable line."""
    with pytest.raises(LinkError) as refusal:
        read(link)
    message = str(refusal.value)
    assert message.isprintable()
    assert "expected" in message
    assert "got" in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize("name", FIELDS)
def test_invalid_values_of_a_field_are_refused(name):
    field = FIELDS[name]
    wrong = list(WRONG_TEXTS[type(field)])
    if isinstance(field, Number):
        wrong += [str(field.largest + 1), str(field.smallest - 1)]
    if isinstance(field, Choice):
        wrong.append(f"{next(iter(field.options.values())).label} ")
    for text in wrong:
        with pytest.raises(LinkError, match="expected"):
            field.read([text])
    assert refused(f"{name}=%3Cscript%3E").startswith(f"{name}: expected")
    found, (problem,) = read_values({name: ["<script>"]}, clamp=True)
    assert (found, problem[: len(name)]) == ({}, name)


def test_an_invalid_link_is_refused_in_one_line():
    for link in NONSENSE_LINKS:
        refused(link)
    assert read("&".join(["maps=3"] * MOST_PARAMETERS)) == {"maps": 3}


@given(TEXTS)
@SETTINGS
def test_any_link_is_read_or_refused_in_one_line(text):
    for link in (text, f"?{text}", f"?maps={text}", f"?blocks={text}&{text}=1"):
        try:
            values = read(link)
        except LinkError:
            refused(link)
            continue
        assert set(values) <= set(FIELDS)
        assert read(write(values)) == without_defaults(values)


def test_messages_quote_at_most_40_printable_letters():
    assert shortened("abc") == "“abc”"
    assert shortened("a" * 40) == f"“{'a' * 40}”"
    assert shortened("a" * 41) == f"“{'a' * 39}…”"
    assert shortened("a\nb\x1bc\ud800\u202e") == "“a\ufffdb\ufffdc\ufffd\ufffd”"


# -- what there is


def test_numbers_reach_as_far_as_the_network_does():
    wanted = {
        **dict.fromkeys(("filters", "maps", "block_maps", "channel", "images"), 512),
        **dict.fromkeys(("channels", "important_maps"), 512),
        **dict.fromkeys(("row", "column", "cover_row", "cover_column"), 224),
        "amount": 200,
        **dict.fromkeys(("filter_page", "channel_page"), 32),
        **dict.fromkeys(("tour", "own_tour"), 100),
        **dict.fromkeys(("class", "against", "toward"), 999),
        **{"classes": 20, "seed": 9999, "own": 9999, "filter_channel": 64},
    }
    numbers = {name: field.largest for name, field in FIELDS.items() if isinstance(field, Number)}
    assert numbers == wanted
    assert FIELDS["picture"].default != FIELDS["other"].default
    assert (FIELDS["ablated"].largest, FIELDS["ablated"].most) == (512, 16)


# -- links of earlier versions

OLD_LINKS = {
    "view=Feature+maps&layer=7+·+block3_conv3&scale=Layer&colours=Grey,+inverted&order=Mean": (
        "view=maps&layer=block3_conv3&scale=layer&colors=gray_r&order=mean"
    ),
    "view=What+excites+it&excited_by=Made&made=4&recipe=Plain+pixels&seed=7": (
        "view=visualization&examples=optimized&images=4&parametrization=pixels&seed=7"
    ),
    "view=What+excites+it&excited_by=Patches&recipe=With+the+recipe": "view=visualization",
    "view=Classes&answers=3&class=281&evidence=Taking+away&counting=9&side=Against+it": (
        "view=prediction&classes=3&class=281&important_maps=9&side=against"
    ),
    "view=Classes&evidence=All+four": "view=prediction&evidence=all",
    "view=maps&channel=6&row=29&column=40&back_to=The+pixels&attributed=Guided+backpropagation": (
        "view=maps&channel=6&row=29&column=40&back_to=input&attribution=guided_backpropagation"
    ),
    "view=maps&attributed=contribution&back_to=2+·+block1_conv2": (
        "view=maps&back_to=block1_conv2&attribution=input_x_gradient"
    ),
    "view=maps&silenced=4,17&seen_in=16+·+block5_conv4&shown_as=Difference": (
        "view=maps&ablated=4,17&later_layer=block5_conv4&shown_as=difference"
    ),
    "view=Filters&scale=Around+0&network=Untrained&compare=The+other+network": (
        "view=filters&scale=zero&network=untrained&compare=network"
    ),
    "picture=Your+own&source=Camera&fit=Cropped": "picture=own&source=camera&fit=crop",
}


@pytest.mark.parametrize(("old", "new"), OLD_LINKS.items())
def test_links_of_earlier_versions_show_the_same(old, new):
    assert without_defaults(read(old)) == without_defaults(read(new))


def test_every_renamed_field_has_an_old_link():
    names = {part.split("=")[0] for link in OLD_LINKS for part in link.split("&")}
    assert set(OLD_FIELDS) <= names


def test_the_newer_name_of_a_field_wins():
    for link in ("silenced=4&ablated=5", "ablated=5&silenced=4"):
        assert read(link) == {"ablated": (5,)}


def test_the_link_of_a_comparison_has_no_ablation():
    ablated = {"view": "maps", "layer": "block3_conv1", "ablated": (4,)}
    for where in ({}, {"ablated_in": "block2_conv2"}):
        assert "ablated" in address(ablated | where)
        for kind in ("network", "picture"):
            compared = address(ablated | where | {"compare": kind})
            assert not {"ablated", "ablated_in"} & set(compared)
