"""The guided tour on the page: where it is, what a step sets, and how one goes on."""

import streamlit as st

from vgg_viz.links import FIELDS, MOST_STEPS, LinkError
from vgg_viz.tours import Step, Tour, TourError, built_in, parse
from vgg_viz.ui import address

STEP, ANSWER = "tour", "answer"
OWN_TOUR, OWN_PLACE = "own_tour", "own_tour_place"

# What a step leaves to the visitor unless it names it; the last three are the tour's own way.
KEPT = ("picture", "source", "fit", "lecture", STEP, ANSWER)


def is_on() -> bool:
    """Whether there is a tour."""
    return place() is not None


def is_own() -> bool:
    """Whether the visitor is on a tour of their own, from a file."""
    return OWN_PLACE in st.session_state


def place() -> tuple[Tour, int, bool] | None:
    """The tour, the step (from 0) and whether its answer is shown; None outside of a tour.

    That of the page's own tour is in the address; that of a tour from a file is not, since nobody
    else has the file.
    """
    if is_own():
        tour = st.session_state[OWN_TOUR]
        step, answered = st.session_state[OWN_PLACE]
        return tour, step, answered
    try:
        step = FIELDS[STEP].read([st.query_params[STEP]])
    except (KeyError, LinkError):
        return None
    tour = built_in()
    answered = st.query_params.get(ANSWER) == "true"
    return tour, min(step, len(tour.steps)) - 1, answered


def arrive() -> None:
    """Set the page where a link named the tour's step and nothing else."""
    alone = set(st.query_params) <= {STEP, ANSWER, "lecture"}
    now = place()
    if alone and now and not st.session_state.get("arrived"):
        tour, number, _ = now
        apply(tour.steps[number])
    st.session_state["arrived"] = True


def switch() -> None:
    """Show the button that starts the tour, or leaves it."""
    if place() is None:
        st.button("Tour", key="tour-start", icon=":material/tour:", on_click=go, args=(0,))
    else:
        st.button("Leave tour", key="tour-leave", icon=":material/close:", on_click=leave)


def show() -> None:
    """Show the step that the visitor is at, if there is a tour."""
    now = place()
    if now is None:
        return
    tour, number, answered = now
    step = tour.steps[number]
    with st.container(border=True, key="tour-panel"):
        words, ways = st.columns([4, 1], gap="medium")
        with words:
            st.subheader(f"{number + 1} of {len(tour.steps)} · {as_text(step.title)}")
            st.markdown(step.text)
            if step.question:
                st.markdown(f":material/help: **{step.question}**")
            if step.question and answered:
                st.success(step.answer, icon=":material/lightbulb:")
        with ways:
            show_ways(tour, number, answered)


def show_ways(tour: Tour, number: int, answered: bool) -> None:
    """Show the buttons onwards and back, with their arrow keys, and the way to another tour."""
    step = tour.steps[number]
    asks = bool(step.question) and not answered
    last = number + 1 == len(tour.steps)
    st.button(
        "Answer" if asks else "Finish" if last else "Next",
        key="tour-next",
        type="primary",
        shortcut="Right",
        width="stretch",
        on_click=leave if last and not asks else go,
        args=() if last and not asks else (number, True) if asks else (number + 1,),
    )
    st.button(
        "Back",
        key="tour-back",
        shortcut="Left",
        width="stretch",
        disabled=number == 0,
        on_click=go,
        args=(number - 1,),
    )
    with st.popover("Another tour", width="stretch", key="tour-other", on_change="rerun") as other:
        if other.open:
            show_opening()


def show_opening() -> None:
    """Show the upload of a tour, and what is wrong with the one that was opened."""
    st.file_uploader(
        "Open a tour from a file",
        type=["toml"],
        max_upload_size=1,
        key="tour-file",
        on_change=open_file,
        help="How to write one: docs/tours.md in the project.",
    )
    if "tour-problem" in st.session_state:
        st.error(as_text(st.session_state["tour-problem"]), icon=":material/error:")
    if is_own():
        st.button("Back to the page's own tour", key="tour-own-again", on_click=forget_own)


def open_file() -> None:
    """Start the tour that was opened, or remember what is wrong with it."""
    st.session_state.pop("tour-problem", None)
    given = st.session_state.get("tour-file")
    if given is None:
        return
    try:
        tour = parse(given.getvalue())
    except TourError as error:
        st.session_state["tour-problem"] = str(error)
        return
    leave()
    st.session_state[OWN_TOUR] = tour
    st.session_state[OWN_PLACE] = (0, False)
    apply(tour.steps[0])


def forget_own() -> None:
    """Go back to the page's own tour."""
    st.session_state.pop(OWN_PLACE, None)
    go(0)


def go(number: int, answered: bool = False) -> None:
    """Go to a step, and set the page as it says, or show the answer of the one that is there."""
    tour = st.session_state[OWN_TOUR] if is_own() else built_in()
    if is_own():
        st.session_state[OWN_PLACE] = (number, answered)
    else:
        address.put(STEP, min(number + 1, MOST_STEPS))
        address.put(ANSWER, answered)
    if not answered:
        apply(tour.steps[number])


def leave() -> None:
    """Leave the tour; the page stays as it is."""
    st.session_state.pop(OWN_PLACE, None)
    address.put(STEP, None)
    address.put(ANSWER, False)


def apply(step: Step) -> None:
    """Set the page as a step says: what it does not name has its default."""
    for key, field in FIELDS.items():
        if key in step.page or key not in KEPT:
            address.put(key, step.page.get(key, field.default))


def as_text(words: str) -> str:
    """Words from outside as Markdown that shows them as they are."""
    from vgg_viz.ui.picture import escape

    return escape(words)
