"""The guided tour's panel: the current step's text, and buttons to go on, go back and leave."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz import links
from vgg_viz.export.plain_text import leftward
from vgg_viz.fields import LAYERS
from vgg_viz.languages import PanelWords, is_leftward, words_in
from vgg_viz.tour_list import first_in, offered
from vgg_viz.tours import Step, StepText, Tour, text_for
from vgg_viz.ui.page import tour_menu
from vgg_viz.ui.state import mode, tour_steps
from vgg_viz.ui.widgets import components, picture_chooser
from vgg_viz.ui.widgets.key_list import shortcut
from vgg_viz.ui.widgets.text_blocks import escape, with_https_links
from vgg_viz.views import VIEWS


def switch() -> None:
    """Show the button that starts a tour in the browser's language or leaves the current one."""
    current = tour_steps.current_step()
    if current is None:
        name = first_in(st.context.locale)
        st.button(
            words_in(offered()[name].language).start,
            key="tour-start",
            icon=":material/tour:",
            on_click=tour_steps.begin_named,
            args=(name,),
        )
    else:
        st.button(
            words_in(current[0].language).leave,
            key="tour-leave",
            icon=":material/close:",
            on_click=tour_steps.leave,
        )


def button_words() -> PanelWords:
    """Return the words of the buttons in the language of the current tour, or in English."""
    current = tour_steps.current_step()
    return words_in(current[0].language if current else "en")


@contextmanager
def stage(view: str, tools: Callable[[], None]) -> Iterator[None]:
    """Show the panel of the tour, and the view beside or below it.

    This is a context manager, within which the view is shown. Without a tour there is no panel.
    ``tools`` is a function that shows the buttons for the entire page; in lecture mode the panel
    contains them.
    """
    current = tour_steps.current_step()
    if current is None:
        show_missing()
        yield
        return
    tour, index, answered = current
    # The grid of one layer can be narrower: an answer beside it does not push it down.
    beside = VIEWS[view].shows_layer
    above = "tour-above-asking" if tour.steps[index].words.question else "tour-above"
    with st.container(key="tour-beside" if beside else above):
        left, right = st.columns([5, 8], gap="medium") if beside else (st.container(),) * 2
    with left, st.container(border=True, key="tour-panel"):
        panel = show_panel(tour, index, answered, tools, view)
    with right:
        yield
    # Only the view has found out which network is shown.
    panel.complete(view)


def show_missing() -> None:
    """Show that the opened link names a tour that the page does not have."""
    sentence = ""
    if tour_steps.lacks_own():
        sentence = (
            "This link is to a tour from a file that this browser does not have: start *Tour*, "
            "then open the file under *Steps*."
        )
    elif name := tour_steps.lacking():
        sentence = f"This link is to the tour **{escape(name)}**, which this server does not have."
    if sentence:
        lecture = mode.in_lecture()
        with st.container(key="missing-tour", horizontal=not lecture, vertical_alignment="center"):
            st.warning(sentence, icon=":material/tour:")
            if not lecture:
                st.button("Close", key="missing-tour-close", on_click=tour_steps.leave)


@dataclass
class Panel:
    """Panel with a tour step's text: shown before the view, and completed after it.

    Only the view finds out which network it shows, and a step's text depends on the network.
    """

    tour: Tour
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
                show_words(self.tour, self.step, words, holds, answer, label)

    def complete(self, view: str) -> None:
        """Show the parts of the panel that need the view's result: answer and picture."""
        self.show(tour_steps.shown_network(), settled=True)
        if VIEWS[view].shows_picture:
            picture = picture_chooser.current()
            self.photograph.image(
                picture.png, output_format="PNG", width="stretch", alt=picture.alt
            )


class Places(NamedTuple):
    """Places in the tour's panel."""

    words: DeltaGenerator
    photograph: DeltaGenerator
    buttons: DeltaGenerator
    tools: DeltaGenerator | None = None  # below the buttons


