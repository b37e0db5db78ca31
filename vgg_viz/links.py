"""Links to the page: every control's name in the address, and its values.

A view of the page is a handful of plain values. In the address a choice stands under its name
(``layer=block3_conv1``), a number as a number; defaults are left out. Labels, and names of earlier
versions, are still read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal
from urllib.parse import parse_qsl, quote_plus

from vgg_viz.export.appearance import COLOR_MAPS, PAIR_SCALES, SCALES
from vgg_viz.image_io.input_image import FITS
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, SIDES
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    EXAMPLES,
    PARAMETRIZATIONS,
)
from vgg_viz.interpretability.map_orders import ORDERS
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.networks import NETWORKS
from vgg_viz.option import Name, Option, by_name
from vgg_viz.samples import SAMPLES
from vgg_viz.views import VIEWS

Value = str | int | bool | tuple[str, ...] | tuple[int, ...] | None

Comparison = Literal["none", "picture", "network", "preprocessing"]

ROBIN, OWN = "robin", "own"
STEP, INPUT = "step", "input"
NEXT, ALL = "next", "all"

PICTURES: Mapping[str, Option] = by_name(
    *(Option(sample.name, sample.title) for sample in SAMPLES),
    Option(ROBIN, "Robin"),
    Option(OWN, "Your own"),
)
SOURCES: Mapping[str, Option] = by_name(Option("upload", "Upload"), Option("camera", "Camera"))
LAYERS: Mapping[str, Option] = by_name(
    *(Option(layer.name, layer.title) for layer in VGG19.conv_layers)
)
BLOCKS: Mapping[str, Option] = by_name(
    *(Option(str(block), str(block)) for block in range(1, len(VGG19.blocks) + 1))
)
COMPARISONS: Mapping[Comparison, Option] = by_name(
    Option("none", "Nothing"),
    Option("picture", "Another picture"),
    Option("network", "The other network"),
    Option("preprocessing", "Wrong preprocessing"),
)
SHOWN_AS: Mapping[str, Option] = by_name(
    Option("side", "Side by side"), Option("difference", "Difference")
)
EVIDENCE: Mapping[str, Option] = {
    **EVIDENCE_METHODS,
    ALL: Option(ALL, "All methods", old=("All four",)),
}
BACK_TO: Mapping[str, Option] = {
    STEP: Option(STEP, "One layer"),
    INPUT: Option(INPUT, "The pixels"),
    **LAYERS,
}
LATER_LAYERS: Mapping[str, Option] = {NEXT: Option(NEXT, "The next layer"), **LAYERS}


class LinkError(ValueError):
    """A link that names no view of the page; the message is one sentence for the visitor."""


@dataclass(frozen=True)
class Choice(Generic[Name]):
    """One of a few options; the first is the default unless one is named."""

    options: Mapping[Name, Option]
    default: Name = ""  # type: ignore[assignment]  # the first option takes its place

    def __post_init__(self) -> None:
        """Take the first option for a default that is not given."""
        object.__setattr__(self, "default", self.default or next(iter(self.options)))

    def read(self, texts: Sequence[str]) -> Name:
        """Return the name of the option that a text means: by its name, its label or an old one.

        Raises:
            LinkError: no option has that name or label.
        """
        text = texts[-1]
        for name, option in self.options.items():
            known = (str(name), option.label, *option.old)
            if text.casefold() in map(str.casefold, known):
                return name
        raise LinkError(f"expected one of {', '.join(self.options)}, got {shortened(text)}")

    def write(self, value: Value) -> tuple[str, ...]:
        """Return the option's name, as an address has it."""
        return (str(value),)


@dataclass(frozen=True)
class Several:
    """Any of a few options."""

    options: Mapping[str, Option]
    default: tuple[str, ...]

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the options' names, in the order of the options."""
        chosen = {Choice(self.options).read([text]) for text in texts if text}
        return tuple(value for value in self.options if value in chosen)

    def write(self, value: Value) -> tuple[str, ...]:
        """Return the options' names; one empty text says that none is chosen."""
        chosen = tuple(str(name) for name in value or ())  # type: ignore[union-attr]
        return chosen or ("",)


