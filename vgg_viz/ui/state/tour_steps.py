"""The viewer's step of a tour, the values that it sets on the page, and moves between steps."""

import streamlit as st

from vgg_viz import links
from vgg_viz.fields import FIELDS, VISIT_FIELDS, Value
from vgg_viz.model.networks import NETWORKS
from vgg_viz.tour_list import offered
from vgg_viz.tours import Shown, Step, Tour, text_for
from vgg_viz.ui import state
from vgg_viz.ui.state import reloads
from vgg_viz.ui.state.shared_instance import label_of
from vgg_viz.views import VIEWS

STEP, NAME, OWN_STEP, ANSWER = "tour", "tour_name", "own_tour", "answer"
OWN_TOUR = "opened-tour"

# Fields that a step overrides: the viewer's own choice comes back after it.
OVERRIDABLE = ("picture", "own_from", "fit", "stored")

# Fields that a step's text depends on. Counts and colors may change without making it wrong.
ESSENTIAL = (
    *("view", "picture", "layer", "order", "examples", "compare", "other", "shown_as"),
    *("ablated", "later_layer"),
)
KINDS: dict[str, Shown] = {"ImageNet": "imagenet", "untrained": "untrained"}  # by label


def is_own() -> bool:
    """Return whether the viewer is on a tour that they opened from a file, not a named one."""
    return state.number(OWN_STEP) is not None and OWN_TOUR in st.session_state


def current_step() -> tuple[Tour, int, bool] | None:
    """Return the tour, the step's index (from 0) and whether the step's answer is shown.

    Returns None without a tour. A link to a step of a tour that the server lacks, or of one from a
    file that the viewer has not opened, is ignored.
    """
    own = is_own()
    number = state.number(OWN_STEP if own else STEP)
    if number is None:
        return None
    tour = st.session_state[OWN_TOUR] if own else offered().get(str(state.value(NAME)))
    if tour is None:
        return None
    return tour, min(number, len(tour.steps)) - 1, state.is_on(ANSWER)


def lacks_own() -> bool:
    """Return whether the link is to a step of a tour from a file that the viewer has not opened."""
    return state.number(OWN_STEP) is not None and OWN_TOUR not in st.session_state


def lacking() -> str:
    """Return the name of the tour that the link is to, if the server lacks it, else nothing."""
    name = str(state.value(NAME))
    return name if state.number(STEP) is not None and name not in offered() else ""


def sync() -> None:
    """Set the values of the tour step that a newly opened URL names.

    A URL that names only the step sets the page as the step does. A URL that also names other
    fields keeps its own values.
    """
    current = current_step()
    if current is None:
        return
    tour, index, _ = current
    step = tour.steps[index]
    overrides = overrides_of(step)
    if set(state.named_fields()) <= set(VISIT_FIELDS):
        state.complete(fields_of(step), overrides=overrides)
    else:
        kept = {key: one for key, one in overrides.items() if state.value(key) == one}
        state.complete({}, overrides=kept)


def begin(tour: Tour) -> None:
    """Start a tour that the viewer opened from a file (widget callback)."""
    st.session_state[OWN_TOUR] = tour
    reloads.keep(OWN_TOUR)
    _go_to(tour.steps[0], {STEP: None, OWN_STEP: 1})


def begin_named(name: str) -> None:
    """Start a tour that the page offers (widget callback)."""
    _go_to(offered()[name].steps[0], {STEP: 1, NAME: name, OWN_STEP: None})


def go(index: int) -> None:
    """Go to a step of the current tour (widget callback)."""
    current = current_step()
    # A click on a step of a longer tour may arrive after another tour has begun.
    if current and index < len(current[0].steps):
        _go_to(current[0].steps[index], {OWN_STEP if is_own() else STEP: index + 1})


def _go_to(step: Step, numbers: dict[str, Value]) -> None:
    changes = {ANSWER: False} | numbers | fields_of(step)
    state.change(changes, overrides=overrides_of(step))


def forward() -> None:
    """Show the answer, go to the next step, or finish the tour (widget callback).

    The answer comes first, where the current step has a question whose answer is not shown yet.
    """
    current = current_step()
    if current is None:
        return
    tour, index, answered = current
    if has_answer(tour.steps[index]) and not answered:
        state.change({ANSWER: True})
    elif index + 1 < len(tour.steps):
        go(index + 1)
    else:
        leave()


def has_answer(step: Step) -> bool:
    """Return whether a step has a question, and an answer that holds for the network shown."""
    words, holds = text_for(step, kind_of(shown_network()))
    return bool(words.question) and holds


def back() -> None:
    """Go to the previous step of the tour (widget callback)."""
    current = current_step()
    if current and current[1] > 0:
        go(current[1] - 1)


def leave() -> None:
    """Leave the tour (widget callback).

    The page keeps its values, but shows the picture that the viewer chose, not the tour's.
    """
    state.change({STEP: None, OWN_STEP: None, ANSWER: False}, overrides={})


def fields_of(step: Step) -> dict[str, Value]:
    """Return the values that a tour step sets, by field.

    Left out are the fields that the step overrides temporarily, such as the picture, the number of
    the viewer's own picture, and the fields of tour and lecture mode.
    """
    others = (*OVERRIDABLE, "own", *VISIT_FIELDS)
    return {
        key: step.page.get(key, field.default) for key, field in FIELDS.items() if key not in others
    }


def overrides_of(step: Step) -> dict[str, Value]:
    """Return the values that override the viewer's choice while a tour step is shown, by field."""
    return {key: step.page[key] for key in OVERRIDABLE if key in step.page}


def has_diverged(step: Step) -> bool:
    """Return whether the viewer has changed the page so that it no longer matches a tour step."""
    expected = links.effective_values({**fields_of(step), **step.page})
    named = [key for key in ESSENTIAL if key != "picture" or "picture" in step.page]
    return any(state.value(key) != expected[key] for key in named)


def outlined() -> tuple[int, ...]:
    """Return the numbers that the shown answer names, to outline their tiles."""
    current = current_step()
    if current is None or not current[2]:
        return ()
    tour, index, _ = current
    step = tour.steps[index]
    words, holds = text_for(step, kind_of(shown_network()))
    return words.outlined if holds and not has_diverged(step) else ()


def shown_network() -> str | None:
    """Return the label of the network that the view shows; of two compared networks, the first."""
    if not VIEWS[state.choice("view", VIEWS)].shows_network:
        return None
    compared = state.value("view") == "maps" and state.value("compare") == "network"
    choice = "imagenet" if compared else str(state.value("network"))
    return label_of(choice) or (NETWORKS[choice].label if choice == "untrained" else None)


def kind_of(label: str | None) -> Shown | None:
    """Return the kind of a network, as tours distinguish kinds, from its label; None for None."""
    if label is None:
        return None
    return KINDS.get(label, "file")
