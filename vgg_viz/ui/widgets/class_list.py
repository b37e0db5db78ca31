"""The most likely classes on the page, and the choice of any of all 1,000."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from vgg_viz.export.number_format import signed
from vgg_viz.interpretability.class_evidence.evidence import Prediction
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import ClassNames
from vgg_viz.ui import state
from vgg_viz.ui.state import component_values, mode
from vgg_viz.ui.widgets import components

CHOSEN = "class"


def show(
    key: str, label: str, answer: Prediction, names: ClassNames, chosen: int, count: int
) -> None:
    """Show the ``count`` most likely classes as rows with bars; a click chooses one.

    Args:
        key: the component's key on the page.
        label: what a screen reader calls the table.
        answer: whose classes these are.
        names: their names.
        chosen: the number of the class, from 0, that is looked into.
        count: how many; the chosen one comes as well if it is not among them.
    """
    shown = answer.most_likely(count)
    if chosen not in shown:
        shown.append(chosen)
    header = {
        "label": label,
        "lecture": mode.in_lecture(),
        "rows": [row(answer, names, index, chosen == index) for index in shown],
    }
    components.mount("class_list", key, components.pack(header), pick(key))


def row(answer: Prediction, names: ClassNames, index: int, chosen: bool) -> dict[str, object]:
    """What the component has to know of a class."""
    share = float(answer.probabilities[index])
    name = names.name(index)
    return {
        "number": index,
        "name": name,
        "detail": detail(names, index),
        "share": share,
        "probability": percentage(share),
        "logit": signed(float(answer.logits[index])),
        "chosen": chosen,
    }


def detail(names: ClassNames, index: int) -> str:
    """What stands behind a class' name; in a lecture only where that name stands twice."""
    name = names.name(index)
    if mode.in_lecture() and names.names.count(name) < 2:
        return ""
    return names.label(index).removeprefix(name).strip(" ·")


def percentage(share: float) -> str:
    """A probability as people read it: no class has none of it."""
    return f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def pick(key: str) -> Callable[[], None]:
    """A callback: look into the class that was clicked in that component."""
    return partial(_pick, key)


def _pick(key: str) -> None:
    number = component_values.whole_number(component_values.raw_value(key), 0, VGG19.classes - 1)
    if number is not None:
        state.change({CHOSEN: number})


def choose(label: str, key: str, names: ClassNames, none: str) -> int | None:
    """Choose any class by its name, its WordNet id or its number; ``none`` stands for no choice."""
    st.selectbox(
        label,
        range(VGG19.classes),
        index=None,
        format_func=names.label,
        placeholder=none,
        **state.bind(key),
    )
    return state.number(key)
