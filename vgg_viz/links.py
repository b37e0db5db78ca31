"""What a link to the page may say: every control's name in the address, and its values.

A view of the page is a handful of plain values. In the address a choice stands under its label
(``layer=5 · block3_conv1``), a number as a number; what is not named there has its default.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qsl, quote_plus

from vgg_viz.architecture import VGG19
from vgg_viz.samples import SAMPLES

Value = str | int | bool | tuple[str, ...] | None

NetworkChoice = Literal["imagenet", "untrained"]
Scale = Literal["own", "layer", "zero"]
PairScale = Literal["pair", "layer", "own"]
Order = Literal["number", "mean", "maximum", "variance", "active"]
Comparison = Literal["none", "picture", "network", "preprocessing"]
Fit = Literal["stretch", "crop"]

ROBIN, OWN = "robin", "own"

VIEWS = {
    "architecture": "Architecture",
    "filters": "Filters",
    "maps": "Feature maps",
    "blocks": "Blocks",
    "conclusion": "Conclusion",
}
PICTURES = {sample.name: sample.title for sample in SAMPLES} | {ROBIN: "Robin", OWN: "Your own"}
SOURCES = {"upload": "Upload", "camera": "Camera"}
FITS: dict[Fit, str] = {"stretch": "Stretched", "crop": "Cropped"}
LAYERS = {layer.name: layer.title for layer in VGG19.conv_layers}
BLOCKS = {str(block): str(block) for block in range(1, len(VGG19.blocks) + 1)}
SCALES: dict[Scale, str] = {"own": "Each tile", "layer": "Layer", "zero": "Around 0"}
COLOUR_MAPS = {
    "gray": "Grey",
    "viridis": "Viridis",
    "magma": "Magma",
    "cividis": "Cividis",
    "gray_r": "Grey, inverted",
}
ORDERS: dict[Order, str] = {
    "number": "Number",
    "mean": "Mean",
    "maximum": "Maximum",
    "variance": "Variance",
    "active": "Share of active positions",
}
NETWORKS: dict[NetworkChoice, str] = {"imagenet": "ImageNet", "untrained": "Untrained"}
COMPARISONS: dict[Comparison, str] = {
    "none": "Nothing",
    "picture": "Another picture",
    "network": "The other network",
    "preprocessing": "Wrong preprocessing",
}
PAIR_SCALES: dict[PairScale, str] = {"pair": "Each pair", "layer": "Layer", "own": "Each tile"}
SHOWN_AS = {"side": "Side by side", "difference": "Difference"}


class LinkError(ValueError):
    """A link that names no view of the page; the message is one sentence for the visitor."""


@dataclass(frozen=True)
class Choice:
    """One of a few values, each with its label; the first is the default unless one is named."""

    options: Mapping[str, str]
    default: str = ""

    def __post_init__(self) -> None:
        """Take the first option for a default that is not given."""
        object.__setattr__(self, "default", self.default or next(iter(self.options)))

    def read(self, texts: Sequence[str]) -> str:
        """The value of that label; a value's own name will do as well."""
        text = texts[-1]
        for value, label in self.options.items():
            if text.casefold() in (value.casefold(), label.casefold()):
                return value
        labels = ", ".join(self.options.values())
        raise LinkError(f"expected one of {labels}, got {shortened(text)}")

    def write(self, value: Value) -> tuple[str, ...]:
        """That value's label."""
        return (self.options[str(value)],)


@dataclass(frozen=True)
class Several:
    """Any of a few values, each with its label."""

    options: Mapping[str, str]
    default: tuple[str, ...]

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The values of those labels, in the order of the options."""
        chosen = {Choice(self.options).read([text]) for text in texts if text}
        return tuple(value for value in self.options if value in chosen)

    def write(self, value: Value) -> tuple[str, ...]:
        """Those values' labels; one empty text says that none is chosen."""
        chosen = tuple(self.options[name] for name in value or ())  # type: ignore[union-attr]
        return chosen or ("",)


