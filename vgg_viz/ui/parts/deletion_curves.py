"""Deletion curves of the evidence methods: the chart, and what each curve sums up to."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.class_evidence.deletion import deletion_curves, random_ranking
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.ui.parts import charts
from vgg_viz.ui.parts.charts import LinePoint
from vgg_viz.ui.parts.predictions import Predictions
from vgg_viz.ui.widgets import export_menu, text_blocks
from vgg_viz.ui.widgets.class_list import ClassTarget

RANDOM = "Random order"
REMOVED = "ablated positions"
TEXT = (
    "All positions are ablated one after the other, in the order of each method's evidence. The "
    "faster the logit falls, the better the method ranks them "
    "([Petsiuk et al. 2018](https://arxiv.org/abs/1806.07421))."
)


def show(predictions: Predictions, target: ClassTarget) -> None:
    """Show the deletion curves of all evidence methods, and of a random order."""
    if predictions.number == 0:
        text_blocks.prose(TEXT)
    curves = curves_of(predictions, target.chosen)
    points = [
        LinePoint(count, name, logit, logit)
        for name, curve in curves.items()
        for count, logit in enumerate(curve.tolist())
    ]
    last = len(next(iter(curves.values()))) - 1
    plot = charts.line_plot(points, REMOVED, (0, last), "logit")
    st.vega_lite_chart(plot, width="stretch", key=f"deletion-{predictions.number}")
    st.caption(text_blocks.escape(predictions.caption(summary(curves))))
    title = f"Deletion curves {predictions.names.name(target.chosen)}"
    export_menu.offer_table(
        f"deletion-{predictions.number}", title, lambda: {REMOVED: range(last + 1), **curves}
    )


def curves_of(predictions: Predictions, class_index: int) -> dict[str, np.ndarray]:
    """Return by each method's name its curve of the class's logit, ``(positions + 1,)``."""
    rankings = {
        method.label: predictions.evidence(name, class_index)
        for name, method in EVIDENCE_METHODS.items()
    }
    rankings[RANDOM] = random_ranking(predictions.maps.values().shape[1:])
    curves = predictions.cached(
        ("deletion", class_index),
        lambda dense, maps: deletion_curves(dense, maps, list(rankings.values()), class_index),
    )
    return dict(zip(rankings, curves, strict=True))


def summary(curves: Mapping[str, np.ndarray]) -> str:
    """Return the mean logit along each curve in words, the lowest first."""
    means = sorted((float(curve.mean()), name) for name, curve in curves.items())
    return "Mean logit along the curve: " + ", ".join(
        f"{name} {figure(mean, 3)}" for mean, name in means
    )
