"""Prediction view: the most likely classes, evidence for a class, and the most important maps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure, signed
from vgg_viz.fields import ALL, EVIDENCE, HALVES, MOST_CLASSES
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, SIDES
from vgg_viz.interpretability.class_evidence.own_head import OwnHead
from vgg_viz.model.architecture import VGG19, format_shape
from vgg_viz.model.class_names import ClassNames
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.model.own_networks.configuration import snake_case
from vgg_viz.model.own_networks.head import Head
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.ui import state
from vgg_viz.ui.parts import adversarial_example, comparison, deletion_curves, occlusion_map
from vgg_viz.ui.parts.comparison import ComparisonSpec
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.pairs import note_identical
from vgg_viz.ui.parts.predictions import Predictions
from vgg_viz.ui.state import mode, selection, shared_instance
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import (
    chosen_dense,
    class_list,
    controls,
    export_menu,
    grid,
    picture_chooser,
    text_blocks,
)
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.class_list import ClassTarget
from vgg_viz.views import VIEWS

(CAM_PAPER,) = VIEWS["prediction"].papers
LAST = VGG19.block_ends[-1]
LARGEST_TILE = 448  # CSS pixels: twice the image
MAPS_PER_ROW = 8  # on the whole page; half as many for each side of a comparison
HALF = 560  # CSS pixels: half the page
MOST_TIMES = 1_000_000  # largest ratio of two probabilities in words
MOST_EXPONENT = 100.0  # beyond which a ratio would overflow
Sides = Sequence[Predictions]  # of a comparison, or one
ShowOne = Callable[[Predictions, ClassTarget], None]  # shows one of the sides


INTRODUCTION = (
    "Three dense layers turn the last feature maps into 1,000 **logits**, one per class; the "
    "softmax turns the logits into probabilities. VGG19 always picks one of its 1,000 classes: it "
    "cannot answer “none of these”. **Click a class** to see the evidence for it."
)
UNTRAINED = (
    "**Untrained: these classes are chance.** Random weights give large logits, here up to ±{}, so "
    "the percentages mean nothing."
)
OVERFLOW = "With these weights, activations overflow float32, so the logits cannot be computed."


def show(notice: DeltaGenerator) -> None:
    """Show the Prediction view: controls, most likely classes, evidence and most important maps."""
    choice = str(state.value("network"))
    own = shared_instance.found(choice)
    is_own = own is not None or choice not in NETWORKS
    names = ClassNames() if is_own and own is None else chosen_dense.names_of(own)
    with st.sidebar:
        picture, compared, network = choose(names)
    about = introduction(own.head if own else None) if is_own else INTRODUCTION
    text_blocks.prose(about, "## Predicted classes")
    chosen_dense.show_missing_names(names)
    below = st.container()
    maps = LayerMaps(results(notice), load_network(network, below), picture, LAST)
    sides = predictions_of(sides_of(maps, compared, below))
    if not sides:
        if not is_own:
            show_dense_layers()
    elif not all(one.prediction().is_finite for one in sides):
        st.warning(OVERFLOW, icon=":material/error:")
    else:
        show_predictions(sides, target_of(sides[0]), chosen_methods())


def choose(names: ClassNames) -> tuple[InputImage, ComparisonSpec | None, NetworkChoice]:
    """Show the view's controls; return the chosen picture, comparison and network."""
    picture = picture_chooser.current()
    compared = comparison.choose_other(picture)
    controls.count("Number of classes", "classes", min(MOST_CLASSES, names.count))
    class_list.choose("Evidence for", "class", names, "the most likely class")
    class_list.choose("Rather than", "against", names, "no other class")
    controls.one_of_many("Evidence method", "evidence", EVIDENCE)
    controls.count("Most important maps", "important_maps", LAST.filters)
    controls.one_of("Maps with evidence", "side", SIDES)
    return picture, compared, controls.network()


def chosen_methods() -> Sequence[str]:
    """Return the names of the chosen evidence method, or of all."""
    chosen = state.choice("evidence", EVIDENCE)
    return tuple(EVIDENCE_METHODS) if chosen == ALL else [chosen]


