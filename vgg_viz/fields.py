"""Fields that a link to the page can hold: their kinds, options, ranges and defaults.

Each field reads its value from the texts of a link: an option by its name, its label or a name of
an earlier version, a number by its digits.
"""

import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Generic

from vgg_viz.export.appearance import COLOR_MAPS, PAIR_SCALES, SCALES
from vgg_viz.image_io.input_image import FITS
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, SIDES
from vgg_viz.interpretability.experiments.changes import CHANGES, FILLS
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    EXAMPLES,
    PARAMETRIZATIONS,
)
from vgg_viz.interpretability.map_orders import PAIR_ORDERS
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.networks import ADVERTISED, JOINERS, NETWORKS, clean_name
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.option import Name, Option, Options, by_name
from vgg_viz.samples import SAMPLES
from vgg_viz.views import COMPARISONS, VIEWS

Value = str | int | bool | tuple[str, ...] | tuple[int, ...] | None

ROBIN, OWN = "robin", "own"
STEP, INPUT = "step", "input"
NEXT, ALL, HERE = "next", "all", "here"
MOST_LETTERS = 62  # of the options in a message

PICTURES: Options = by_name(
    *(Option(sample.name, sample.title) for sample in SAMPLES),
    Option(ROBIN, "Robin"),
    Option(OWN, "Your own"),
)
TOURS: Options = by_name(
    Option("walkthrough", "The walkthrough"),
    Option("your-picture", "Your own picture"),
    Option("walkthrough-fa", "The walkthrough in Persian"),
)
SOURCES: Options = by_name(Option("upload", "Upload"), Option("camera", "Camera"))
LAYERS: Options = by_name(*(Option(layer.name, layer.title) for layer in VGG19.conv_layers))
BLOCKS: Options = by_name(
    *(Option(str(block), str(block)) for block in range(1, len(VGG19.blocks) + 1))
)
SHOWN_AS: Options = by_name(Option("side", "Side by side"), Option("difference", "Difference"))
EVIDENCE: Options = {**EVIDENCE_METHODS, ALL: Option(ALL, "All methods", old=("All four",))}
# Halves of a comparison: the page's own picture, network or preprocessing, and the other one.
FIRST, SECOND = "first", "second"
HALVES: Options = by_name(Option(FIRST, "The first"), Option(SECOND, "The other"))
BACK_TO: Options = {
    STEP: Option(STEP, "One layer"),
    INPUT: Option(INPUT, "The pixels"),
    **LAYERS,
}
TABS: Options = by_name(
    Option("decomposition", "Decomposition"),
    Option("attribution", "Attribution"),
    Option("ablation", "Ablation"),
    Option("experiments", "Experiments"),
    Option("statistics", "Statistics"),
    Option("model", "Model"),
)
EXPERIMENTS: Options = by_name(
    Option("response", "Response curve"),
    Option("layers", "Curves of all layers"),
    Option("distance", "Distance by layer"),
    Option("similar", "Similar positions"),
    Option("occlusion", "Occlusion"),
    Option("gratings", "Gratings"),
)
# Largest change of each pixel in an adversarial example, in gray levels.
EPSILONS: Options = by_name(
    Option("off", "Off"), *(Option(str(levels), str(levels)) for levels in (1, 2, 4, 8, 16))
)
# Layers whose maps can be ablated: the shown layer, or an earlier one.
ABLATED_LAYERS: Options = {HERE: Option(HERE, "This layer"), **LAYERS}
LATER_LAYERS: Options = {NEXT: Option(NEXT, "The next layer"), **LAYERS}


class LinkError(ValueError):
    """Raised when a link holds an invalid field or value; the message is one sentence, to show."""


def shortened(text: str) -> str:
    """Quote a text from outside in a message: one printable line of at most 40 letters.

    >>> shortened("block9")
    '“block9”'
    """
    printable = "".join(one if one.isprintable() or one in JOINERS else "�" for one in text)
    return f"“{printable[:39]}…”" if len(printable) > 40 else f"“{printable}”"


@dataclass(frozen=True)
class Choice(Generic[Name]):
    """A field of a link that holds one of several options; by default the first.

    The default is None where it follows from other fields (`DEFAULTS`).
    """

    options: Mapping[Name, Option]
    default: Name | None = ""  # type: ignore[assignment]  # the first option takes its place

    def __post_init__(self) -> None:
        if self.default == "":
            object.__setattr__(self, "default", next(iter(self.options)))

    def read(self, texts: Sequence[str]) -> Name:
        """Return the name of the option whose name or label, also of earlier versions, is given."""
        text = texts[-1]
        for name, option in self.options.items():
            known = (str(name), option.label, *option.old)
            if text.casefold() in map(str.casefold, known):
                return name
        options = textwrap.shorten(", ".join(self.options), MOST_LETTERS, placeholder=" …")
        raise LinkError(f"expected one of {options}, got {shortened(text)}")


