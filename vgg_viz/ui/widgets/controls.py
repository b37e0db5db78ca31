"""The sidebar's controls. Each shows and changes one field of the page, held by `vgg_viz.ui.state`.

A view calls the controls that it uses; the others do not appear in its sidebar.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st

from vgg_viz import links
from vgg_viz.export.appearance import COLOR_MAPS, SCALES
from vgg_viz.fields import BLOCKS, LAYERS
from vgg_viz.interpretability.map_orders import PAIR_ORDERS
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.option import Name, Option, labels, tooltip
from vgg_viz.ui import state
from vgg_viz.ui.state import shared_instance
from vgg_viz.ui.widgets import dropped_networks, text_blocks
from vgg_viz.views import COMPARISONS, VIEWS, Comparison

DIVERGING = "RdBu_r"
IN_USE = "network-in-use"
MAX_NAME_LETTERS = 16
NETWORK_FIELDS = ("network", "other_network")
KNOWN = "networks-known"  # own networks in the sidebar, and their weights if they are loaded
UNRECORDED = "It does not record a preprocessing: choose that of its training."


@dataclass(frozen=True)
class Appearance:
    """Colors of a grid's tiles: the names of its color scale and of its color map."""

    scale: str
    color_map: str


@dataclass(frozen=True)
class ShownMaps:
    """Feature maps to show of a layer: how many, in which order and in which colors."""

    count: int
    order: str
    appearance: Appearance


def layer() -> ConvLayer:
    """Show a list to choose a conv layer; return the chosen layer."""
    return VGG19.conv_layer(one_of_many("Layer", "layer", LAYERS))


def one_of_many(
    label: str, key: str, options: Mapping[Name, Option], *, help_text: str | None = None
) -> Name:
    """Show a select box for a field with many options; return the chosen option's name."""
    st.selectbox(label, help=help_text, **state.bind_options(key, labels(options)))
    return state.choice(key, options)


