"""Where the visitor is on a tour, what its step sets, and what goes on, back or away from it."""

import streamlit as st

from vgg_viz import links
from vgg_viz.links import FIELDS, Value
from vgg_viz.model.networks import NETWORKS
from vgg_viz.tours import Shown, Step, Tour, built_in, said
from vgg_viz.ui import state
from vgg_viz.ui.state.shared_instance import label_of

STEP, OWN_STEP, ANSWER = "tour", "own_tour", "answer"
OWN_TOUR = "opened-tour"

# What the visitor has chosen, and gets again after a step that shows another picture.
OVERRIDABLE = ("picture", "source", "fit", "stored")

OF_A_LAYER = ("filters", "maps", "visualization")
OF_A_PICTURE = ("maps", "blocks", "prediction", "conclusion")
# What words are about; how much of it is shown, and in what colors, does not matter to them.
ABOUT = (
    *("view", "picture", "layer", "order", "examples", "compare", "other", "shown_as"),
    *("ablated", "later_layer"),
)
KINDS: dict[str, Shown] = {"ImageNet": "imagenet", "untrained": "untrained"}  # by their labels


def is_own() -> bool:
    """Whether the visitor is on a tour of their own, from a file."""
    return state.number(OWN_STEP) is not None and OWN_TOUR in st.session_state


def current_step() -> tuple[Tour, int, bool] | None:
    """The tour, the step (from 0) and whether its answer is shown; None outside of a tour.

    A step of a tour from a file means nothing to who does not have the file.
    """
    own = is_own()
    step = state.number(OWN_STEP if own else STEP)
    if step is None:
        return None
    tour = st.session_state[OWN_TOUR] if own else built_in()
    return tour, min(step, len(tour.steps)) - 1, state.is_on(ANSWER)


def sync() -> None:
    """Understand an address that was taken over: what of it a step of a tour has set.

    Where it named the step and nothing else, the page is set as the step says.
    """
    now = current_step()
    if now is None:
        return
    tour, number, _ = now
    step = tour.steps[number]
    if set(state.named_fields()) <= set(links.OF_THE_VISIT):
        state.complete(page_of(step), overrides=overrides_of(step))
    else:
        state.complete(
            {},
            overrides={
                key: one for key, one in overrides_of(step).items() if state.value(key) == one
            },
        )


def begin(tour: Tour) -> None:
    """A callback's work: start a tour from a file."""
    st.session_state[OWN_TOUR] = tour
    first = tour.steps[0]
    state.change(
        {STEP: None, OWN_STEP: 1, ANSWER: False} | page_of(first), overrides=overrides_of(first)
    )


def forget_own() -> None:
    """A callback's work: go back to the page's own tour."""
    step = built_in().steps[0]
    state.change(
        {STEP: 1, OWN_STEP: None, ANSWER: False} | page_of(step), overrides=overrides_of(step)
    )


def go(number: int) -> None:
    """A callback's work: go to a step, and set the page as it says."""
    own = is_own()
    step = (st.session_state[OWN_TOUR] if own else built_in()).steps[number]
    way: dict[str, Value] = {OWN_STEP if own else STEP: number + 1, ANSWER: False}
    state.change(way | page_of(step), overrides=overrides_of(step))


def forward() -> None:
    """Show the answer of the step where the visitor is now, or go to the next one, or leave."""
    now = current_step()
    if now is None:
        return
    tour, number, answered = now
    if tour.steps[number].words.question and not answered:
        state.change({ANSWER: True})
    elif number + 1 < len(tour.steps):
        go(number + 1)
    else:
        leave()


def back() -> None:
    """Go to the step before the one where the visitor is now."""
    now = current_step()
    if now and now[1] > 0:
        go(now[1] - 1)


def leave() -> None:
    """Leave the tour; the page stays as it is, with the picture that the visitor chose."""
    state.change({STEP: None, OWN_STEP: None, ANSWER: False}, overrides={})


def page_of(step: Step) -> dict[str, Value]:
    """What a step sets: all but the picture, the lecture and the way through the tour itself."""
    theirs = (*OVERRIDABLE, *links.OF_THE_VISIT)
    return {
        key: step.page.get(key, field.default) for key, field in FIELDS.items() if key not in theirs
    }


def overrides_of(step: Step) -> dict[str, Value]:
    """The picture that a step names, in place of the visitor's."""
    return {key: step.page[key] for key in OVERRIDABLE if key in step.page}


def has_diverged(step: Step) -> bool:
    """Whether the page shows something else than what the step's words are about."""
    told = links.fitted({**page_of(step), **step.page})
    named = [key for key in ABOUT if key != "picture" or "picture" in step.page]
    return any(state.value(key) != told[key] for key in named)


def outlined() -> tuple[int, ...]:
    """The numbers that the answer names, once it is shown and as far as it holds here."""
    now = current_step()
    if now is None or not now[2]:
        return ()
    tour, number, _ = now
    step = tour.steps[number]
    words, holds = said(step, kind_of(network_shown()))
    return words.outlined if holds and not has_diverged(step) else ()


def network_shown() -> str | None:
    """The label of the network that is shown, of the first where there are two; None: not known."""
    if state.value("view") not in (*OF_A_LAYER, *OF_A_PICTURE):
        return None
    compared = state.value("view") == "maps" and state.value("compare") == "network"
    return label_of("imagenet" if compared else state.choice("network", NETWORKS))


def kind_of(label: str | None) -> Shown | None:
    """What a tour may say of the network with that label."""
    if label is None:
        return None
    return KINDS.get(label, "file")
