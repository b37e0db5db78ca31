"""The sidebar's controls. A view calls those that it uses; the others are not shown.

Every control shows one of the view's values and changes it; `vgg_viz.ui.state` owns them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st

from vgg_viz.export.appearance import COLOR_MAPS, SCALES
from vgg_viz.interpretability.map_orders import ORDERS
from vgg_viz.links import BLOCKS, LAYERS
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.option import Name, Option, labels, tooltip
from vgg_viz.ui import state
from vgg_viz.ui.state import shared_instance
from vgg_viz.views import COMPARISONS, VIEWS, Comparison

DIVERGING = "RdBu_r"
IN_USE = "network-in-use"
LONGEST_NAME = 16


@dataclass(frozen=True)
class Appearance:
    """How tiles are colored."""

    scale: str
    color_map: str


def layer() -> ConvLayer:
    """Choose one of the 16 conv layers."""
    return VGG19.conv_layer(one_of_many("Layer", "layer", LAYERS))


def one_of_many(
    label: str, key: str, options: Mapping[Name, Option], *, help_text: str | None = None
) -> Name:
    """Choose one of options that are too many for a row; the first is the default."""
    label_of = labels(options).__getitem__
    st.selectbox(label, list(options), format_func=label_of, help=help_text, **state.bind(key))
    return state.choice(key, options)


def one_of(
    label: str,
    key: str,
    options: Mapping[Name, Option],
    *,
    help_text: str | None = None,
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> Name:
    """Choose one of a few options, given with their labels."""
    st.segmented_control(
        label,
        list(options),
        format_func=labels(options).__getitem__,
        required=True,
        help=help_text,
        label_visibility=label_visibility,
        width="stretch",
        **state.bind(key),
    )
    return state.choice(key, options)


def order() -> str:
    """Choose the order of the maps."""
    words = f"{tooltip(ORDERS)}. A map keeps its number."
    return one_of_many("Order", "order", ORDERS, help_text=words)


def count(label: str, key: str, largest: int) -> int:
    """Choose a number from 1 to ``largest``; one chosen for a larger layer is cut to it."""
    return st.slider(f"{label} (1 to {largest})", 1, largest, **state.bind(key))


def number(label: str, key: str, largest: int) -> int | None:
    """Show a number field from 1 to ``largest`` that may be empty; return its number."""
    return st.number_input(
        label, 1, largest, value=None, placeholder=f"1–{largest}", **state.bind(key)
    )


def blocks() -> Sequence[int]:
    """Choose any of the five blocks."""
    chosen = st.segmented_control(
        "Blocks", list(BLOCKS), selection_mode="multi", width="stretch", **state.bind("blocks")
    )
    return [int(block) for block in chosen]


def appearance() -> Appearance:
    """Choose the scale, of those that the view offers, and the color map."""
    options = {scale: SCALES[scale] for scale in VIEWS[state.choice("view", VIEWS)].scales}
    scale = one_of("Scale", "scale", options, help_text=tooltip(options))
    return Appearance(scale, DIVERGING if scale == "zero" else color_map())


def color_map() -> str:
    """Choose the color map."""
    return one_of_many("Colors", "colors", COLOR_MAPS)


def comparison() -> Comparison:
    """Choose what to compare with, of what the view offers."""
    options = {kind: COMPARISONS[kind] for kind in VIEWS[state.choice("view", VIEWS)].comparisons}
    return one_of_many("Compare with", "compare", options)


def network() -> NetworkChoice:
    """Choose which network's weights to look at; the trained one is called what it is."""
    name = shared_instance.trained_name()
    if name == "untrained":
        return network_without_weights()
    words = "trained on 1.2 million photographs"
    if name != NETWORKS["imagenet"].label:
        name, words = shortened(name), "the weights that this server was told to show"
    trained = replace(NETWORKS["imagenet"], label=name)
    options: dict[NetworkChoice, Option] = {**NETWORKS, "imagenet": trained}
    return one_of(
        "Network",
        "network",
        options,
        help_text=f"**{name}**: {words}. **Untrained**: the same network with random numbers for "
        "filters, to see what training did.",
    )


def network_without_weights() -> NetworkChoice:
    """Show that it is the untrained network, since there is no other; return which is wanted."""
    st.session_state[IN_USE] = "untrained"
    st.segmented_control(
        "Network",
        list(NETWORKS),
        format_func=labels(NETWORKS).__getitem__,
        required=True,
        key=IN_USE,
        width="stretch",
        help="The weights of **ImageNet** could not be had. Choosing it tries again.",
        on_change=try_again,
    )
    return state.choice("network", NETWORKS)


def try_again() -> None:
    """Look for the trained network's weights anew."""
    shared_instance.retry_weights()
    state.change({"network": "imagenet"})


def shortened(name: str) -> str:
    """A file's name that half a sidebar has room for, with all signs of Markdown escaped."""
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 7]}…{name[-6:]}"
    return re.sub(r"([!-/:-@[-`{-~])", r"\\\1", name)


def page(label: str, key: str, size: int, total: int) -> range:
    """Choose one page of ``total`` things, ``size`` a page; return the indices on it, from 0."""
    pages = -(-total // size)
    if pages == 1:
        return range(total)
    heading = st.empty()
    number = st.pagination(pages, **state.bind(key))
    shown = range((number - 1) * size, min(number * size, total))
    heading.caption(f"{label} {shown.start + 1} to {shown.stop} of {total}")
    return shown