@dataclass(frozen=True)
class Number:
    """A whole number from ``smallest`` to ``largest``, or none where that is the default.

    ``counts`` says whether one that is too large means as many as there are.
    """

    largest: int
    default: int | None = None
    counts: bool = True
    smallest: int = 1

    def read(self, texts: Sequence[str]) -> int:
        """The number."""
        # Five digits: a link may hold any number, and Python refuses to read one of thousands.
        text = texts[-1]
        number = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else -1
        if not self.smallest <= number <= self.largest:
            bounds = f"from {self.smallest} to {self.largest}"
            raise LinkError(f"expected a number {bounds}, got {shortened(text)}")
        return number

    def cut(self, text: str) -> str:
        """The same text, or the largest number where it says a larger one."""
        larger = self.counts and re.fullmatch(r"[0-9]{1,5}", text) and int(text) > self.largest
        return str(self.largest) if larger else text

    def write(self, value: Value) -> tuple[str, ...]:
        """The number's digits."""
        return () if value is None else (str(value),)


@dataclass(frozen=True)
class Numbers:
    """Several whole numbers from 1 to ``largest``, ``most`` of them: sorted, each once."""

    largest: int
    most: int
    default: tuple[int, ...] = ()

    def read(self, texts: Sequence[str]) -> tuple[int, ...]:
        """The numbers, between which there are commas or spaces."""
        text = texts[-1]
        parts = re.split("[ ,]+", text.strip(" ,"))
        # Five digits, as of a single number.
        sound = all(re.fullmatch(r"[0-9]{1,5}", part) for part in parts)
        numbers = sorted({int(part) for part in parts}) if sound else [0]
        if len(numbers) > self.most or not 1 <= numbers[0] <= numbers[-1] <= self.largest:
            bounds = f"up to {self.most} numbers from 1 to {self.largest}"
            raise LinkError(f"expected {bounds}, such as 4, 17, 30, got {shortened(text)}")
        return tuple(numbers)

    def write(self, value: Value) -> tuple[str, ...]:
        """The numbers' digits."""
        return (",".join(str(number) for number in value or ()),)  # type: ignore[union-attr]


@dataclass(frozen=True)
class Switch:
    """On or off."""

    default: bool = False

    def read(self, texts: Sequence[str]) -> bool:
        """Whether it is on."""
        word = texts[-1].casefold()
        if word not in ("true", "false"):
            raise LinkError(f"expected true or false, got {shortened(texts[-1])}")
        return word == "true"

    def write(self, value: Value) -> tuple[str, ...]:
        """``true`` or ``false``."""
        return (str(bool(value)).lower(),)


Field = Choice[Any] | Several | Number | Numbers | Switch

MOST_FILTERS = max(layer.filters for layer in VGG19.conv_layers)
MOST_CHANNELS = max(layer.channels for layer in VGG19.conv_layers)
SIDE = VGG19.input_side
PAGE_FILTERS = PAGE_CHANNELS = 16
MOST_STEPS = 100
MOST_PARTS = 200
MOST_CLASSES = 20
MOST_SEEDS = 9999
MOST_ABLATED = 16
# By Keras' numbers, which begin with 0. None: the most likely one, and none to compare it with.
CLASS = Number(VGG19.classes - 1, counts=False, smallest=0)
FEWEST_CHANNELS = min(layer.channels for layer in VGG19.block_ends)

# How the page is gone through, and not what is looked at: of no concern to a link that is to show
# the same again.
OF_THE_VISIT = ("tour", "own_tour", "answer", "lecture")

# What Streamlit, this page's foot and those who count visitors have in an address.
OTHERS = re.compile("(?i)embed|embed_options|debug|utm_.*|fbclid|gclid")

FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "view": Choice(VIEWS),
        "picture": Choice(PICTURES),
        "source": Choice(SOURCES),
        "fit": Choice(FITS),
        "stored": Switch(),
        "layer": Choice(LAYERS),
        "filters": Number(MOST_FILTERS, 8),
        "channels": Number(MOST_CHANNELS, 8),
        "filter_page": Number(MOST_FILTERS // PAGE_FILTERS, 1),
        "channel_page": Number(MOST_CHANNELS // PAGE_CHANNELS, 1),
        "maps": Number(MOST_FILTERS, 64),
        "examples": Choice(EXAMPLES),
        "images": Number(MOST_FILTERS, 16),
        "parametrization": Choice(PARAMETRIZATIONS),
        "seed": Number(MOST_SEEDS, 1, counts=False),
        "paste": Switch(),
        "blocks": Several(BLOCKS, tuple(BLOCKS)),
        "block_maps": Number(MOST_FILTERS, 64),
        "beside": Switch(),
        "filter_channel": Number(MOST_CHANNELS, 1),
        "classes": Number(MOST_CLASSES, 5),
        "class": CLASS,
        "against": CLASS,
        "evidence": Choice(EVIDENCE),
        "important_maps": Number(VGG19.block_ends[-1].filters, 8),
        "side": Choice(SIDES),
        "scale": Choice(SCALES),
        "colors": Choice(COLOR_MAPS),
        "order": Choice(ORDERS),
        "network": Choice(NETWORKS),
        "compare": Choice(COMPARISONS),
        "other": Choice(PICTURES, SAMPLES[1].name),
        "shown_as": Choice(SHOWN_AS),
        "pair_scale": Choice(PAIR_SCALES),
        "channel": Number(MOST_FILTERS),
        "row": Number(SIDE),
        "column": Number(SIDE),
        "back_to": Choice(BACK_TO),
        "attribution": Choice(ATTRIBUTION_METHODS),
        "sanity": Switch(),
        "ablated": Numbers(MOST_FILTERS, MOST_ABLATED),
        "later_layer": Choice(LATER_LAYERS),
        "lecture": Switch(),
        "tour": Number(MOST_STEPS, counts=False),
        "own_tour": Number(MOST_STEPS),
        "answer": Switch(),
    }
)


# Names of fields in links of earlier versions.
OLD_FIELDS = {
    "colours": "colors",
    "excited_by": "examples",
    "made": "images",
    "recipe": "parametrization",
    "answers": "classes",
    "counting": "important_maps",
    "attributed": "attribution",
    "silenced": "ablated",
    "seen_in": "later_layer",
}


def read(link: str) -> dict[str, Value]:
    """What a link, or the part of one behind its question mark, says: a value a field named.

    Raises:
        LinkError: it names a control that the page has not, or a value that the control has not.
    """
    values, problems = understand(parts(link))
    if problems:
        raise LinkError(problems[0])
    return values


def parts(link: str) -> dict[str, list[str]]:
    """The texts of each name in a link, or in the part of one behind its question mark.

    Raises:
        LinkError: there are more than any link of the page has.
    """
    texts: dict[str, list[str]] = {}
    address, mark, query = link.split("#", 1)[0].partition("?")
    if not mark and "://" not in address:
        query = address
    for key, text in fields(query):
        texts.setdefault(key, []).append(text)
    return texts


def understand(
    texts: Mapping[str, Sequence[str]], *, cuts: bool = False
) -> tuple[dict[str, Value], list[str]]:
    """What the parts of a link say, a value a field named, and a sentence on each that says none.

    What the page's host and those who pass links on write into them is left alone. ``cuts`` takes a
    number that is too large for the largest, as it would be for a smaller layer.
    """
    values: dict[str, Value] = {}
    problems: list[str] = []
    for name, given in texts.items():
        key = OLD_FIELDS.get(name, name)
        field = FIELDS.get(key)
        if field is None:
            if not OTHERS.fullmatch(name):
                problems.append(f"expected a control of the page, got {shortened(name)}")
            continue
        if key != name and key in texts:  # a link that has both means the newer one
            continue
        if cuts and isinstance(field, Number):
            given = [field.cut(given[-1])]
        try:
            values[key] = field.read(given)
        except LinkError as error:
            problems.append(f"{name}: {error}")
    return values, problems


def fields(query: str) -> list[tuple[str, str]]:
    """The names and texts of a query.

    Raises:
        LinkError: there are more than any link of the page has.
    """
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARTS)
    except ValueError as error:
        raise LinkError(f"expected at most {MOST_PARTS} parts, got more") from error