def show_predictions(sides: Sides, target: ClassTarget, methods: Sequence[str]) -> None:
    """Show the most likely classes, the evidence for a class, and the most important maps.

    In lecture mode and on a tour, the evidence is on the first screen, and a tour leaves out the
    maps.
    """
    is_single = len(methods) == len(target.classes) == 1
    count = min(state.number("classes") or 1, sides[0].names.count)
    if len(sides) == 1 and (is_single or mode.on_tour()):
        # The evidence comes first, so that a long list cannot push it down.
        left, right = st.columns(2, gap="large")
        with left:
            show_heatmaps(sides[0], target, methods)
        with right:
            show_list(sides[0], target, count)
            show_reading(sides, target, methods)
    else:
        parts: list[ShowOne] = [
            partial(show_list, count=count),
            partial(show_heatmaps, methods=methods),
        ]
        above, below = reversed(parts) if mode.in_lecture() else parts
        in_columns(sides, target, above)
        show_reading(sides, target, methods)
        in_columns(sides, target, below)
    if not mode.is_explained():
        if st.toggle("Deletion curves: which method to trust", **state.bind("deletion")):
            in_columns(sides, target, deletion_curves.show)
        if st.toggle("Occlusion map: cover parts of the image", **state.bind("occlusion")):
            in_columns(sides, target, occlusion_map.show_class)
        if epsilon := adversarial_example.choose(sides[0].names):
            in_columns(sides, target, partial(adversarial_example.show, epsilon=epsilon))
    if not mode.on_tour():  # its steps fit on one screen
        show_important_maps(sides, target)
    if not mode.is_explained():
        with st.expander("How the dense layers compute the logits"):
            first = sides[0].dense
            if isinstance(first, OwnHead):
                show_own_head(first.head)
            else:
                show_dense_layers()


def sides_of(
    maps: LayerMaps, compared: ComparisonSpec | None, notice: DeltaGenerator
) -> list[tuple[str, LayerMaps]]:
    """Return the feature maps for each side of a comparison, with the side's heading."""
    if compared is None:
        return [("", maps)]
    both = maps, comparison.other_side(maps, compared, notice)
    if maps.key == both[1].key:
        note_identical(compared.kind)
    return list(zip(comparison.headings(both), both, strict=True))


def predictions_of(sides: Sequence[tuple[str, LayerMaps]]) -> list[Predictions]:
    """Return the predictions of those sides of a comparison whose dense layers are available.

    The page says which dense layers are missing. If those of the first side are missing, returns
    none.
    """
    halves: list[Predictions] = []
    for heading, maps in sides:
        dense = chosen_dense.load_dense(maps.network.weights)
        if dense:
            names = chosen_dense.names_of(maps.network.weights)
            halves.append(Predictions(maps, dense, names, heading, len(halves)))
        elif not halves:
            break
    if len(halves) < 2:
        return halves
    return [replace(one, other=other) for one, other in zip(halves, halves[::-1], strict=True)]


def target_of(predictions: Predictions) -> ClassTarget:
    """Return the class whose evidence is shown, and the class to contrast it with, if any."""
    count = predictions.names.count
    chosen, against = (
        number if number is not None and number < count else None
        for number in map(state.number, ("class", "against"))
    )
    if chosen is None:
        (chosen,) = predictions.prediction().most_likely(1)
    return ClassTarget(chosen, against if against != chosen else None)


def target_in(predictions: Predictions, target: ClassTarget) -> ClassTarget:
    """Return the class to show in a half: that of the first, if both have the same classes."""
    other = predictions.other if predictions.number else None
    if not other or predictions.names == other.names:
        return target
    (most_likely,) = predictions.prediction().most_likely(1)
    return ClassTarget(most_likely)


def in_columns(sides: Sides, target: ClassTarget, show_one: ShowOne) -> None:
    """Show each side of a comparison by ``show_one`` in a column; one side without columns."""
    places = st.columns(2, gap="large") if len(sides) == 2 else [st.container()]
    for place, one in zip(places, sides, strict=True):
        with place:
            if one.heading:
                st.markdown(f"**{text_blocks.escape(one.heading)}**")
            show_one(one, target_in(one, target))


