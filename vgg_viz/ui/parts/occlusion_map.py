"""Occlusion maps: drops of a map, a value or a logit when a square of the image is covered."""

import numpy as np
import streamlit as st

from vgg_viz.fields import INPUT
from vgg_viz.interpretability.attribution.attribution_pass import (
    AttributionSpec,
    NotFiniteError,
    NotPositiveError,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence import Prediction, one_hot
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.class_evidence.pixel_gradient import pixel_attribution
from vgg_viz.interpretability.experiments.occlusion import (
    PLACES,
    SQUARE,
    Occlusion,
    class_occlusion,
    occlusion,
    rank_correlation,
    square_sums,
)
from vgg_viz.interpretability.receptive_field import Area, Interval
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui import state
from vgg_viz.ui.parts import heatmap
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.predictions import Predictions
from vgg_viz.ui.parts.value_attribution import ValueAttribution
from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Selection
from vgg_viz.ui.widgets import text_blocks
from vgg_viz.ui.widgets.class_list import ClassTarget

NAME = "occlusion"
TEXT = (
    f"A square of {SQUARE} × {SQUARE} pixels is covered with the mean color at {PLACES} × {PLACES} "
    "places. **Red**: without it, the {} is lower; **blue**: higher "
    "([Zeiler and Fergus 2013](https://arxiv.org/abs/1311.2901)). {}"
)
OF_VALUE = TEXT.format("value", "Only what the square can reach is computed again.")
OF_CLASS = TEXT.format(
    "logit",
    "The rank correlation says how each method agrees: 1 if it ranks all places alike, about 0 by "
    "chance.",
)
PIXELS = "Input × gradient of the pixels"


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
        text_blocks.prose(OF_VALUE)
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
    covered = f"{SQUARE} × {SQUARE} pixels covered"
    caption = f"Drop of {subject} of {maps.layer.name} · {maps.subject} · {covered}"
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
    st.markdown(
        f"Rank correlation with **{label}**, summed within each square: **{rounded(found)}**. You "
        "choose the method in the tab *Attribution*. Occlusion changes many pixels at once; the "
        "gradient sees a small change alone."
    )


def show_class(predictions: Predictions, target: ClassTarget) -> None:
    """Show the occlusion map of a class, and its agreement with the other methods."""
    drops = class_drops(predictions, target)
    # The halves of a comparison are narrow.
    left, right = st.columns(2, gap="large") if predictions.other is None else (st.container(),) * 2
    label = predictions.label(target)
    with left:
        caption = predictions.caption(f"Drop of the logit of {label}, {SQUARE} × {SQUARE} pixels")
        key = (f"class-occlusion-{predictions.number}", predictions.key, *target.classes)
        heatmap.show(predictions.maps, drops, label, key, caption, "Occlusion of")
    with right:
        if predictions.number == 0:
            text_blocks.prose(OF_CLASS)
        st.markdown(agreements(predictions, target, drops))


def class_drops(predictions: Predictions, target: ClassTarget) -> np.ndarray:
    """Return the drop of the target's logit, or difference of logits, at each place."""
    maps, dense = predictions.maps, predictions.dense
    drops = maps.results.cached_in_slices(
        ("class occlusion", *predictions.key),
        lambda: class_occlusion(maps.network, dense, maps.picture.pixels),
        long=True,
        dense=dense,
    )
    chosen = drops[:, :, target.chosen]
    return chosen if target.against is None else chosen - drops[:, :, target.against]


def agreements(predictions: Predictions, target: ClassTarget, drops: np.ndarray) -> str:
    """Return a Markdown table of the drops' rank correlation with each method's evidence."""
    found = {
        method.label: predictions.evidence_tiles(name, target)[-1]
        for name, method in EVIDENCE_METHODS.items()
    }
    found[PIXELS] = attribution_of(predictions, target)
    rows = [(label, rounded(rank_correlation(drops, values))) for label, values in found.items()]
    return text_blocks.table(("Method", "Rank correlation"), rows, "lr")


def attribution_of(predictions: Predictions, target: ClassTarget) -> np.ndarray:
    """Return the logit's attribution to the pixels, summed within each square, ``(14, 14)``."""
    maps, dense = predictions.maps, predictions.dense

    def weigh(prediction: Prediction) -> np.ndarray:
        weights = [one_hot(prediction, index) for index in target.classes]
        return weights[0] - sum(weights[1:])

    products = maps.results.cached_in_slices(
        ("pixel attribution", *predictions.key, *target.classes),
        lambda: pixel_attribution(maps.network, dense, maps.picture.pixels, weigh),
        dense=dense,
    )
    side = Interval(0, len(products))
    return square_sums(products, Area(side, side), len(products))


def rounded(correlation: float | None) -> str:
    """Format a rank correlation with two decimals; None means that it is not defined."""
    return "not defined" if correlation is None else f"{correlation:.2f}".replace("-", "−")
