"""Lists of class names in the forms in which they are passed on, each written by its program."""

import csv
import io
import json
import pprint
from random import Random

import pytest

from vgg_viz.model.class_names import read_class_list

IDS = tuple(f"n{1440764 + 997 * index:08}" for index in range(1000))
NAMES = tuple(f'the {index}th "tench", Tinca tinca' for index in range(1000))
NONE = ("",) * 1000
CLASSES = list(zip(IDS, NAMES, strict=True))
SHUFFLED = Random(1).sample(CLASSES, 1000)


def text(*lines):
    return "\n".join(lines)


def table(rows, **options):
    csv.writer(file := io.StringIO(), **options).writerows(rows)
    return file.getvalue()


# Contents, and whether they have ids.
FORMS = {
    "names": (text(*NAMES), False),
    "Windows, BOM, blank end": ("\ufeff" + "\r\n".join(NAMES) + "\r\n\r\n ", False),
    "two files in one": (text(*NAMES[:500], "\ufeff" + NAMES[500], *NAMES[501:]), False),
    "Caffe": (text(*map(" ".join, CLASSES)), True),
    "tabs": (text(*map("\t".join, CLASSES)), True),
    "index": (text(*(f"{index} {name}" for index, name in enumerate(NAMES))), False),
    "YAML": (text(*(f"{index}: {name}" for index, name in enumerate(NAMES))), False),
    "devkit": (text(*(f"{id_} {n} {name}" for n, (id_, name) in enumerate(SHUFFLED, 1))), True),
    "devkit, number first": (
        text(*(f"{n} {id_} {name}" for n, (id_, name) in enumerate(SHUFFLED, 1))),
        True,
    ),
    "devkit, dictionary": (
        json.dumps({id_: [n, name] for n, (id_, name) in enumerate(SHUFFLED, 1)}),
        True,
    ),
    "numbered": (text(*(f"{n}. {name}" for n, name in enumerate(NAMES, 1))), False),
    "assigned": (text(*(f"{n} = {name}" for n, name in enumerate(NAMES))), False),
    "padded": (text(*(f"{index:05} {name}" for index, name in enumerate(NAMES))), False),
    "hash signs": (text(*(f"#{index} {name}" for index, name in enumerate(NAMES))), False),
    "arrows": (text(*(f"{name} => {index}" for index, name in enumerate(NAMES))), False),
    "bars": (text(*(f"{n}|{id_}|{name}" for n, (id_, name) in enumerate(CLASSES))), True),
    "assigned numbers": (text(*(f"{name} = {n}" for n, name in enumerate(NAMES))), False),
    "Lua's indices": (text(*(f"{n} {name}" for n, name in enumerate(NAMES, 1))), False),
    "background": (text("background", *NAMES), False),
    "CSV": (table(CLASSES), True),
    "CSV, heading": (table([("wnid", "name"), *CLASSES]), True),
    "CSV, name first": (table([(name, id_) for id_, name in CLASSES]), True),
    "CSV, index": (table([("i", "n"), *enumerate(NAMES)], delimiter=";"), False),
    "CSV of tabs": (table([(n, *pair) for n, pair in enumerate(CLASSES)], delimiter="\t"), True),
    "JSON list": (json.dumps(NAMES), False),
    "JSON of Keras": (json.dumps({str(n): pair for n, pair in enumerate(CLASSES)}), True),
    "JSON in the order of its keys": (json.dumps(dict(enumerate(NAMES)), sort_keys=True), False),
    "JSON by name": (json.dumps({name: n for n, name in enumerate(NAMES)}), False),
    "Python": (pprint.pformat(dict(enumerate(NAMES))), False),
    "Python, ids": ("classes = " + pprint.pformat(CLASSES), True),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_list_is_read_alike(form):
    content, with_ids = FORMS[form]
    expected = [*zip(IDS if with_ids else NONE, NAMES, strict=True)]
    assert read_class_list(content.encode(), 1000) == expected


@pytest.mark.parametrize(
    "names",
    [
        ("cat", "dog (small)", "bird"),
        ("lemon (ripe)", "lemon (raw)", "lime (ripe)"),
        ("cat", "dog", "-"),
        ("Boeing 737", "Boeing 747"),
        ("7-spot ladybird", "14-spot ladybird"),
    ],
)
def test_a_few_names_are_read_as_they_are(names):
    found = read_class_list(text(*names).encode(), len(names))
    assert [name for _, name in found] == [*names]


@pytest.mark.parametrize(
    "content",
    [
        text("- cat", "- dog"),
        text("'cat',", "'dog',"),
        text(repr("cat"), repr("lady's slipper")),
        text("“cat”", "‘dog’"),
        '[{"name": "cat"}, {"name": "dog"}]',
        '{"0": {"name": "cat"}, "1": {"name": "dog"}}',
        text("<li>cat</li>", "<li>dog</li>"),
    ],
)
def test_the_syntax_of_a_short_list_is_refused(content):
    with pytest.raises(ValueError, match=r"^expected names, got lines that all "):
        read_class_list(content.encode(), 2)


def test_ids_and_numbers_alone_are_names():
    assert read_class_list(text(*IDS).encode(), 1000) == [*zip(IDS, IDS, strict=True)]
    digits = {str(number): number for number in range(1000)}
    assert read_class_list(json.dumps(digits).encode(), 1000) == [("", name) for name in digits]


SPELLING = (
    "Chat\xa0persan", "Schiff\xadfahrt", "می\u200cخواهم", "क्\u200dष", "👩\u200d🔬", "ไทย\u200bไทย",
    "日本\u3000語", "\u200fעברית", "🏴\U000e0067\U000e0062\U000e007f", "\U0001fae8", "e\u0301",
)  # fmt: skip


@pytest.mark.parametrize("name", SPELLING)
def test_characters_of_spelling_stay(name):
    assert read_class_list(text(*NAMES[:-1], name).encode(), 1000)[-1] == ("", name)


def test_what_isolates_a_name_is_left_out():
    found = read_class_list(text("\u2068חתול\u2069", "\u202bكلب\u202c").encode(), 2)
    assert [name for _, name in found] == ["חתול", "كلب"]


OTHER_ORDER = "expected WordNet ids, or names, in ImageNet's order, got another order"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text(*map(" ".join, SHUFFLED)), f"{OTHER_ORDER}; leave the ids out if your network has"),
        (json.dumps(dict(SHUFFLED)), OTHER_ORDER),
        (text(*(f"{n} {id_} x" for n, (id_, _) in enumerate(SHUFFLED))), OTHER_ORDER),
        (text("kit_fox", "English_setter", *NAMES[2:]), OTHER_ORDER),
        (text("Kit Fox", "English Setter", *NAMES[2:]), OTHER_ORDER),
        (
            text("kit_fox\t1", "english_setter\t2", *(f"{n} {n}\t{n}" for n in range(3, 1001))),
            OTHER_ORDER,
        ),
        (
            text("1 kit fox, x", "2 English setter", *(f"{n} x" for n in range(3, 1001))),
            OTHER_ORDER,
        ),
        (text(*(f"{n} x" for n in range(2, 1002))), "expected each index from 0 to 999 once"),
        (text(*(f"{n % 999}: x" for n in range(1000))), "expected each index from 0 to 999 once"),
        (text("name,id", *(f"x,{id_}" for id_ in IDS[1:])), "expected 1,000 lines, got 999"),
        (
            text(*(f"'{name}'," for name in NAMES)),
            "expected names, got lines that all begin with '",
        ),
        (text(*(f"{n}: '{n}'," for n in range(1000))), "got lines that all begin with '"),
        (text("let names = [", *(f"{n}," for n in range(998)), "]"), "lines that all end with ,"),
        (text(*(f"- {name}" for name in NAMES)), "got lines that all begin with -"),
        (json.dumps(NAMES)[:-1], "expected a list or dictionary as JSON or Python writes it"),
        ("[" * 5000, "expected a list or dictionary as JSON or Python writes it"),
        (repr(set(NAMES)), "expected a list or dictionary as JSON or Python writes it"),
        (text(*(repr(f"{n}'" if n == 607 else str(n)) for n in range(1000))), "begin with \" or '"),
        ("{}", "expected 1,000 entries, got 0"),
        ("3", "expected 1,000 lines, got 1"),
        (json.dumps([*NAMES[:-1], "\ud800"]), "printable characters in entry 1,000"),
        (json.dumps([*NAMES[:-1], "a\nb"]), "printable characters in entry 1,000"),
        (text("n,x", *(f"n{n:08},{'x' * 200_000}" for n in range(4))), "got 5"),
    ],
)
def test_other_orders_and_forms_are_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        read_class_list(content.encode(), 1000)