def show_list(predictions: Predictions, target: ClassTarget, count: int) -> None:
    """Show the most likely classes of one prediction, with their probabilities and logits."""
    maps, total = predictions.maps, predictions.names.count
    label = f"Most likely classes of {maps.picture.title}, predicted by {maps.network.label}"
    prediction = predictions.prediction()
    if maps.network.label == UntrainedWeights.label:
        st.markdown(UNTRAINED.format(figure(float(np.abs(prediction.logits).max()), 2)))
    class_list.show(
        f"classes-{predictions.number}", label, prediction, predictions.names, target, count
    )
    line = predictions.caption(f"Top {min(count, total)} of {total:,} classes")
    st.caption(text_blocks.escape_marks(line))


def show_reading(sides: Sides, target: ClassTarget, methods: Sequence[str]) -> None:
    """Show how to read the evidence, how each method works, and what its evidence sums to."""
    if mode.is_explained():
        return
    st.subheader(f"Evidence for {text_blocks.escape(sides[0].label(target))}")
    square = f"Each square is one of {LAST.name}'s {format_shape(LAST.output_shape[:2])} positions"
    is_softmax = sides[0].output == "softmax"
    cams = f"Grad-CAM, HiResCAM and LayerCAM are **class activation maps** ({CAM_PAPER})."
    if target.against is None:
        st.markdown(
            f"{square}: **red** is evidence for the class, **blue** against it. {cams} The "
            "evidence explains the logit, not the probability"
            + (", which depends on all other classes too." if is_softmax else ".")
        )
    else:
        first, second = map(text_blocks.escape, map(sides[0].names.name, target.classes))
        share = "The difference of two logits alone decides how much more probable one class is."
        st.markdown(
            f"{square}: **red** is evidence for a class, **blue** against it; in the difference, "
            f"red is evidence for {first} rather than {second}, blue the reverse. {cams} "
            + share
            * is_softmax
        )
    for method in methods:
        st.markdown(EVIDENCE_METHODS[method].description)
    for one in sides:
        heading = f"{text_blocks.escape(one.heading)}: " if one.heading else ""
        for sentence in findings(one, target_in(one, target), methods):
            st.markdown(f"{heading}{sentence}")


def findings(
    predictions: Predictions, target: ClassTarget, methods: Sequence[str]
) -> Iterator[str]:
    """Yield sentences on methods that find no evidence, and on HiResCAM's sum against the logit."""
    dense = predictions.dense
    is_linear = not isinstance(dense, OwnHead) or dense.head.is_piecewise_linear
    for index in target.classes:
        name = text_blocks.escape(predictions.names.name(index))
        for method in methods:
            if not (predictions.evidence(method, index) > 0).any():
                yield f"{EVIDENCE[method].label} finds **no evidence for {name}**."
        if "hirescam" in methods and is_linear:
            positions = float(predictions.evidence("hirescam", index).sum(dtype=np.float64))
            biases = predictions.gradient(index).bias_terms
            logit = float(predictions.prediction().logits[index])
            yield (
                f"**{name}**: positions {signed(positions)}, bias terms {signed(biases)}, "
                f"together {figure(positions + biases)}; the network's logit is {figure(logit)}."
            )
    if target.against is not None:
        yield difference_words(predictions, target)


def difference_words(predictions: Predictions, target: ClassTarget) -> str:
    """Return the difference of two classes' logits in words, and how much more probable one is."""
    names = [text_blocks.escape(predictions.names.name(index)) for index in target.classes]
    chosen, against = (float(predictions.prediction().logits[index]) for index in target.classes)
    difference = chosen - against
    more = names if difference >= 0 else names[::-1]
    ratio = np.exp(min(abs(difference), MOST_EXPONENT))
    times = f"{figure(ratio, 2)} times" if ratio < MOST_TIMES else f"more than {MOST_TIMES:,} times"
    numbers = f"{figure(chosen, 5)} − {figure(against, 5)} = **{signed(difference)}**"
    ratio_words = f", so {more[0]} is {times} as probable as {more[1]}"
    return (
        f"**Difference**: the logit of {names[0]} minus that of {names[1]} is {numbers}"
        f"{ratio_words * (predictions.output == 'softmax')}."
    )


def show_heatmaps(predictions: Predictions, target: ClassTarget, methods: Sequence[str]) -> None:
    """Show the evidence of one prediction as heatmap overlays, and their export menu."""
    key = f"evidence-{predictions.number}"
    place = grid.Placement(
        key,
        width=HALF,
        largest_tile=LARGEST_TILE,
        heads=predictions.column_headings(methods, target),
    )
    grid.show(predictions.maps.results, predictions.evidence_grid(methods, target), place)
    export_menu.offer(
        key,
        f"Evidence for {predictions.label(target)}",
        lambda: [predictions.evidence_grid([method], target) for method in methods],
        lambda: [predictions.evidence_run(method, target) for method in methods],
        classes=predictions.names,
    )