def beside_places(view: str) -> Places:
    """Return the places in a panel beside the view, one below the other.

    In lecture mode the photograph stands beside the tools, below the buttons: a long answer must
    not push "Next" out of the window.
    """
    words = st.container()
    if not (mode.in_lecture() and VIEWS[view].shows_picture):
        return Places(words, st.container(), st.container())
    buttons = st.container()
    photograph, tools = st.columns([2, 3])
    return Places(words, photograph, buttons, tools)


def show_panel(
    tour: Tour, index: int, answered: bool, tools: Callable[[], None], view: str
) -> Panel:
    """Show the tour's panel: a step's title, its text and its buttons."""
    step = tour.steps[index]
    beside = VIEWS[view].shows_layer
    places = beside_places(view) if beside else Places(*st.columns([14, 3, 6], gap="medium"))
    with places.words:
        show_heading(tour, index)
        if tour_steps.has_diverged(step):
            show_return(tour, index)
        words = st.empty()
    with places.photograph:
        photograph = st.container(key="tour-photograph").empty()
    with places.buttons:
        show_buttons(tour, index, answered)
    if mode.in_lecture():
        with places.tools or places.buttons:
            tools()
    panel = Panel(tour, step, answered, words, photograph)
    panel.show(tour_steps.shown_network(), settled=False)
    return panel


def show_heading(tour: Tour, index: int) -> None:
    """Show a step's chapter, number and title."""
    step, runs_left = tour.steps[index], is_leftward(tour.language)
    number = words_in(tour.language).step.format(number=index + 1, count=len(tour.steps))
    with st.container(key="tour-heading", gap=None):
        if step.chapter:
            st.caption(escape(step.chapter, runs_left=runs_left))
        st.subheader(f"{number} · {escape(step.title, runs_left=runs_left)}")
    if tour.language != "en":
        header = {"language": tour.language}
        components.mount("language", "tour-language", components.pack(header))


def show_words(
    tour: Tour, step: Step, text: StepText, holds: bool, answer: str, label: str | None
) -> None:
    """Show a tour step's text, question and answer."""
    words, runs_left = words_in(tour.language), is_leftward(tour.language)

    def shown(text: str) -> str:
        linked = with_https_links(text)
        return leftward(linked) if runs_left else linked

    network = words.networks.get(step.network or "", "")
    if text is step.untrained:
        st.caption(words.untrained)
    elif not holds:
        st.caption(words.another_network.format(network=network, shown=escape(label or "")))
    st.markdown(shown(text.text))
    if text.question:
        st.markdown(f":material/help: **{shown(text.question)}**")
    if answer and holds:
        st.success(shown(answer), icon=":material/lightbulb:")
    elif answer:
        st.info(words.no_answer.format(network=network), icon=":material/lightbulb_2:")


def show_return(tour: Tour, index: int) -> None:
    """Show what a tour step is about, and a button that sets the page to the step again."""
    step, words = tour.steps[index], words_in(tour.language)
    page = links.effective_values({**tour_steps.fields_of(step), **step.page})
    view = VIEWS[str(page["view"])]
    about = [view.label]
    about += [LAYERS[str(page["layer"])].label] * view.shows_layer
    if "picture" in step.page:
        about.append(escape(picture_chooser.title_of(str(page["picture"]))))
    st.caption(words.diverged.format(about=" · ".join(about)))
    st.button(
        words.again, key="tour-again", icon=":material/undo:", on_click=tour_steps.go, args=(index,)
    )


def show_buttons(tour: Tour, index: int, answered: bool) -> None:
    """Show the tour's buttons "Back" and "Next", with their arrow keys, and its menu."""
    asks = tour_steps.has_answer(tour.steps[index]) and not answered
    last = index + 1 == len(tour.steps)
    words = words_in(tour.language)
    with st.container(horizontal=True, key="tour-buttons", gap="small"):
        st.button(
            words.back,
            key="tour-back",
            shortcut=shortcut("tour-back"),
            width="stretch",
            disabled=index == 0,
            on_click=tour_steps.back,
        )
        st.button(
            words.answer if asks else words.finish if last else words.next,
            key="tour-next",
            type="primary",
            shortcut=shortcut("tour-next"),
            width="stretch",
            on_click=tour_steps.forward,
        )
        if not mode.in_lecture():
            tour_menu.show(tour, index)
