"""Links to the page: the fields that a URL's query can set, and their values as text.

In a URL, an option is written by its name (``layer=block3_conv1``) and a number in digits. Fields
with their default value are left out. Labels, and names of earlier versions, are still read.
"""

import re
import textwrap
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Generic
from urllib.parse import parse_qs, urlencode

from vgg_viz.export.appearance import COLOR_MAPS, PAIR_SCALES, SCALES
from vgg_viz.image_io.input_image import FITS
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, SIDES
from vgg_viz.interpretability.experiments.changes import (
    CHANGES,
    COVER,
    FILLS,
    NONE,
    Amount,
)
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    EXAMPLES,
    PARAMETRIZATIONS,
)
from vgg_viz.interpretability.map_orders import ORDERS
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.networks import NETWORKS, clean_name
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.option import Name, Option, by_name
from vgg_viz.samples import SAMPLES
from vgg_viz.views import COMPARISONS, UNCHANGED, VIEWS

Value = str | int | bool | tuple[str, ...] | tuple[int, ...] | None

ROBIN, OWN = "robin", "own"
STEP, INPUT = "step", "input"
NEXT, ALL, HERE = "next", "all", "here"
MOST_LETTERS = 62  # of the options in a message

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
SHOWN_AS: Mapping[str, Option] = by_name(
    Option("side", "Side by side"), Option("difference", "Difference")
)
EVIDENCE: Mapping[str, Option] = {
    **EVIDENCE_METHODS,
    ALL: Option(ALL, "All methods", old=("All four",)),
}
# Halves of a comparison: the page's own picture, network or preprocessing, and the other one.
FIRST, SECOND = "first", "second"
HALVES: Mapping[str, Option] = by_name(Option(FIRST, "The first"), Option(SECOND, "The other"))
BACK_TO: Mapping[str, Option] = {
    STEP: Option(STEP, "One layer"),
    INPUT: Option(INPUT, "The pixels"),
    **LAYERS,
}
TABS: Mapping[str, Option] = by_name(
    Option("decomposition", "Decomposition"),
    Option("attribution", "Attribution"),
    Option("ablation", "Ablation"),
    Option("experiments", "Experiments"),
    Option("statistics", "Statistics"),
    Option("model", "Model"),
)
EXPERIMENTS: Mapping[str, Option] = by_name(
    Option("response", "Response curve"),
    Option("layers", "Curves of all layers"),
    Option("distance", "Distance by layer"),
    Option("similar", "Similar positions"),
    Option("occlusion", "Occlusion"),
    Option("gratings", "Gratings"),
)
# Layers whose maps can be ablated: the shown layer, or an earlier one.
ABLATED_LAYERS: Mapping[str, Option] = {HERE: Option(HERE, "This layer"), **LAYERS}
LATER_LAYERS: Mapping[str, Option] = {NEXT: Option(NEXT, "The next layer"), **LAYERS}


class LinkError(ValueError):
    """Raised when a link holds an invalid field or value; the message is one sentence, to show."""


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
    """A field of a link that holds an option, or the name of a network that a server may have."""

    def read(self, texts: Sequence[str]) -> str:
        """Return the name of an option, or else the text itself if it can be a name."""
        try:
            return super().read(texts)
        except LinkError:
            if texts[-1] != (clean_name(texts[-1]) or None):
                raise
            return texts[-1]


@dataclass(frozen=True)
class Several:
    """A field of a link that holds any number of options, such as several blocks."""

    options: Mapping[str, Option]
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


