"""The guided tour's panel: the current step's text, and buttons to go on, go back and leave."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import DeletedFile

from vgg_viz import links
from vgg_viz.fields import LAYERS, PICTURES
from vgg_viz.model.networks import NetworkChoice
from vgg_viz.tours import Step, StepText, Tour, TourError, parse, text_for
from vgg_viz.ui.state import mode, tour_steps
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.key_list import shortcut
from vgg_viz.ui.widgets.text_blocks import escape
from vgg_viz.views import VIEWS

NAMES: dict[NetworkChoice | None, str] = {
    "imagenet": "the ImageNet network",
    "untrained": "the untrained network",
}


def switch() -> None:
    """Show the button that starts the built-in tour or leaves the current one."""
    if tour_steps.current_step() is None:
        st.button(
            "Tour", key="tour-start", icon=":material/tour:", on_click=tour_steps.go, args=(0,)
        )
    else:
        st.button(
            "Leave tour", key="tour-leave", icon=":material/close:", on_click=tour_steps.leave
        )


@contextmanager
def stage(view: str, tools: Callable[[], None]) -> Iterator[None]:
    """Show the panel of the tour, and the view beside or below it.

    This is a context manager, within which the view is shown. Without a tour there is no panel.
    ``tools`` is a function that shows the buttons for the entire page; in lecture mode the panel
    contains them.
    """
    current = tour_steps.current_step()
    if current is None:
        yield
        return
    tour, index, answered = current
    # The grid of one layer can be narrower: an answer beside it does not push it down.
    beside = VIEWS[view].shows_layer
    above = "tour-above-asking" if tour.steps[index].words.question else "tour-above"
    with st.container(key="tour-beside" if beside else above):
        left, right = st.columns([5, 8], gap="medium") if beside else (st.container(),) * 2
    with left, st.container(border=True, key="tour-panel"):
        panel = show_panel(tour, index, answered, tools, beside=beside)
    with right:
        yield
    # Only the view has found out which network is shown.
    panel.complete(view)


@dataclass
class Panel:
    """Panel with a tour step's text: shown before the view, and completed after it.

    Only the view finds out which network it shows, and a step's text depends on the network.
    """

    step: Step
    answered: bool
    words: DeltaGenerator
    photograph: DeltaGenerator
    # Text, whether the answer holds for the network, and answer, as last shown.
    shown: tuple[object, ...] = ()

    def show(self, label: str | None, *, settled: bool) -> None:
        """Show the step's text for a network."""
        words, holds = text_for(self.step, tour_steps.kind_of(label))
        # The answer waits until the network is known.
        answer = words.answer if self.answered and (settled or label) else ""
        if (words, holds, answer) != self.shown:
            self.shown = words, holds, answer
            with self.words.container():
                show_words(self.step, words, holds, answer, label)

    def complete(self, view: str) -> None:
        """Show the parts of the panel that need the view's result: answer and picture."""
        self.show(tour_steps.shown_network(), settled=True)
        if VIEWS[view].shows_picture:
            from vgg_viz.ui.widgets import picture_chooser

            picture = picture_chooser.current()
            self.photograph.image(
                picture.png, output_format="PNG", width="stretch", alt=picture.alt
            )


def show_panel(
    tour: Tour, index: int, answered: bool, tools: Callable[[], None], *, beside: bool
) -> Panel:
    """Show the tour's panel: a step's title, its text and its buttons."""
    step = tour.steps[index]
    parts = st.columns([14, 3, 6], gap="medium") if not beside else [st.container()]
    if beside:
        in_row = mode.in_lecture()
        parts += st.columns([2, 3]) if in_row else [st.container(), st.container()]
    with parts[0]:
        st.subheader(f"{index + 1} of {len(tour.steps)} · {escape(step.title)}")
        if tour_steps.has_diverged(step):
            show_return(step, index)
        words = st.empty()
    with parts[1]:
        photograph = st.container(key="tour-photograph").empty()
    with parts[2]:
        show_buttons(tour, index, answered)
        if mode.in_lecture():
            tools()
        else:
            show_other_tours()
    panel = Panel(step, answered, words, photograph)
    panel.show(tour_steps.shown_network(), settled=False)
    return panel


def show_words(step: Step, words: StepText, holds: bool, answer: str, label: str | None) -> None:
    """Show a tour step's text, question and answer."""
    if words is step.untrained:
        st.caption("This text describes the **untrained** network shown here.")
    elif not holds:
        st.caption(f"This text describes {NAMES[step.network]}; you see {escape(label or '')}.")
    st.markdown(words.text)
    if words.question:
        st.markdown(f":material/help: **{words.question}**")
    if answer and holds:
        st.success(answer, icon=":material/lightbulb:")
    elif answer:
        st.info(f"The answer holds only for {NAMES[step.network]}.", icon=":material/lightbulb_2:")


def show_return(step: Step, index: int) -> None:
    """Show what a tour step is about, and a button that sets the page to the step again."""
    page = links.effective_values({**tour_steps.fields_of(step), **step.page})
    view = VIEWS[str(page["view"])]
    about = [view.label]
    about += [LAYERS[str(page["layer"])].label] * view.shows_layer
    about += [PICTURES[str(page["picture"])].label] * ("picture" in step.page)
    st.caption(f"You have changed the page. This step is about **{' · '.join(about)}**.")
    st.button(
        "Return to this step",
        key="tour-again",
        icon=":material/undo:",
        on_click=tour_steps.go,
        args=(index,),
    )


def show_buttons(tour: Tour, index: int, answered: bool) -> None:
    """Show the tour's buttons "Back" and "Next", with their arrow keys."""
    asks = tour_steps.has_answer(tour.steps[index]) and not answered
    last = index + 1 == len(tour.steps)
    with st.container(horizontal=True, key="tour-buttons", gap="small"):
        st.button(
            "Back",
            key="tour-back",
            shortcut=shortcut("tour-back"),
            width="stretch",
            disabled=index == 0,
            on_click=tour_steps.back,
        )
        st.button(
            "Answer" if asks else "Finish" if last else "Next",
            key="tour-next",
            type="primary",
            shortcut=shortcut("tour-next"),
            width="stretch",
            on_click=tour_steps.forward,
        )


def show_other_tours() -> None:
    """Show a menu in which the viewer can open another tour, and the last file's error."""
    with st.popover("Another tour", width="stretch", key="tour-other", on_change="rerun") as menu:
        if not menu.open:
            return
        st.file_uploader(
            "Open a tour from a file",
            type=["toml"],
            max_upload_size=1,
            key="tour-file",
            on_change=open_file,
            help="To write a tour, see docs/tours.md in the project.",
        )
        uploads.warn("tour")
        if "tour-problem" in st.session_state:
            st.error(escape(st.session_state["tour-problem"]), icon=":material/error:")
        if tour_steps.is_own():
            go_back = tour_steps.return_to_built_in
            st.button("Back to the built-in tour", key="tour-own-again", on_click=go_back)


def open_file() -> None:
    """Start the uploaded tour, or keep the error in its file to show (widget callback)."""
    file = st.session_state.get("tour-file")
    if isinstance(file, DeletedFile):
        return  # read before the connection was lost
    st.session_state.pop("tour-problem", None)
    if file is None:
        return
    try:
        tour_steps.begin(parse(file.getvalue()))
    except TourError as error:
        st.session_state["tour-problem"] = str(error)
