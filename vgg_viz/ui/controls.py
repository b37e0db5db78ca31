"""The sidebar's controls. A view calls those that it uses; the others are not shown.

Every control is tied to the URL under its key, so that a link shows the same view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from vgg_viz.architecture import VGG19, Layer

NetworkChoice = Literal["imagenet", "untrained"]
Scale = Literal["own", "layer", "zero"]

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
BLOCKS = tuple(range(1, len(VGG19.blocks) + 1))
COLOUR_MAPS = {
    "gray": "Grey",
    "viridis": "Viridis",
    "magma": "Magma",
    "cividis": "Cividis",
    "gray_r": "Grey, inverted",
}
DIVERGING = "RdBu_r"
SCALES: dict[Scale, str] = {"own": "Each tile", "layer": "Layer", "zero": "Around 0"}
NETWORKS: dict[NetworkChoice, str] = {"imagenet": "ImageNet", "untrained": "Untrained"}


@dataclass(frozen=True)
class Appearance:
    """How tiles are coloured."""

    scale: Scale
    colour_map: str


def layer() -> Layer:
    """Choose one of the 16 conv layers."""
    name = st.selectbox(
        "Layer",
        list(LAYERS),
        format_func=lambda name: LAYERS[name].title,
        key="layer",
        bind="query-params",
    )
    return LAYERS[name]


def one_of(
    label: str,
    key: str,
    options: Mapping[str, str],
    *,
    help_text: str | None = None,
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> str:
    """Choose one of a few options, given with their labels; the first is the default."""
    return st.segmented_control(
        label,
        list(options),
        default=next(iter(options)),
        format_func=options.get,
        required=True,
        key=key,
        bind="query-params",
        help=help_text,
        label_visibility=label_visibility,
        width="stretch",
    )


def count(label: str, key: str, largest: int, default: int) -> int:
    """Choose a number from 1 to ``largest``; one chosen for a larger layer is cut to it."""
    if st.session_state.get(key, 1) > largest:
        st.session_state[key] = largest
    return st.slider(
        f"{label} (1 to {largest})",
        1,
        largest,
        min(default, largest),
        key=key,
        bind="query-params",
    )


def blocks() -> Sequence[int]:
    """Choose any of the five blocks."""
    return st.segmented_control(
        "Blocks",
        BLOCKS,
        selection_mode="multi",
        default=BLOCKS,
        key="blocks",
        bind="query-params",
        width="stretch",
    )


def appearance(scales: Sequence[Scale]) -> Appearance:
    """Choose the scale and the colour map."""
    words = (
        "**Each tile** from its smallest value to its largest · **Layer** one scale for all "
        "tiles of the layer, so that they can be compared"
    )
    if "zero" in scales:
        words += " · **Around 0** the same, with zero in the middle"
    options = {scale: SCALES[scale] for scale in scales}
    scale = one_of("Scale", "scale", options, help_text=words)
    if scale == "zero":
        return Appearance(scale, DIVERGING)
    colour_map = st.selectbox(
        "Colours",
        list(COLOUR_MAPS),
        format_func=COLOUR_MAPS.get,
        key="colours",
        bind="query-params",
    )
    return Appearance(scale, colour_map)


def network() -> NetworkChoice:
    """Choose which network's weights to look at."""
    return one_of(
        "Network",
        "network",
        NETWORKS,
        help_text="**ImageNet**: trained on 1.2 million photographs. **Untrained**: the same "
        "network with random numbers for filters, to see what training did.",
    )


def page(label: str, key: str, size: int, total: int) -> range:
    """Choose one page of ``total`` things, ``size`` a page; return the indices on it, from 0."""
    pages = -(-total // size)
    if pages == 1:
        return range(total)
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = pages
    heading = st.empty()
    number = st.pagination(pages, key=key, bind="query-params")
    shown = range((number - 1) * size, min(number * size, total))
    heading.caption(f"{label} {shown.start + 1} to {shown.stop} of {total}")
    return shown
