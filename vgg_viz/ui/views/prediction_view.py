"""Classes: what the network takes the picture for, and which places and maps say so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure, signed
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS, SIDES, Side
from vgg_viz.links import EVIDENCE, MOST_CLASSES
from vgg_viz.model.architecture import VGG19, DenseLayer, format_shape
from vgg_viz.model.class_names import ClassNames
from vgg_viz.ui import state
from vgg_viz.ui.parts import comparison
from vgg_viz.ui.parts.comparison import Compared
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.predictions import ClassTarget, Predictions
from vgg_viz.ui.state import component_values, mode, selection
from vgg_viz.ui.state.selection import Position
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

LAST = VGG19.block_ends[-1]
LARGEST_TILE = 448  # CSS pixels: twice the photograph
ABREAST = 4  # maps that count: their titles have two numbers
HALF = 560  # CSS pixels: what two pictures have beside each other

Sides = Sequence[tuple[str, Predictions]]  # with what each is called, where there are two

UNSOUND = (
    "The network's answer is no number: with these weights, values grow beyond what single "
    "precision can hold."
)

# How each method is to be read.
READING: dict[str, str] = {
    "ablation": "**Taking away** is exact: the network is run again without what all maps say at a "
    "place, and its logit is so much lower. Two places together may count for more, or less, than "
    "both alone.",
    "gradcam": "**Grad-CAM** ([Selvaraju 2017](https://arxiv.org/abs/1610.02391)) adds up the "
    "maps, each times its mean gradient. The paper keeps what is above zero; here both signs are "
    "shown.",
    "hirescam": "**HiResCAM** ([Draelos 2020](https://arxiv.org/abs/2011.08891)) adds up every "
    "value times its own gradient: all places and the biases together are the logit.",
    "layercam": "**LayerCAM** ([Jiang 2021](https://doi.org/10.1109/TIP.2021.3089943)) is the same "
    "where the gradient is positive: nothing can speak against a class.",
}


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then the answer, what speaks for a class, and the maps that count."""
    names = chosen_dense.load_names()
    with st.sidebar:
        chosen = picture_chooser.choose()
        compared = comparison.choose_what(chosen)
        count = controls.count("Number of classes", "classes", MOST_CLASSES)
        class_list.choose("Evidence for", "class", names, "the most likely class")
        class_list.choose("rather than", "against", names, "nothing else")
        methods = choose_methods()
        counting = controls.count("Maps that count", "important_maps", LAST.filters)
        side = controls.one_of("Maps that speak", "side", SIDES)
        choice = controls.network()
    st.header("What VGG19 takes the picture for")
    text_blocks.prose(
        "Three dense layers make of the last maps a number for each of 1,000 classes, the "
        "**logits**; the softmax turns them into probabilities. VGG19 **must choose** one of its "
        "1,000: there is no *none of these*. **Click a class** to see what speaks for it."
    )
    chosen_dense.show_missing_names(names)
    maps = LayerMaps(results(), load_network(choice, notice), chosen, LAST)
    answers = answered(sides_of(maps, compared, notice), names)
    if not answers:
        show_dense_layers()
        return
    if not all(one.answer().is_finite for _, one in answers):
        st.warning(UNSOUND, icon=":material/error:")
        return
    subject = subject_of(answers[0][1])
    if mode.is_explained() and len(answers) == 1:
        show_on_one_screen(answers[0][1], subject, count, methods)
    else:
        show_lists(answers, subject, count)
        show_evidence(answers, subject, methods)
    if not mode.on_tour():  # whose steps fit one screen
        show_counting(answers, subject, side, counting)
    if not mode.is_explained():
        with st.expander("How the answer is made of the last maps"):
            show_dense_layers()


def choose_methods() -> Sequence[str]:
    """Choose by which method evidence is looked for, or all."""
    chosen = controls.one_of_many("Evidence by", "evidence", EVIDENCE)
    return tuple(EVIDENCE_METHODS) if chosen == "all" else [chosen]


def sides_of(
    maps: LayerMaps, compared: Compared | None, notice: DeltaGenerator
) -> list[tuple[str, LayerMaps]]:
    """What is shown, with a heading where there are two: two pictures, or two networks."""
    if compared is None:
        return [("", maps)]
    both = maps, comparison.other_side(maps, compared, notice)
    comparison.tell_if_same(both, compared)
    return list(zip(comparison.headings(both), both, strict=True))


