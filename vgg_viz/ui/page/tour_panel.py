"""The guided tour on the page: the words of the step where the visitor is, and the ways on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz import links
from vgg_viz.model.networks import NetworkChoice
from vgg_viz.tours import Step, Tour, TourError, Words, parse, said
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.tour_steps import (
    OF_A_LAYER,
    OF_A_PICTURE,
    back,
    begin,
    current_step,
    forget_own,
    forward,
    go,
    has_diverged,
    is_own,
    kind_of,
    leave,
    network_shown,
    page_of,
)
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.key_list import shortcut
from vgg_viz.ui.widgets.text_blocks import escape
from vgg_viz.views import VIEWS

# Views whose grid can do with less than the page's width: the words stand beside it, so that an
# answer does not push it away.
BESIDE = OF_A_LAYER
NAMES: dict[NetworkChoice | None, str] = {
    "imagenet": "ImageNet’s network",
    "untrained": "the untrained network",
}


def switch() -> None:
    """Show the button that starts the tour, or leaves it."""
    if current_step() is None:
        st.button("Tour", key="tour-start", icon=":material/tour:", on_click=go, args=(0,))
    else:
        st.button("Leave tour", key="tour-leave", icon=":material/close:", on_click=leave)


@contextmanager
def stage(view: str, tools: Callable[[], None]) -> Iterator[None]:
    """Show the step that the visitor is at, if there is a tour, and the view below or beside it.

    ``tools`` shows what concerns the whole page, for which a lecture has no other place.
    """
    now = current_step()
    if now is None:
        yield
        return
    tour, number, answered = now
    beside = view in BESIDE
    above = "tour-above-asking" if tour.steps[number].words.question else "tour-above"
    with st.container(key="tour-beside" if beside else above):
        left, right = st.columns([5, 8], gap="medium") if beside else (st.container(),) * 2
    with left, st.container(border=True, key="tour-panel"):
        panel = show_panel(tour, number, answered, tools, beside=beside)
    with right:
        yield
    # Only the view has found out which network it is.
    panel.complete(view)


@dataclass
class Panel:
    """A step's words on the page: what can be said before its view is there, and then the rest."""

    step: Step
    answered: bool
    words: DeltaGenerator
    photograph: DeltaGenerator
    told: tuple[object, ...] = ()

    def show(self, label: str | None, *, settled: bool) -> None:
        """Show the words for the network of that label; None: not known yet, or there is none."""
        words, holds = said(self.step, kind_of(label))
        # Until it is known, the answer waits.
        answer = words.answer if self.answered and (settled or label) else ""
        told = (words, holds, answer)
        if told != self.told:
            self.told = told
            with self.words.container():
                show_words(self.step, words, holds, answer, label)

    def complete(self, view: str) -> None:
        """Show what is known once the view is there."""
        self.show(network_shown(), settled=True)
        if view in OF_A_PICTURE:
            from vgg_viz.ui.widgets import picture_chooser

            shown = picture_chooser.current()
            self.photograph.image(shown.png, output_format="PNG", width="stretch", alt=shown.alt)


def show_panel(
    tour: Tour, number: int, answered: bool, tools: Callable[[], None], *, beside: bool
) -> Panel:
    """Show a step's title and words, and the ways on from it."""
    step = tour.steps[number]
    parts = st.columns([14, 3, 6], gap="medium") if not beside else [st.container()]
    if beside:
        in_row = mode.in_lecture()
        parts += st.columns([2, 3]) if in_row else [st.container(), st.container()]
    with parts[0]:
        st.subheader(f"{number + 1} of {len(tour.steps)} · {escape(step.title)}")
        if has_diverged(step):
            show_way_back(step, number)
        words = st.empty()
    with parts[1]:
        photograph = st.container(key="tour-photograph").empty()
    with parts[2]:
        show_ways(tour, number, answered)
        if mode.in_lecture():
            tools()
        else:
            show_others()
    panel = Panel(step, answered, words, photograph)
    panel.show(network_shown(), settled=False)
    return panel


def show_words(step: Step, words: Words, holds: bool, answer: str, label: str | None) -> None:
    """Show what a step says of the network of that label."""
    if words is step.untrained:
        st.caption("The words for an **untrained** network, which is shown here.")
    elif not holds:
        st.caption(f"Said of {NAMES[step.network]}. Shown here: {escape(label or '')}.")
    st.markdown(words.text)
    if words.question:
        st.markdown(f":material/help: **{words.question}**")
    if answer and holds:
        st.success(answer, icon=":material/lightbulb:")
    elif answer:
        st.info(f"The answer holds for {NAMES[step.network]} only.", icon=":material/lightbulb_2:")


def show_way_back(step: Step, number: int) -> None:
    """Say what the words are about where the visitor has gone elsewhere, and lead back."""
    page = links.fitted({**page_of(step), **step.page})
    about = [VIEWS[str(page["view"])].label]
    about += [links.LAYERS[str(page["layer"])].label] * (page["view"] in BESIDE)
    about += [links.PICTURES[str(page["picture"])].label] * ("picture" in step.page)
    st.caption(f"You have changed the page. This step is about **{' · '.join(about)}**.")
    st.button(
        "Show that again",
        key="tour-again",
        icon=":material/undo:",
        on_click=go,
        args=(number,),
    )


def show_ways(tour: Tour, number: int, answered: bool) -> None:
    """Show the buttons onwards and back, with their arrow keys."""
    step = tour.steps[number]
    asks = bool(step.words.question) and not answered
    last = number + 1 == len(tour.steps)
    with st.container(horizontal=True, key="tour-ways", gap="small"):
        st.button(
            "Back",
            key="tour-back",
            shortcut=shortcut("tour-back"),
            width="stretch",
            disabled=number == 0,
            on_click=back,
        )
        st.button(
            "Answer" if asks else "Finish" if last else "Next",
            key="tour-next",
            type="primary",
            shortcut=shortcut("tour-next"),
            width="stretch",
            on_click=forward,
        )


def show_others() -> None:
    """Show the way to another tour."""
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
    uploads.warn("tour")
    if "tour-problem" in st.session_state:
        st.error(escape(st.session_state["tour-problem"]), icon=":material/error:")
    if is_own():
        st.button("Back to the page's own tour", key="tour-own-again", on_click=forget_own)


def open_file() -> None:
    """Start the tour that was opened, or remember what is wrong with it."""
    st.session_state.pop("tour-problem", None)
    given = st.session_state.get("tour-file")
    if given is None:
        return
    try:
        begin(parse(given.getvalue()))
    except TourError as error:
        st.session_state["tour-problem"] = str(error)