def show_important_maps(sides: Sides, target: ClassTarget) -> None:
    """Show the maps whose ablation lowers, or raises, the class's logit most, for each side."""
    text_blocks.prose(
        f"Each of the {LAST.filters} maps of {LAST.name} was ablated by itself; these change the "
        f"{'logit' if target.against is None else 'difference of the two logits'} most. **Click a "
        "map** to inspect its largest value, and to trace that back to the pixels, layer by layer.",
        "### Most important maps",
    )
    in_columns(sides, target, show_maps)


def show_maps(predictions: Predictions, target: ClassTarget) -> None:
    """Show the maps that change the class's logit most when ablated, and their export menu."""
    side, count = state.choice("side", SIDES), state.number("important_maps") or 1
    label = predictions.label(target)
    numbers = predictions.important_maps(target, side, count)
    if not numbers:
        st.info(
            f"No map is evidence {side} {text_blocks.escape(label)}.", icon=":material/balance:"
        )
        return
    key, half = f"important-maps-{predictions.number}", list(HALVES)[predictions.number]
    place = grid.Placement(
        key,
        partial(selection.open_map, LAST, peaks=predictions.peaks(numbers), half=half),
        largest_tile=140,
        smallest_tile=72,
        wraps=True,
    )
    columns = min(MAPS_PER_ROW // (2 if predictions.other else 1), len(numbers))
    tiles = predictions.important_maps_grid(target, side, numbers, columns)
    grid.show(predictions.maps.results, tiles, place)
    export_menu.offer(
        key,
        f"Most important maps for {label}",
        lambda: [predictions.important_maps_grid(target, side, numbers)],
        lambda: [predictions.maps.script_run("maps", numbers)],
        classes=predictions.names,
    )


def introduction(head: Head | None) -> str:
    """Return what an own network's head computes, for the view's beginning."""
    if head is None or head.obstacle:
        return "This network's own head turns the last feature maps into classes."
    output = {
        "softmax": f"the softmax turns the logits into probabilities. It always picks one of its "
        f"{head.classes:,} classes",
        "sigmoid": "the sigmoid turns each logit into a probability of its own: several classes "
        "may apply, or none (*multi-label*)",
    }
    if head.classes == 1:
        return (
            "This network's own head turns the last feature maps into one **logit**; the "
            f"{head.output} turns it into the probability of one class."
        )
    return (
        f"This network's own head turns the last feature maps into {head.classes:,} **logits**, "
        f"one per class; {output[head.output]}. **Click a class** to see the evidence for it."
    )


def show_own_head(head: Head) -> None:
    """Show a table of an own head's layers: parameters and activation functions."""
    rows = []
    for layer in head.layers:
        name = text_blocks.escape(layer.name)
        kind = snake_case(layer.kind).removesuffix("2d").replace("_", " ")
        parameters = sum(prod(array.shape) for array in layer.arrays)
        rows.append([name, kind, f"{parameters:,}", layer.activation])
    st.markdown(text_blocks.table(["Layer", "Kind", "Parameters", "Activation"], rows, "llrl"))
    st.caption(f"The last layer's logits then pass the {head.output}.")


def show_dense_layers() -> None:
    """Show a table of the dense layers: units, parameters, sizes and activation functions."""
    rows = []
    for layer in VGG19.dense_layers:
        activation = "softmax" if layer is VGG19.dense_layers[-1] else "ReLU"
        shape, size = f"{layer.inputs:,} → {layer.units:,}", f"{4 * layer.parameters / 1e6:,.0f} MB"
        rows.append([f"`{layer.name}`", shape, f"{layer.parameters:,}", size, activation])
    header = ["Layer", "Inputs → units", "Parameters", "Size", "Activation"]
    st.markdown(
        f"The last pooling layer outputs {format_shape(VGG19.pools[-1].output_shape)} values, "
        "which are flattened. Each unit of a dense layer computes a weighted sum of all inputs, "
        f"plus a bias.\n\n{text_blocks.table(header, rows, 'llrrl')}"
    )