def largest(key: str, values: Mapping[str, Value]) -> int | None:
    """How large numbers of that name may be beside these values: most depend on the layer.

    None for what is no number.
    """
    field = FIELDS[key]
    if not isinstance(field, Number | Numbers):
        return None
    layer = VGG19.layer(str(values.get("layer", FIELDS["layer"].default)))
    height, width, filters = layer.output_shape
    limits = {
        "filters": filters,
        "channels": layer.channels,
        "maps": filters,
        "images": filters,
        "channel": filters,
        "ablated": filters,
        "row": height,
        "column": width,
        "filter_channel": FEWEST_CHANNELS,
    }
    counted = {
        "filter_page": ("filters", PAGE_FILTERS),
        "channel_page": ("channels", PAGE_CHANNELS),
    }
    if key in counted:
        count, size = counted[key]
        asked = values.get(count) or FIELDS[count].default
        number = min(asked, limits[count]) if isinstance(asked, int) else limits[count]
        return -(-number // size)
    return limits.get(key, field.largest)


def fitted(values: Mapping[str, Value]) -> dict[str, Value]:
    """These values as the page shows them, all fields named.

    Numbers are cut to the layer, and a choice that the view does not offer is its default; there is
    no position without a map.
    """
    whole = {key: values.get(key, field.default) for key, field in FIELDS.items()}
    for key in FIELDS:
        number = whole[key]
        if (most := largest(key, whole)) is None:
            continue
        if isinstance(number, int):
            whole[key] = min(number, most)
        elif isinstance(number, tuple):
            whole[key] = tuple(int(one) for one in number if int(one) <= most)
    if whole["scale"] not in scales_of(str(whole["view"])):
        whole["scale"] = FIELDS["scale"].default
    if whole["compare"] not in comparisons_of(str(whole["view"])):
        whole["compare"] = FIELDS["compare"].default
    # A difference is one tile a pair.
    if whole["shown_as"] == "difference" and whole["pair_scale"] == "own":
        whole["pair_scale"] = FIELDS["pair_scale"].default
    if whole["back_to"] not in backs_of(str(whole["layer"])):
        whole["back_to"] = FIELDS["back_to"].default
    if whole["later_layer"] not in laters_of(str(whole["layer"])):
        whole["later_layer"] = FIELDS["later_layer"].default
    if whole["channel"] is None:
        whole["row"] = whole["column"] = None
    return whole


def scales_of(view: str) -> tuple[str, ...]:
    """The scales that a view offers: only weights lie around zero, maps come after a ReLU."""
    return ("own", "layer", "zero") if view == "filters" else ("own", "layer")


def backs_of(layer: str) -> tuple[str, ...]:
    """How far back a value of that layer can be asked for."""
    number = VGG19.conv_layer(layer).conv_number
    return (STEP, INPUT, *(one.name for one in VGG19.conv_layers[: number - 1]))


def laters_of(layer: str) -> tuple[str, ...]:
    """Where it can be seen what becomes of that layer's maps."""
    number = VGG19.conv_layer(layer).conv_number
    return (NEXT, *(one.name for one in VGG19.conv_layers[number:]))


def comparisons_of(view: str) -> tuple[Comparison, ...]:
    """What a view can be compared with: patches are of all pictures at hand, and prepared right."""
    return ("none", "network") if view == "visualization" else tuple(COMPARISONS)


def address(values: Mapping[str, Value]) -> dict[str, list[str]]:
    """The parts of the shortest link to a view of the page; a default is left out."""
    shown = fitted(values)
    # The largest number of a small layer may be what is left of a larger default.
    usual = fitted({key: shown[key] for key in ("view", "layer")})
    return {
        key: list(FIELDS[key].write(value))
        for key, value in shown.items()
        if value != (FIELDS[key].default if key in ("view", "layer") else usual[key])
    }


def write(values: Mapping[str, Value]) -> str:
    """The part of a link behind its question mark that says these values, defaults left out."""
    named = {
        key: FIELDS[key].write(value)
        for key, value in values.items()
        if value != FIELDS[key].default
    }
    return encode(named)


def encode(named: Mapping[str, Sequence[str]]) -> str:
    """The part of a link behind its question mark that has these parts."""
    return "&".join(f"{key}={quote_plus(text)}" for key, texts in named.items() for text in texts)


def shortened(text: str) -> str:
    """A text from outside as a message may repeat it: one printable line of 40 letters at most."""
    printable = "".join(letter if letter.isprintable() else "�" for letter in text)
    return f"“{printable[:39]}…”" if len(printable) > 40 else f"“{printable}”"