def texts_of(value: Value) -> list[str]:
    """Return the texts that a link holds for a field's value; none for None.

    >>> texts_of(("1", "5")), texts_of((4, 17)), texts_of(()), texts_of(True)
    (['1', '5'], ['4,17'], [''], ['true'])
    """
    if isinstance(value, tuple):
        texts = list(map(str, value))
        return texts if value and isinstance(value[0], str) else [",".join(texts)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [] if value is None else [str(value)]


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
# Numbered from 0 as in Keras. None: the most likely class, and no class to compare with.
CLASS = Number(VGG19.classes - 1, clamps=False, smallest=0)

# Fields that belong to a visit, so links that show the same view again leave them out.
VISIT_FIELDS = ("tour", "own_tour", "answer", "lecture")

# Parameters that Streamlit, the page's footer and visitor statistics add to an address.
FOREIGN_PARAMETERS = re.compile("(?i)embed|embed_options|debug|utm_.*|fbclid|gclid")

FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "view": Choice(VIEWS),
        "picture": Choice(PICTURES),
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
        "scale": Choice(SCALES),
        "colors": Choice(COLOR_MAPS),
        "order": Choice(ORDERS),
        "network": Named(NETWORKS),
        "preprocessing": Choice(PREPROCESSINGS),
        "compare": Choice(COMPARISONS),
        "other_network": Named(NETWORKS, None),
        "other": Choice(PICTURES, SAMPLES[1].name),
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


def read(link: str) -> dict[str, Value]:
    """Return the values that a link sets, by field: a URL, or a query with or without ``?``.

    A `LinkError` means that it names an unknown field or an invalid value.

    >>> read("?view=maps&layer=block3_conv1&maps=9")
    {'view': 'maps', 'layer': 'block3_conv1', 'maps': 9}
    """
    values, problems = read_values(parse_query(link))
    if problems:
        raise LinkError(problems[0])
    return values


def parse_query(link: str) -> dict[str, list[str]]:
    """Return all texts for each parameter of a link; a `LinkError` if there are too many.

    >>> parse_query("?blocks=1&blocks=5#top")
    {'blocks': ['1', '5']}
    """
    address, mark, query = link.split("#", 1)[0].partition("?")
    if not mark and "://" not in address:
        query = address
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise LinkError(f"expected at most {MOST_PARAMETERS} parameters, got more") from error


def read_values(
    parameters: Mapping[str, Sequence[str]], *, clamp: bool = False
) -> tuple[dict[str, Value], list[str]]:
    """Return values by field, and one sentence for each query parameter that could not be read.

    With ``clamp``, a number that is too large is replaced by the largest allowed one.
    """
    values: dict[str, Value] = {}
    problems: list[str] = []
    for name, texts in parameters.items():
        key = OLD_FIELDS.get(name, name)
        field = FIELDS.get(key)
        if field is None:
            if not FOREIGN_PARAMETERS.fullmatch(name):
                *others, last = get_close_matches(name[:40], FIELDS, n=3, cutoff=0)
                similar = f"{', '.join(others)} or {last}"
                problems.append(f"expected a field such as {similar}, got {shortened(name)}")
            continue
        if key != name and key in parameters:  # the newer name takes precedence
            continue
        try:
            if isinstance(field, Number):
                values[key] = field.read(texts, clamp=clamp)
            else:
                values[key] = field.read(texts)
        except LinkError as error:
            problems.append(f"{name}: {error}")
    return values, problems


def upper_limit(key: str, values: Mapping[str, Value]) -> int | None:
    """Return the largest number that a field can hold, mostly by the chosen layer; None for others.

    >>> upper_limit("maps", {"layer": "block2_conv1"})
    128
    """
    field = FIELDS[key]
    if not isinstance(field, Number | Numbers):
        return None
    if isinstance(field, Number) and field.pages:
        counted, size = field.pages
        count, limit = values.get(counted) or FIELDS[counted].default, upper_limit(counted, values)
        return -(-min(int(str(count)), limit or 1) // size)
    if key == "amount":
        return _amount(values).high
    name = values.get("layer", FIELDS["layer"].default)
    if key == "ablated" and values.get("ablated_in", HERE) != HERE:
        name = values["ablated_in"]
    layer = VGG19.conv_layer(str(name))
    return field.of_layer(layer) if field.of_layer else field.largest


def effective_values(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of all fields as the page shows them, given the requested values.

    Numbers are limited to the layer's; options that view or layer lack become the default.
    """
    effective = {key: values.get(key, field.default) for key, field in FIELDS.items()}
    for key in FIELDS:
        effective[key] = _limited(effective[key], upper_limit(key, effective))
    view, layer = VIEWS[str(effective["view"])], str(effective["layer"])
    offered: Mapping[str, Sequence[str]] = {
        "scale": view.scales,
        "compare": comparison_options(effective),
        "back_to": back_to_options(layer),
        "later_layer": later_layer_options(layer),
    }
    for key, names in offered.items():
        if effective[key] not in names:
            effective[key] = FIELDS[key].default
    if effective["compare"] == FIELDS["compare"].default:
        effective["half"] = FIELDS["half"].default
    if effective["picture"] != OWN:
        effective["own"] = None
    if effective["change"] != COVER:
        effective |= {key: FIELDS[key].default for key in ("cover_row", "cover_column", "fill")}
    source, compared = str(effective["ablated_in"]), effective["compare"] != "none"
    # A comparison neither shows an ablation nor offers one.
    if compared or (
        source != HERE and not (effective["ablated"] and layer in later_layer_options(source))
    ):
        effective |= {"ablated_in": HERE, "ablated": ()}
    if effective["channel"] is None:
        effective["row"] = effective["column"] = None
    explained = any(effective[key] for key in ("lecture", "tour", "own_tour"))
    tabs = tab_options(compared=compared, explained=explained)
    amounts = range(_amount(effective).low, _amount(effective).high + 1)
    following: Mapping[str, Container[Value]] = {
        "tab": tabs,
        "pair_scale": pair_scale_options(effective),
        "amount": amounts,
        "other_network": other_networks(effective),
    }
    for key, options in following.items():
        if effective[key] not in options:
            effective[key] = DEFAULTS[key](effective)
    if effective["tab"] == "attribution" and effective["back_to"] == STEP:
        effective["back_to"] = INPUT
    if {effective["network"], effective["other_network"]} <= {*NETWORKS}:
        effective["preprocessing"] = FIELDS["preprocessing"].default
    return effective


def _limited(value: Value, limit: int | None) -> Value:
    """Reduce a number to ``limit``, or drop the numbers above it from a tuple of numbers."""
    if limit is None:
        return value
    if isinstance(value, tuple):
        return tuple(int(number) for number in value if int(number) <= limit)
    return min(value, limit) if isinstance(value, int) else value


def comparison_options(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Return what a view's maps can be compared with; a changed image also with the unchanged."""
    options = VIEWS[str(values["view"])].comparisons
    return tuple(name for name in options if name != UNCHANGED or values["change"] != NONE)


def back_to_options(layer: str) -> tuple[str, ...]:
    """Return the options for the layer to which a value of ``layer`` can be attributed.

    >>> back_to_options("block1_conv2")
    ('step', 'input', 'block1_conv1')
    """
    number = VGG19.conv_layer(layer).conv_number
    return (STEP, INPUT, *(earlier.name for earlier in VGG19.conv_layers[: number - 1]))


def later_layer_options(layer: str) -> tuple[str, ...]:
    """Return the options for the layer on which the effect of ablating maps of ``layer`` is shown.

    >>> later_layer_options("block5_conv3")
    ('next', 'block5_conv4')
    """
    number = VGG19.conv_layer(layer).conv_number
    return (NEXT, *(later.name for later in VGG19.conv_layers[number:]))


def tab_options(*, compared: bool, explained: bool) -> tuple[str, ...]:
    """Return the tabs below the maps: no ablation in a comparison, no numbers in a lecture or tour.

    >>> tab_options(compared=True, explained=False)
    ('decomposition', 'attribution', 'experiments', 'statistics', 'model')
    """
    left_out = ["experiments", "statistics", "model"] * explained + ["ablation"] * compared
    return tuple(name for name in TABS if name not in left_out)


def _default_tab(values: Mapping[str, Value]) -> str:
    """Return the tab that shows what a link without ``tab`` asks for."""
    if values["ablated_in"] != HERE:
        return "decomposition"
    if values["row"] and values["column"] and values["back_to"] != STEP:
        return "attribution"
    return "ablation" if values["ablated"] and values["compare"] == "none" else "decomposition"


def pair_scale_options(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the scales for two grids side by side; a difference is one tile for both sides."""
    return tuple(n for n in PAIR_SCALES if n != "own" or values["shown_as"] != "difference")


def _default_pair_scale(values: Mapping[str, Value]) -> str:
    """Return the scale for two grids: two networks' values differ too much for a common one."""
    apart = values["compare"] == "network" and values["shown_as"] != "difference"
    return "own" if apart else "pair"


def other_networks(values: Mapping[str, Value]) -> list[Value]:
    """Return the network that a link names to compare the chosen one with, if it can be."""
    other = values["other_network"]
    can_be = values["compare"] == "network" and other not in (None, values["network"])
    return [other] if can_be else []


def _default_other_network(values: Mapping[str, Value]) -> str:
    """Return the network to compare with: ImageNet's, and the untrained one for that."""
    return "untrained" if values["network"] == "imagenet" else "imagenet"


def _amount(values: Mapping[str, Value]) -> Amount:
    """Return the range of the amount of the image's change."""
    return CHANGES[str(values.get("change", FIELDS["change"].default))].amount


def _usual_amount(values: Mapping[str, Value]) -> int:
    """Return the amount with which a change of the image begins."""
    return _amount(values).usual


# Defaults that follow from the effective values of other fields.
DEFAULTS: Mapping[str, Callable[[Mapping[str, Value]], str | int]] = {
    "tab": _default_tab,
    "pair_scale": _default_pair_scale,
    "amount": _usual_amount,
    "other_network": _default_other_network,
}


def address(values: Mapping[str, Value]) -> dict[str, list[str]]:
    """Return the query parameters of the shortest link to a page with these values."""
    shown = effective_values(values)
    # A default is limited by the layer, too: 64 of 64 maps need no parameter, whatever the default.
    usual = effective_values({key: shown[key] for key in ("view", "layer")})
    usual |= {key: default(shown) for key, default in DEFAULTS.items()}
    return {
        key: texts_of(value)
        for key, value in shown.items()
        if value != (FIELDS[key].default if key in ("view", "layer") else usual[key])
    }


def encode(parameters: Mapping[str, Sequence[str]]) -> str:
    """Encode query parameters, each with all its texts, as the query of a link."""
    return urlencode(parameters, doseq=True)


def shortened(text: str) -> str:
    """Quote a text from outside in a message: one printable line of at most 40 letters.

    >>> shortened("block9")
    '“block9”'
    """
    printable = "".join(letter if letter.isprintable() else "�" for letter in text)
    return f"“{printable[:39]}…”" if len(printable) > 40 else f"“{printable}”"