@dataclass(frozen=True)
class Named(Choice[str]):
    """A field of a link that holds an option, or a name that only some servers have."""

    no_names: Collection[str] = ()  # texts that other programs give

    def read(self, texts: Sequence[str]) -> str:
        """Return the name of an option, or else the text itself if it can be a name."""
        try:
            return super().read(texts)
        except LinkError:
            is_name = texts[-1] == clean_name(texts[-1]) != ""
            if not is_name or texts[-1].casefold() in self.no_names:
                raise
            return texts[-1]


@dataclass(frozen=True)
class Several:
    """A field of a link that holds any number of options, such as several blocks."""

    options: Options
    default: tuple[str, ...]

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the options that the texts stand for, in the field's order."""
        chosen = {Choice(self.options).read([text]) for text in texts if text}
        return tuple(value for value in self.options if value in chosen)


@dataclass(frozen=True)
class Number:
    """A field of a link that holds a whole number, or None where None is the default."""

    largest: int
    default: int | None = None
    clamps: bool = True  # replaces a larger number in a link by the largest allowed one
    smallest: int = 1
    of_layer: Callable[[ConvLayer], int] | None = None  # largest number allowed for a layer
    pages: tuple[str, int] | None = None  # field that is split into pages, and a page's size

    def read(self, texts: Sequence[str], *, clamp: bool = False) -> int:
        """Return the number that a text holds; if wanted, at most the largest allowed one."""
        # Five digits: a link may hold any number, and Python refuses to read one of thousands.
        text = texts[-1]
        number = int(text) if re.fullmatch(r"-?[0-9]{1,5}", text) else self.smallest - 1
        if clamp and self.clamps:
            number = min(number, self.largest)
        if not self.smallest <= number <= self.largest:
            bounds = f"from {self.smallest} to {self.largest}"
            raise LinkError(f"expected a number {bounds}, got {shortened(text)}")
        return number