def one_of(
    label: str,
    key: str,
    options: Mapping[Name, Option],
    *,
    help_text: str | None = None,
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> Name:
    """Show a row of buttons for a field with a few options; return the chosen option's name."""
    st.segmented_control(
        label,
        required=True,
        help=help_text,
        label_visibility=label_visibility,
        width="stretch",
        **state.bind_options(key, labels(options)),
    )
    return state.choice(key, options)


def order() -> str:
    """Show a list to choose the order of a layer's feature maps; return the order's name."""
    offered = links.order_options({key: state.value(key) for key in ("view", "change", "compare")})
    options = {name: PAIR_ORDERS[name] for name in offered}
    help_text = f"{tooltip(options)}. A map keeps its number."
    return one_of_many("Order", "order", options, help_text=help_text)


def count(label: str, key: str, largest: int) -> int:
    """Show a slider from 1 to ``largest`` for the field ``key``; return the chosen number."""
    if largest == 1:
        return 1  # nothing to choose, as of a network's one class
    return st.slider(f"{label} (1 to {largest})", 1, largest, **state.bind(key, largest))


def number(label: str, key: str, largest: int, *, has_room: bool = False) -> int | None:
    """Show a number field from 1 to ``largest``; return its number, or None while it is empty.

    If the label ``has_room``, it names the range, as those of sliders do: the browser turns a field
    with a number beyond it red, without saying why.
    """
    if has_room:
        label = f"{label} (1 to {largest:,})"
    return st.number_input(
        label, 1, largest, value=None, placeholder=f"1–{largest}", **state.bind(key)
    )


def blocks() -> Sequence[int]:
    """Show buttons to choose any of VGG19's five blocks; return the blocks' numbers, from 1."""
    chosen = st.segmented_control(
        "Blocks", list(BLOCKS), selection_mode="multi", width="stretch", **state.bind("blocks")
    )
    return [int(block) for block in chosen]


def appearance() -> Appearance:
    """Show the controls for a grid's color scale and color map; return what they choose.

    Only the scales of the current view are offered. A scale with zero in the middle has a fixed
    color map.
    """
    options = {scale: SCALES[scale] for scale in VIEWS[state.choice("view", VIEWS)].scales}
    scale = one_of("Scale", "scale", options, help_text=tooltip(options))
    return Appearance(scale, DIVERGING if scale == "zero" else color_map())


def shown_maps() -> ShownMaps:
    """Return which feature maps to show, as the sidebar's controls choose them."""
    scale, colors, shown_order = (str(state.value(key)) for key in ("scale", "colors", "order"))
    appearance = Appearance(scale, DIVERGING if scale == "zero" else colors)
    return ShownMaps(state.number("maps") or 1, shown_order, appearance)


def color_map() -> str:
    """Show a list to choose the color map; return its name."""
    return one_of_many("Color map", "colors", COLOR_MAPS)


def comparison() -> Comparison:
    """Show a list of comparisons that the current view offers; return the chosen one's name."""
    view, change = (state.value(field) for field in ("view", "change"))
    offered = links.comparison_options({"view": view, "change": change})
    options = {name: option for name, option in COMPARISONS.items() if name in offered}
    kind = one_of_many("Compare with", "compare", options)
    if kind == "network":
        other_network()
    return kind


def network() -> NetworkChoice:
    """Show the choice of a network, and the upload of one; return the chosen one."""
    choice = choose_network()
    dropped_networks.show()
    return choice


def choose_network() -> NetworkChoice:
    """Show the choice of a network; return the chosen one.

    The trained network is labeled *ImageNet*, or with the name of the server's own weights file. If
    its weights are unavailable, the buttons show that the page uses the untrained network. With own
    networks, buttons become a list.
    """
    st.session_state[KNOWN] = {}
    compared = state.value("compare") == "network"
    shown = list(dict.fromkeys(map(str, map(state.value, NETWORK_FIELDS[: 1 + compared]))))
    if shared_instance.own_names() or not {*shown} <= {*NETWORKS}:
        choice = one_of_networks("Network", "network")
        show_properties([name for name in shown if name not in NETWORKS])
        return choice
    name = shared_instance.trained_name()
    if name == "untrained":
        return network_without_weights()
    source = "trained on 1.2 million photographs"
    if name != NETWORKS["imagenet"].label:
        name, source = shortened(name), "the weights file of this server"
    trained = replace(NETWORKS["imagenet"], label=name)
    options: dict[NetworkChoice, Option] = {**NETWORKS, "imagenet": trained}
    return one_of(
        "Network",
        "network",
        options,
        help_text=f"**{name}**: {source}. **Untrained**: random weights, to see what training "
        "changed.",
    )


def other_network() -> None:
    """Show the choice of the network to compare with, where there are more than two."""
    if shared_instance.own_names() or state.value("network") not in NETWORKS:
        one_of_networks("With", "other_network", without=str(state.value("network")))


def one_of_networks(label: str, key: str, *, without: NetworkChoice = "") -> NetworkChoice:
    """Show a list of all networks for a field; return the chosen one's name."""
    labeled = labels(NETWORKS) | {name: name for name in shared_instance.own_names()}
    if (trained := shared_instance.trained_name()) != "untrained":
        labeled["imagenet"] = trained
    chosen = str(state.value(key))
    labeled.setdefault(chosen, f"{chosen} (not here)")
    labeled.pop(without, None)
    st.selectbox(label, **state.bind_options(key, labeled))
    return chosen


def show_properties(names: Sequence[NetworkChoice]) -> None:
    """Show how VGG19 was found in own networks' files, and their preprocessing or its choice."""
    found = st.session_state[KNOWN] = {one: shared_instance.found(one) for one in names}
    for name, own in found.items():
        if own is None:
            continue
        recorded = own.preprocessing and PREPROCESSINGS[own.preprocessing].label
        note = f"Preprocessing, as recorded: {recorded}." if recorded else UNRECORDED
        st.caption(text_blocks.escape_marks(f"{name}: {own.found}. {note}"))
    if any(own and own.preprocessing is None for own in found.values()):
        one_of_many("Preprocessing", "preprocessing", PREPROCESSINGS)


def are_current(choice: NetworkChoice, weights: object) -> bool:
    """Return whether the sidebar shows the properties of a network's weights, if it shows any."""
    known = st.session_state.get(KNOWN, {})
    return choice not in known or known[choice] is weights


def network_without_weights() -> NetworkChoice:
    """Show the network buttons with *Untrained* chosen, because other weights are unavailable.

    A click on *ImageNet* tries to load its weights again.

    The network that the page's state holds, which may be the unavailable one.
    """
    st.session_state[IN_USE] = "untrained"
    st.segmented_control(
        "Network",
        list(NETWORKS),
        format_func=labels(NETWORKS).__getitem__,
        required=True,
        key=IN_USE,
        width="stretch",
        help="Could not get the **ImageNet** weights. Choose ImageNet to try again.",
        on_change=try_again,
    )
    return state.choice("network", NETWORKS)


def try_again() -> None:
    """Choose the trained network and try to load its weights again (widget callback)."""
    shared_instance.retry_weights()
    state.change({"network": "imagenet"})


def shortened(name: str) -> str:
    """Shorten a weights file's name to fit half the sidebar, and escape it for Markdown."""
    if len(name) > MAX_NAME_LETTERS:
        name = f"{name[: MAX_NAME_LETTERS - 7]}…{name[-6:]}"
    return re.sub(r"([!-/:-@[-`{-~])", r"\\\1", name)


def page(label: str, key: str, size: int, total: int) -> range:
    """Show a control for one page of a list; return the indices of the page's items."""
    pages = -(-total // size)
    if pages == 1:
        return range(total)
    heading = st.empty()
    number = st.pagination(pages, **state.bind(key))
    shown = range((number - 1) * size, min(number * size, total))
    heading.caption(f"{label} {shown.start + 1} to {shown.stop} of {total}")
    return shown
