"""Links to the page: the values that a URL's query sets, and the shortest query for a page.

In a URL, an option is written by its name (``layer=block3_conv1``) and a number in digits. Fields
with their default value are left out. Labels, and names of earlier versions, are still read.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from urllib.parse import parse_qs, urlencode

from vgg_viz.export.appearance import PAIR_SCALES
from vgg_viz.fields import (
    FIELDS,
    HERE,
    INPUT,
    MOST_PARAMETERS,
    NEXT,
    OLD_FIELDS,
    OWN,
    STEP,
    TABS,
    LinkError,
    Number,
    Numbers,
    Value,
    shortened,
)
from vgg_viz.interpretability.experiments.changes import CHANGES, COVER, NONE, Amount
from vgg_viz.interpretability.map_orders import ORDERS, PAIR_ORDERS
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.networks import NETWORKS
from vgg_viz.views import UNCHANGED, VIEWS

# Parameters that Streamlit, the page's footer and visitor statistics add to an address.
FOREIGN_PARAMETERS = re.compile("(?i)embed|embed_options|debug|utm_.*|fbclid|gclid")


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
        "order": order_options(effective),
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
    if effective["tour"] is None:
        effective["tour_name"] = FIELDS["tour_name"].default
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


def order_options(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the orders of maps: those of a comparison also by the difference of its sides."""
    compared = values["compare"] in comparison_options(values) and values["compare"] != "none"
    return tuple(PAIR_ORDERS if compared else ORDERS)


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


def other_networks(values: Mapping[str, Value]) -> list[Value]:
    """Return the network that a link names to compare the chosen one with, if it can be."""
    other = values["other_network"]
    can_be = values["compare"] == "network" and other not in (None, values["network"])
    return [other] if can_be else []


def _amount(values: Mapping[str, Value]) -> Amount:
    """Return the range of the amount of the image's change."""
    return CHANGES[str(values.get("change", FIELDS["change"].default))].amount


# Defaults that follow from the effective values of other fields.
DEFAULTS: Mapping[str, Callable[[Mapping[str, Value]], str | int]] = {
    "tab": _default_tab,
    # Two networks' values differ too much for a common scale.
    "pair_scale": lambda values: (
        "own" if values["compare"] == "network" and values["shown_as"] != "difference" else "pair"
    ),
    "amount": lambda values: _amount(values).usual,
    "other_network": lambda values: "untrained" if values["network"] == "imagenet" else "imagenet",
}


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


def address(values: Mapping[str, Value]) -> dict[str, list[str]]:
    """Return the query parameters of the shortest link to a page with these values."""
    shown = effective_values(values)
    usual = dict(_usual_values(str(shown["view"]), str(shown["layer"])))
    usual |= {key: default(shown) for key, default in DEFAULTS.items()}
    return {
        key: texts_of(value)
        for key, value in shown.items()
        if value != (FIELDS[key].default if key in ("view", "layer") else usual[key])
    }


@cache
def _usual_values(view: str, layer: str) -> Mapping[str, Value]:
    """Return the values of a page of which a link names view and layer only.

    A default is limited by the layer, too: 64 of 64 maps need no parameter, whatever the default.
    """
    return MappingProxyType(effective_values({"view": view, "layer": layer}))


def encode(parameters: Mapping[str, Sequence[str]]) -> str:
    """Encode query parameters, each with all its texts, as the query of a link."""
    return urlencode(parameters, doseq=True)
