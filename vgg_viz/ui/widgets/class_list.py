"""List of the most likely classes, and a control that chooses any class."""

from functools import partial
from typing import NamedTuple

import streamlit as st

from vgg_viz.export.number_format import signed
from vgg_viz.interpretability.class_evidence.evidence import Prediction
from vgg_viz.model.class_names import ClassNames
from vgg_viz.ui import state
from vgg_viz.ui.state import component_values, mode
from vgg_viz.ui.widgets import components


class ClassTarget(NamedTuple):
    """Class for which evidence is shown, and optionally a second class to contrast it with."""

    chosen: int  # number of the class, from 0
    against: int | None = None  # number of the second class, or None

    @property
    def classes(self) -> list[int]:
        """Numbers of the class and, if there is one, of the class to contrast it with, from 0."""
        return [self.chosen] if self.against is None else [self.chosen, self.against]


def show(
    key: str, label: str, prediction: Prediction, names: ClassNames, target: ClassTarget, count: int
) -> None:
    """Show the ``count`` most likely classes as rows with bars, and those of the target."""
    shown = list(dict.fromkeys([*prediction.most_likely(count), *target.classes]))
    header = {
        "label": label,
        "lecture": mode.in_lecture(),
        "rows": [row(prediction, names, index, target) for index in shown],
    }
    on_pick = partial(pick, key, target, names.count)
    components.mount("class_list", key, components.pack(header), on_pick)


def row(
    prediction: Prediction, names: ClassNames, index: int, target: ClassTarget
) -> dict[str, object]:
    """Return the data of one class's row, in the form in which the list's JavaScript expects it."""
    probability = float(prediction.probabilities[index])
    contrast = "rather than this" if index == target.against else ""
    return {
        "number": index,
        "name": names.name(index),
        "detail": " · ".join(filter(None, [detail(names, index), contrast])),
        "share": probability,
        "probability": percentage(probability),
        "logit": signed(float(prediction.logits[index])),
        "chosen": index == target.chosen,
        "against": index == target.against,
    }


def detail(names: ClassNames, index: int) -> str:
    """Return the WordNet id and number of a class, which stand beside its name in the list."""
    name = names.name(index)
    if mode.in_lecture() and names.names.count(name) < 2:
        return ""
    return names.label(index).removeprefix(name).strip(" ·")


def percentage(probability: float) -> str:
    """Format a probability as a percentage with one decimal, at least ``< 0.1%``.

    >>> percentage(0.9234), percentage(0.0001)
    ('92.3%', '< 0.1%')
    """
    return f"{probability:.1%}" if probability >= 0.0005 else "< 0.1%"


def pick(key: str, target: ClassTarget, count: int) -> None:
    """Choose the class whose row was clicked in the list with this key (widget callback).

    A click on the second class exchanges the two.
    """
    number = component_values.whole_number(component_values.raw_value(key), 0, count - 1)
    if number is not None:
        exchanged = {"against": target.chosen} if number == target.against else {}
        state.change({"class": number, **exchanged})


def choose(label: str, key: str, names: ClassNames, placeholder: str) -> None:
    """Show a select box of all classes for a field."""
    st.selectbox(
        label, index=None, placeholder=placeholder, **state.bind_options(key, names.labels)
    )
