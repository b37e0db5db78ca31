"""Occlusion map of a class, and how it agrees with attribution and with the evidence methods."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from vgg_viz.interpretability.class_evidence.evidence import Prediction, one_hot
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.class_evidence.pixel_gradient import pixel_attribution
from vgg_viz.interpretability.experiments.occlusion import (
    PLACES,
    SQUARE,
    class_occlusion,
    rank_correlation,
    square_sums,
)
from vgg_viz.interpretability.receptive_field import Area, Interval
from vgg_viz.ui import state
from vgg_viz.ui.parts import heatmap
from vgg_viz.ui.parts.predictions import Predictions
from vgg_viz.ui.widgets import text_blocks
from vgg_viz.ui.widgets.class_list import ClassTarget

PIXELS = "Input × gradient of the pixels"
TEXT = (
    f"A square of {SQUARE} × {SQUARE} pixels is covered with the mean color at {PLACES} × {PLACES} "
    "places. **Red**: without it, the logit is lower; **blue**: higher "
    "([Zeiler and Fergus 2013](https://arxiv.org/abs/1311.2901)). The rank correlation says how "
    "each method agrees: 1 if it ranks all places alike, about 0 by chance."
)


def show_switch() -> None:
    """Show the switch for the occlusion map."""
    st.toggle("Occlusion map: cover parts of the image", **state.bind("occlusion"))


def show(suffix: str, predictions: Predictions, target: ClassTarget) -> None:
    """Show the occlusion map of a class, and its agreement with the other methods."""
    drops = drops_of(predictions, target)
    # The halves of a comparison are narrow.
    left, right = st.columns(2, gap="large") if predictions.other is None else (st.container(),) * 2
    label = predictions.label(target)
    with left:
        caption = predictions.caption(f"Drop of the logit of {label}, {SQUARE} × {SQUARE} pixels")
        key = (f"class-occlusion-{suffix}", predictions.key, *target.classes)
        heatmap.show(predictions.maps, drops, label, key, caption, "Occlusion of")
    with right:
        if suffix == "0":
            text_blocks.prose(TEXT)
        st.markdown(table(agreements(predictions, target, drops)))


def drops_of(predictions: Predictions, target: ClassTarget) -> np.ndarray:
    """Return the drop of the target's logit, or difference of logits, at each place."""
    maps, dense = predictions.maps, predictions.dense
    drops = maps.results.cached_in_slices(
        ("class occlusion", *predictions.key),
        lambda: class_occlusion(maps.network, dense, maps.picture.pixels),
        long=True,
        dense=dense,
    )
    chosen: np.ndarray = drops[:, :, target.chosen]
    return chosen if target.against is None else chosen - drops[:, :, target.against]


def agreements(
    predictions: Predictions, target: ClassTarget, drops: np.ndarray
) -> dict[str, float | None]:
    """Return the rank correlation of the drops with each method's evidence, by its label."""
    found = {
        method.label: predictions.evidence_tiles(name, target)[-1]
        for name, method in EVIDENCE_METHODS.items()
    }
    found[PIXELS] = attribution_of(predictions, target)
    return {label: rank_correlation(drops, values) for label, values in found.items()}


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


def table(found: Mapping[str, float | None]) -> str:
    """Return a Markdown table of rank correlations."""
    rows = ["| Method | Rank correlation |", "| :-- | --: |"]
    for label, value in found.items():
        words = "not defined" if value is None else f"{value:.2f}".replace("-", "−")
        rows.append(f"| {label} | {words} |")
    return "\n".join(rows)
