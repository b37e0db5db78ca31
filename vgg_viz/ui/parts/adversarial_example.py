"""Adversarial example: its controls, the changed image, both answers and the distance by layer."""

from dataclasses import replace

import numpy as np
import streamlit as st

from vgg_viz.fields import EPSILONS
from vgg_viz.interpretability.experiments.adversarial import (
    STEPS,
    adversarial_example,
    magnification,
    magnified,
)
from vgg_viz.interpretability.experiments.image_changes import with_pixels
from vgg_viz.model.class_names import ClassNames
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.ui import state
from vgg_viz.ui.parts import map_distances
from vgg_viz.ui.parts.predictions import Predictions
from vgg_viz.ui.widgets import class_list, controls, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.class_list import ClassTarget
from vgg_viz.ui.widgets.color_grid import ColorGrid

LABEL = "Adversarial example: gray levels by which each pixel may change"
TEXT = (
    f"{STEPS} steps of *projected gradient descent* change all pixels by the sign of the gradient, "
    "so that the network predicts another class "
    "([Madry et al. 2018](https://arxiv.org/abs/1706.06083)). A few gray levels are hard to see, "
    "but the trained network's maps differ more and more with depth."
)
UNTRAINED = "Not offered for the untrained network, whose classes mean nothing."
TILE = 300  # CSS pixels


def choose(names: ClassNames) -> int:
    """Show the controls; return by how many gray levels a pixel may change, 0 if they are off."""
    left, right = st.columns(2, gap="large")
    with left:
        chosen = controls.one_of(LABEL, "adversarial", EPSILONS)
    if chosen == "off":
        return 0
    with right:
        class_list.choose("Toward", "toward", names, "the second most likely class")
    text_blocks.prose(TEXT)
    return int(chosen)


def show(predictions: Predictions, _: ClassTarget, *, epsilon: int) -> None:
    """Show the adversarial example of an image, both answers and the distance by layer."""
    if predictions.maps.network.label == UntrainedWeights.label:
        text_blocks.note(UNTRAINED)
        return
    target = target_of(predictions)
    changed = example(predictions, target, epsilon)
    # The halves of a comparison are narrow.
    left, right = st.columns(2, gap="large") if predictions.other is None else (st.container(),) * 2
    with left:
        show_images(predictions, changed, epsilon)
    with right:
        st.markdown(answers(predictions, changed, target))
        show_distances(predictions, changed)


def target_of(predictions: Predictions) -> int:
    """Return the number of the chosen class, or of the second most likely one."""
    chosen = state.number("toward")
    if chosen is not None and chosen < predictions.names.count:
        return chosen
    return predictions.prediction().most_likely(2)[-1]


def example(predictions: Predictions, target: int, epsilon: int) -> Predictions:
    """Return the prediction for the adversarial example, computed on first use and then cached."""
    maps, dense = predictions.maps, predictions.dense
    pixels = maps.results.cached_in_slices(
        ("adversarial", *predictions.key, target, epsilon),
        lambda: adversarial_example(maps.network, dense, maps.picture.pixels, target, epsilon),
        long=True,
        dense=dense,
    )
    levels = f"{epsilon} gray level{'s' * (epsilon > 1)}"
    phrase = f"changed by up to {levels} toward {predictions.names.name(target)}"
    picture = with_pixels(maps.picture, pixels, phrase)
    return replace(predictions, maps=replace(maps, picture=picture), other=None)


def show_images(predictions: Predictions, changed: Predictions, epsilon: int) -> None:
    """Show the changed image beside the magnified change, and what exports them."""
    tiles = image_grid(predictions, changed, epsilon)
    key = f"adversarial-{predictions.number}"
    place = grid.Placement(key, largest_tile=TILE)
    grid.show(predictions.maps.results, tiles, place)
    picture = changed.maps.picture
    with st.container(horizontal=True):
        export_menu.offer_file(key, picture.title, "png", lambda: picture.png)
        export_menu.offer(key, picture.title, lambda: [tiles], classes=predictions.names)


def show_distances(predictions: Predictions, changed: Predictions) -> None:
    """Show how far the changed image's maps are from the original's, layer by layer."""
    found = map_distances.distances(changed.maps, predictions.maps)
    st.markdown("**Distance by layer** from the original image")
    number, plot = predictions.number, map_distances.plot(found)
    st.vega_lite_chart(plot, width="stretch", key=f"adversarial-distances-{number}")
    map_distances.offer_table(f"adversarial-{number}", changed.maps.picture.title, found)


def image_grid(predictions: Predictions, changed: Predictions, epsilon: int) -> ColorGrid:
    """Return a grid of the changed image and its magnified difference from the original."""
    before, after = (one.maps.picture for one in (predictions, changed))
    factor = round(magnification(epsilon))
    titles = ["changed image", f"change × {factor} (gray: none)"]
    return ColorGrid(
        lambda: np.stack([after.pixels, magnified(before.pixels, after.pixels, epsilon)]),
        titles,
        (1, 2),
        ("adversarial", after.digest, before.digest, epsilon),
        f"{predictions.maps.network.label} · {after.caption}",
        name="adversarial",
        columns=2,
        axes={"tile": (1, 2)},
        tooltips=[[title] for title in titles],
    )


def answers(predictions: Predictions, changed: Predictions, target: int) -> str:
    """Return a Markdown table of the probabilities before and after the change."""
    both = [one.prediction() for one in (predictions, changed)]
    (first,), (last,) = (one.most_likely(1) for one in both)
    rows = []
    for index in dict.fromkeys((first, target, last)):
        cells = [text_blocks.escape(predictions.names.name(index))]
        for one, best in zip(both, (first, last), strict=True):
            share = class_list.percentage(float(one.probabilities[index]))
            cells.append(f"**{share}**" if index == best else share)
        rows.append(cells)
    return text_blocks.table(["Class", "Original", "Changed"], rows, "lrr")
