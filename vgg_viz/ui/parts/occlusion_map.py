"""Occlusion map: how much a map, or a value, drops when a square of the image is covered."""

import numpy as np
import streamlit as st

from vgg_viz.fields import INPUT
from vgg_viz.interpretability.attribution.attribution_pass import (
    AttributionSpec,
    NotFiniteError,
    NotPositiveError,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.experiments.occlusion import (
    PLACES,
    SQUARE,
    Occlusion,
    occlusion,
    rank_correlation,
    square_sums,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui import state
from vgg_viz.ui.parts import heatmap
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.value_attribution import ValueAttribution
from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Selection
from vgg_viz.ui.widgets import text_blocks

NAME = "occlusion"
TEXT = (
    f"A square of {SQUARE} × {SQUARE} pixels is covered with the mean color at {PLACES} × {PLACES} "
    "places. **Red**: without it, the value is lower; **blue**: higher. Only what the square can "
    "reach is computed again ([Zeiler and Fergus 2013](https://arxiv.org/abs/1311.2901))."
)


def show(maps: LayerMaps) -> None:
    """Show the occlusion map of the chosen value or map, and its agreement with an attribution."""
    chosen = selection.current()
    if chosen is None:
        text_blocks.note("Click a map, and a position in it for a single value.")
        return
    drops = drops_of(maps, chosen)
    if not drops.any():
        text_blocks.note("Covering a square changes nothing here. Choose another map or position.")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        show_map(maps, chosen, drops)
    with right:
        text_blocks.prose(TEXT)
        show_agreement(maps, chosen, drops)


def drops_of(maps: LayerMaps, chosen: Selection) -> np.ndarray:
    """Return the drop of the chosen value, or of the map's mean, at each place, ``(14, 14)``."""
    position = chosen.position or (0, 0)
    found: Occlusion = maps.results.cached_in_slices(
        ("occlusion", *maps.key, position),
        lambda: occlusion(maps.network, maps.picture.pixels, maps.layer, position),
        long=True,
    )
    drops = found.value if chosen.position else found.mean
    return drops[:, :, chosen.channel - 1]


def show_map(maps: LayerMaps, chosen: Selection, drops: np.ndarray) -> None:
    """Show the drops as a heatmap on the photograph."""
    subject = f"map {chosen.channel}"
    if chosen.position:
        row, column = (part + 1 for part in chosen.position)
        subject += f", row {row}, column {column}"
    caption = text_blocks.caption(
        f"Drop of {subject} of {maps.layer.name} · {maps.subject} · {SQUARE} × {SQUARE} "
        "pixels covered",
        f"Occlusion · {maps.layer.title} · {subject}",
    )
    title = subject if chosen.position else f"{subject}, mean"
    heatmap.show(maps, drops, title, (NAME, chosen), caption, "Occlusion of")


def show_agreement(maps: LayerMaps, chosen: Selection, drops: np.ndarray) -> None:
    """Show the rank correlation of the occlusion map with the attribution of the same value."""
    if not chosen.position:
        text_blocks.note("Choose a position to compare with the attribution of its value.")
        return
    method = state.choice("attribution", ATTRIBUTION_METHODS)
    spec = AttributionSpec(maps.layer, chosen.channel, *chosen.position, INPUT, method)
    traced = ValueAttribution(maps, spec)
    label = ATTRIBUTION_METHODS[method].label
    try:
        result = traced.result() if traced.is_defined() else None
    except (NotFiniteError, NotPositiveError):  # not positive by rounding alone
        result = None
    if result is None:
        text_blocks.note(f"{label} is not defined for this value.")
        return
    sums = square_sums(result.by_position, result.area, VGG19.input_side)
    reached = (drops != 0) | (sums != 0)
    found = rank_correlation(drops[reached], sums[reached])
    words = "not defined" if found is None else f"**{found:.2f}**".replace("-", "−")
    st.markdown(
        f"Rank correlation with **{label}**, summed within each square: {words}. You choose the "
        "method in the tab *Attribution*. Occlusion changes many pixels at once; the gradient sees "
        "a small change alone."
    )