@dataclass(frozen=True)
class Numbers:
    """A field of a link that holds up to ``most`` different whole numbers, sorted, from 1."""

    largest: int
    most: int
    default: tuple[int, ...] = ()
    of_layer: Callable[[ConvLayer], int] | None = None

    def read(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Return the numbers that a text holds, separated by commas or spaces."""
        text = texts[-1]
        words = re.split("[ ,]+", text.strip(" ,"))
        # Five digits, as in a single number.
        all_digits = all(re.fullmatch(r"[0-9]{1,5}", word) for word in words)
        numbers = sorted({int(word) for word in words}) if all_digits else [0]
        if len(numbers) > self.most or not 1 <= numbers[0] <= numbers[-1] <= self.largest:
            bounds = f"up to {self.most} numbers from 1 to {self.largest}"
            raise LinkError(f"expected {bounds}, such as 4, 17, 30, got {shortened(text)}")
        return tuple(numbers)


@dataclass(frozen=True)
class Switch:
    """A Boolean field of a link, written ``true`` or ``false``."""

    default: bool = False

    def read(self, texts: Sequence[str]) -> bool:
        """Return the Boolean value that a text holds."""
        word = texts[-1].casefold()
        if word not in ("true", "false"):
            raise LinkError(f"expected true or false, got {shortened(texts[-1])}")
        return word == "true"


# Each field's ``read`` gets all texts that a link gives for it, and raises a `LinkError`.
Field = Choice[Any] | Several | Number | Numbers | Switch


FILTERS, CHANNELS = attrgetter("filters"), attrgetter("channels")
MOST_FILTERS = max(map(FILTERS, VGG19.conv_layers))
MOST_CHANNELS = max(map(CHANNELS, VGG19.conv_layers))
FEWEST_CHANNELS = min(map(CHANNELS, VGG19.block_ends))
SIDE = VGG19.input_side
PAGE_FILTERS = PAGE_CHANNELS = 16
MOST_STEPS = 100
MOST_PARAMETERS = 200
MOST_CLASSES = 20
MOST_SEEDS = 9999
MOST_ABLATED = 16
AMOUNTS = [change.amount for change in CHANGES.values()]
MOST_OWN = 9999  # of a viewer's own pictures, numbered in the order of their upload
# Numbered from 0 as in Keras. None: the most likely class, no class to compare with, and the second
# most likely class.
CLASS = Number(VGG19.classes - 1, clamps=False, smallest=0)

# Fields that belong to a visit, so links that show the same view again leave them out.
VISIT_FIELDS = ("tour", "tour_name", "own_tour", "answer", "lecture")

FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "view": Choice(VIEWS),
        "picture": Named(PICTURES),
        "own": Number(MOST_OWN, clamps=False),
        "own_from": Choice(SOURCES),
        "fit": Choice(FITS),
        "stored": Switch(),
        "change": Choice(CHANGES),
        "amount": Number(
            max(amount.high for amount in AMOUNTS), smallest=min(amount.low for amount in AMOUNTS)
        ),
        "cover_row": Number(SIDE, SIDE // 2),
        "cover_column": Number(SIDE, SIDE // 2),
        "fill": Choice(FILLS),
        "layer": Choice(LAYERS),
        "filters": Number(MOST_FILTERS, 8, of_layer=FILTERS),
        "channels": Number(MOST_CHANNELS, 8, of_layer=CHANNELS),
        "filter_page": Number(MOST_FILTERS // PAGE_FILTERS, 1, pages=("filters", PAGE_FILTERS)),
        "channel_page": Number(
            MOST_CHANNELS // PAGE_CHANNELS, 1, pages=("channels", PAGE_CHANNELS)
        ),
        "maps": Number(MOST_FILTERS, 64, of_layer=FILTERS),
        "examples": Choice(EXAMPLES),
        "images": Number(MOST_FILTERS, 16, of_layer=FILTERS),
        "parametrization": Choice(PARAMETRIZATIONS),
        "seed": Number(MOST_SEEDS, 1, clamps=False),
        "paste": Switch(),
        "blocks": Several(BLOCKS, tuple(BLOCKS)),
        "block_maps": Number(MOST_FILTERS, 64),
        "beside": Switch(),
        "filter_channel": Number(FEWEST_CHANNELS, 1),
        "classes": Number(MOST_CLASSES, 5),
        "class": CLASS,
        "against": CLASS,
        "evidence": Choice(EVIDENCE),
        "important_maps": Number(VGG19.block_ends[-1].filters, 8),
        "side": Choice(SIDES),
        "deletion": Switch(),
        "occlusion": Switch(),
        "adversarial": Choice(EPSILONS),
        "toward": CLASS,
        "scale": Choice(SCALES),
        "colors": Choice(COLOR_MAPS),
        "order": Choice(PAIR_ORDERS),
        "network": Named(NETWORKS, no_names=ADVERTISED),
        "preprocessing": Choice(PREPROCESSINGS),
        "compare": Choice(COMPARISONS),
        "other_network": Named(NETWORKS, None, ADVERTISED),
        "other": Named(PICTURES, SAMPLES[1].name),
        "shown_as": Choice(SHOWN_AS),
        "pair_scale": Choice(PAIR_SCALES, None),
        "half": Choice(HALVES),
        "channel": Number(MOST_FILTERS, of_layer=FILTERS),
        "row": Number(SIDE, of_layer=lambda layer: layer.output_shape[0]),
        "column": Number(SIDE, of_layer=lambda layer: layer.output_shape[1]),
        "tab": Choice(TABS, None),
        "back_to": Choice(BACK_TO),
        "attribution": Choice(ATTRIBUTION_METHODS),
        "sanity": Switch(),
        "ablated": Numbers(MOST_FILTERS, MOST_ABLATED, of_layer=FILTERS),
        "ablated_in": Choice(ABLATED_LAYERS),
        "later_layer": Choice(LATER_LAYERS),
        "experiment": Choice(EXPERIMENTS),
        "lecture": Switch(),
        "tour": Number(MOST_STEPS, clamps=False),
        "tour_name": Named(TOURS),
        "own_tour": Number(MOST_STEPS),
        "answer": Switch(),
    }
)

# Names of fields in links of earlier versions.
OLD_FIELDS = {
    "colours": "colors",
    "source": "own_from",  # a name that newsletters use
    "excited_by": "examples",
    "made": "images",
    "recipe": "parametrization",
    "answers": "classes",
    "counting": "important_maps",
    "attributed": "attribution",
    "silenced": "ablated",
    "seen_in": "later_layer",
}