def answered(sides: Sequence[tuple[str, LayerMaps]], names: ClassNames) -> Sides:
    """The answers of those sides whose dense layers are to be had: none without the first one's.

    The page says what is missing.
    """
    answers: list[tuple[str, Predictions]] = []
    for heading, maps in sides:
        dense = chosen_dense.load_dense(maps.network.weights)
        if dense:
            answers.append((heading, Predictions(maps, dense, names)))
        elif not answers:
            break
    return answers


def subject_of(answers: Predictions) -> ClassTarget:
    """The class that is looked into, the most likely one if none is chosen, and its rival."""
    chosen = state.number("class")
    if chosen is None:
        (chosen,) = answers.answer().most_likely(1)
    against = state.number("against")
    return ClassTarget(chosen, against if against != chosen else None)


def abreast(answers: Sides, show_one: Callable[[str, Predictions], None]) -> None:
    """Show something of every side in a column of its own; it is given a name for its widgets."""
    columns = st.columns(len(answers), gap="large")
    for index, (column, (heading, one)) in enumerate(zip(columns, answers, strict=True)):
        with column:
            if heading:
                st.markdown(f"**{text_blocks.escape(heading)}**")
            show_one(str(index), one)


def show_on_one_screen(
    answers: Predictions, subject: ClassTarget, count: int, methods: Sequence[str]
) -> None:
    """Show the evidence beside the list: without words there is room for both."""
    # A long list must not push the picture down.
    left, right = st.columns(2, gap="large")
    with left:
        show_places("0", answers, subject, methods)
    with right:
        show_list("0", answers, subject, count)


def show_lists(answers: Sides, subject: ClassTarget, count: int) -> None:
    """Show the most likely classes; those of one picture beside it."""
    show_one = partial(show_list, subject=subject, count=count)
    if len(answers) > 1:
        abreast(answers, show_one)
        return
    picture = answers[0][1].maps.picture
    with st.container(horizontal=True, vertical_alignment="top"):
        st.image(picture.png, output_format="PNG", width="content", alt=picture.alt)
        with st.container(width="stretch"):
            show_one("0", answers[0][1])


def show_list(name: str, answers: Predictions, subject: ClassTarget, count: int) -> None:
    """Show the most likely classes of one answer."""
    label = f"What {answers.maps.network.label} takes {answers.maps.picture.title} for"
    found = answers.answer()
    class_list.show(f"classes-{name}", label, found, answers.names, subject.chosen, count)
    line = answers.caption(f"The {count} most likely of {VGG19.classes:,} classes")
    st.caption(text_blocks.escape_marks(line))


def show_evidence(answers: Sides, subject: ClassTarget, methods: Sequence[str]) -> None:
    """Show which places of the picture speak for the class, and which against it."""
    st.subheader(f"What speaks for {text_blocks.escape(answers[0][1].words(subject))}")
    text_blocks.prose(
        f"On the {format_shape(LAST.output_shape[:2])} places of {LAST.name}: **red** speaks for "
        "it, **blue** against it, gray is nothing. It is the logit that is explained, not the "
        "probability, which also moves with all other classes."
    )
    alone = len(answers) == len(methods) == len(subject.classes) == 1
    # One tile leaves room for its words beside it.
    places, reading = st.columns([3, 2], gap="large") if alone else (st.container(), st.container())
    with places:
        abreast(answers, partial(show_places, subject=subject, methods=methods))
    with reading:
        show_reading(answers, subject, methods)


def show_reading(answers: Sides, subject: ClassTarget, methods: Sequence[str]) -> None:
    """Say how the evidence is to be read, and what it adds up to."""
    if mode.is_explained():
        return
    for method in methods:
        st.markdown(READING[method])
    for heading, one in answers:
        for sentence in sentences(one, subject, methods):
            st.markdown(f"{text_blocks.escape(heading)}: {sentence}" if heading else sentence)


