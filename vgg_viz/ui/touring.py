"""The guided tour on the page: where it is, what a step sets, and how one goes on."""

import streamlit as st

from vgg_viz.links import FIELDS, Value
from vgg_viz.tours import Step, Tour, TourError, built_in, parse
from vgg_viz.ui import state

STEP, OWN_STEP, ANSWER = "tour", "own_tour", "answer"
WAY = (STEP, OWN_STEP, ANSWER)
OWN_TOUR = "opened-tour"

# What the visitor has chosen, and gets again after a step that shows another picture.
LENT = ("picture", "source", "fit", "stored")


def is_on() -> bool:
    """Whether there is a tour."""
    return place() is not None


def is_own() -> bool:
    """Whether the visitor is on a tour of their own, from a file."""
    return state.number(OWN_STEP) is not None and OWN_TOUR in st.session_state


def place() -> tuple[Tour, int, bool] | None:
    """The tour, the step (from 0) and whether its answer is shown; None outside of a tour.

    A step of a tour from a file means nothing to who does not have the file.
    """
    own = is_own()
    step = state.number(OWN_STEP if own else STEP)
    if step is None:
        return None
    tour = st.session_state[OWN_TOUR] if own else built_in()
    return tour, min(step, len(tour.steps)) - 1, state.is_on(ANSWER)


def arrive() -> None:
    """Understand an address that was taken over: what of it a step of a tour has set.

    Where it named the step and nothing else, the page is set as the step says.
    """
    now = place()
    if now is None:
        return
    tour, number, _ = now
    step = tour.steps[number]
    if set(state.named()) <= {*WAY, "lecture"}:
        state.complete(page_of(step), lent=lent_by(step))
    else:
        state.complete(
            {}, lent={key: one for key, one in lent_by(step).items() if state.value(key) == one}
        )


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
    st.session_state[OWN_TOUR] = tour
    state.change(
        {STEP: None, OWN_STEP: 1, ANSWER: False} | page_of(tour.steps[0]),
        lent=lent_by(tour.steps[0]),
    )


def forget_own() -> None:
    """Go back to the page's own tour."""
    step = built_in().steps[0]
    state.change({STEP: 1, OWN_STEP: None, ANSWER: False} | page_of(step), lent=lent_by(step))


def go(number: int, answered: bool = False) -> None:
    """Go to a step, and set the page as it says, or show the answer of the one that is there."""
    own = is_own()
    tour = st.session_state[OWN_TOUR] if own else built_in()
    way = {OWN_STEP if own else STEP: number + 1, ANSWER: answered}
    if answered:
        state.change(way)
    else:
        step = tour.steps[number]
        state.change(way | page_of(step), lent=lent_by(step))


def leave() -> None:
    """Leave the tour; the page stays as it is, with the picture that the visitor chose."""
    state.change({STEP: None, OWN_STEP: None, ANSWER: False}, lent={})


def page_of(step: Step) -> dict[str, Value]:
    """What a step sets: all but the picture, the lecture and the way through the tour itself."""
    theirs = (*LENT, *WAY, "lecture")
    return {
        key: step.page.get(key, field.default) for key, field in FIELDS.items() if key not in theirs
    }


def lent_by(step: Step) -> dict[str, Value]:
    """The picture that a step names, in place of the visitor's."""
    return {key: step.page[key] for key in LENT if key in step.page}


def as_text(words: str) -> str:
    """Words from outside as Markdown that shows them as they are."""
    from vgg_viz.ui.picture import escape

    return escape(words)