@dataclass(frozen=True)
class Number:
    """A whole number from 1 to ``largest``, or none where that is the default."""

    largest: int
    default: int | None = None

    def read(self, texts: Sequence[str]) -> int:
        """The number."""
        # Five digits: a link may hold any number, and Python refuses to read one of thousands.
        text = texts[-1]
        number = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0
        if not 1 <= number <= self.largest:
            raise LinkError(f"expected a number from 1 to {self.largest}, got {shortened(text)}")
        return number

    def write(self, value: Value) -> tuple[str, ...]:
        """The number's digits."""
        return () if value is None else (str(value),)


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


Field = Choice | Several | Number | Switch

MOST_FILTERS = max(layer.filters for layer in VGG19.conv_layers)
MOST_CHANNELS = max(layer.channels for layer in VGG19.conv_layers)
SIDE = VGG19.input_side
PAGE_FILTERS = PAGE_CHANNELS = 16
MOST_STEPS = 100
MOST_PARTS = 200

FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "view": Choice(VIEWS),
        "picture": Choice(PICTURES),
        "source": Choice(SOURCES),
        "fit": Choice(FITS),
        "layer": Choice(LAYERS),
        "filters": Number(MOST_FILTERS, 8),
        "channels": Number(MOST_CHANNELS, 8),
        "filter_page": Number(MOST_FILTERS // PAGE_FILTERS, 1),
        "channel_page": Number(MOST_CHANNELS // PAGE_CHANNELS, 1),
        "maps": Number(MOST_FILTERS, 64),
        "blocks": Several(BLOCKS, tuple(BLOCKS)),
        "block_maps": Number(MOST_FILTERS, 64),
        "beside": Switch(),
        "filter_channel": Number(MOST_CHANNELS, 1),
        "scale": Choice(SCALES),
        "colours": Choice(COLOUR_MAPS),
        "order": Choice(ORDERS),
        "network": Choice(NETWORKS),
        "compare": Choice(COMPARISONS),
        "other": Choice(PICTURES, SAMPLES[1].name),
        "shown_as": Choice(SHOWN_AS),
        "pair_scale": Choice(PAIR_SCALES),
        "channel": Number(MOST_FILTERS),
        "row": Number(SIDE),
        "column": Number(SIDE),
        "lecture": Switch(),
        "tour": Number(MOST_STEPS),
        "answer": Switch(),
    }
)


def read(link: str) -> dict[str, Value]:
    """What a link, or the part of one behind its question mark, says: a value a field named.

    Raises:
        LinkError: it names a control that the page has not, or a value that the control has not.
    """
    texts: dict[str, list[str]] = {}
    address, mark, query = link.split("#", 1)[0].partition("?")
    if not mark and "://" not in address:
        query = address
    for key, text in fields(query):
        texts.setdefault(key, []).append(text)
    values: dict[str, Value] = {}
    for key, given in texts.items():
        if key not in FIELDS:
            raise LinkError(f"expected a control of the page, got {shortened(key)}")
        try:
            values[key] = FIELDS[key].read(given)
        except LinkError as error:
            raise LinkError(f"{key}: {error}") from None
    return values


def fields(query: str) -> list[tuple[str, str]]:
    """The names and texts of a query.

    Raises:
        LinkError: there are more than any link of the page has.
    """
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARTS)
    except ValueError as error:
        raise LinkError(f"expected at most {MOST_PARTS} parts, got more") from error


def write(values: Mapping[str, Value]) -> str:
    """The part of a link behind its question mark that says these values, defaults left out."""
    parts = [
        f"{key}={quote_plus(text)}"
        for key, value in values.items()
        if value != FIELDS[key].default
        for text in FIELDS[key].write(value)
    ]
    return "&".join(parts)


def shortened(text: str) -> str:
    """A text from outside as a message may repeat it: one printable line of 40 letters at most."""
    printable = "".join(letter if letter.isprintable() else "�" for letter in text)
    return f"“{printable[:39]}…”" if len(printable) > 40 else f"“{printable}”"