def sentences(answers: Predictions, subject: ClassTarget, methods: Sequence[str]) -> Iterator[str]:
    """Where nothing speaks for a class, and what adds up to its logit."""
    for index in subject.classes:
        name = text_blocks.escape(answers.names.name(index))
        for method in methods:
            if not (answers.evidence(method, index) > 0).any():
                yield f"By {EVIDENCE[method].label}, **nothing here speaks for {name}**."
        if "hirescam" in methods:
            places = float(answers.evidence("hirescam", index).sum(dtype=np.float64))
            biases = answers.gradient(index).bias_terms
            logit = float(answers.answer().logits[index])
            yield (
                f"**{name}**: places {signed(places)}, biases {signed(biases)}, together "
                f"{figure(places + biases)}; the network's logit is {figure(logit)}."
            )


def show_places(
    name: str, answers: Predictions, subject: ClassTarget, methods: Sequence[str]
) -> None:
    """Show the evidence over the photograph, its sum, and the way to its files."""
    place = grid.Placement(
        f"evidence-{name}",
        grid.ignore,
        width=HALF,
        largest_tile=LARGEST_TILE,
        follows=False,
        heads=answers.evidence_heads(methods, subject),
    )
    grid.show(answers.maps.results, answers.evidence_grid(methods, subject), place)
    exported = answers.for_export()
    export_menu.offer(
        f"evidence-{name}",
        f"Evidence for {answers.words(subject)}",
        lambda: [exported.evidence_by(method, subject) for method in methods],
        lambda: [exported.evidence_run(method, subject) for method in methods],
    )


def show_counting(answers: Sides, subject: ClassTarget, side: Side, count: int) -> None:
    """Show the maps without which the class's logit would be lowest, or highest."""
    st.subheader("Maps that count")
    text_blocks.prose(
        f"Each of the {LAST.filters} maps of {LAST.name} is taken away, and the network run again: "
        "these change the logit most. **Click one** to look into it where it is strongest, and to "
        "walk back from there, layer by layer, to the pixels."
    )
    abreast(answers, partial(show_maps, subject=subject, side=side, count=count))


def show_maps(
    name: str, answers: Predictions, subject: ClassTarget, side: Side, count: int
) -> None:
    """Show the maps that count for one answer, and the way to their files."""
    numbers = answers.counting(subject, side, count)
    if not numbers:
        st.info(f"No map speaks {side} it.", icon=":material/balance:")
        return
    key = f"counting-{name}"
    place = grid.Placement(
        key,
        partial(open_map, key, answers.peaks(numbers)),
        largest_tile=200,
        follows=False,
    )
    tiles = answers.counting_grid(subject, side, numbers, min(ABREAST, len(numbers)))
    grid.show(answers.maps.results, tiles, place)
    exported = answers.for_export()
    export_menu.offer(
        key,
        f"Maps that count for {answers.words(subject)}",
        lambda: [exported.counting_grid(subject, side, numbers)],
        lambda: [exported.maps.script_run("maps", numbers)],
    )


def open_map(key: str, peaks: Mapping[int, Position]) -> None:
    """Look into the map that was clicked, at its strongest place, in the Feature maps view."""
    number = component_values.number(key, LAST.filters)
    if number is not None and number in peaks:
        selection.choose(number, peaks[number], layer=LAST.name, view="maps")


def show_dense_layers() -> None:
    """Show how the dense layers are built, and what they need."""
    rows = [dense_row(layer) for layer in VGG19.dense_layers]
    head = (
        "| Layer | Numbers in → out | Parameters | Size | Then |\n| :-- | :-- | --: | --: | :-- |"
    )
    st.markdown(
        f"The last pool leaves {format_shape(VGG19.pools[-1].output_shape)} values, which are put "
        "in one row; each unit of a dense layer adds up all of its inputs, each times a number "
        "that was learned.\n\n" + "\n".join([head, *rows])
    )


def dense_row(layer: DenseLayer) -> str:
    """A dense layer's row in the table."""
    then = "softmax" if layer is VGG19.dense_layers[-1] else "ReLU"
    size = f"{4 * layer.parameters / 1e6:,.0f} MB"
    shape = f"{layer.inputs:,} → {layer.units:,}"
    return f"| `{layer.name}` | {shape} | {layer.parameters:,} | {size} | {then} |"
