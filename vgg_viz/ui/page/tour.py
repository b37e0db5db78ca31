"""The guided tour on the page: where it is, what a step sets, and how one goes on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz import links
from vgg_viz.links import FIELDS, Value
from vgg_viz.tours import Shown, Step, Tour, TourError, Words, built_in, parse, said
from vgg_viz.ui import state
from vgg_viz.ui.widgets import uploads

STEP, OWN_STEP, ANSWER = "tour", "own_tour", "answer"
WAY = (STEP, OWN_STEP, ANSWER)
OWN_TOUR = "opened-tour"

# What the visitor has chosen, and gets again after a step that shows another picture.
LENT = ("picture", "source", "fit", "stored")

# Views whose grid can do with less than the page's width: the words stand beside it, so that an
# answer does not push it away.
BESIDE = ("filters", "maps")
OF_A_PICTURE = ("maps", "blocks", "conclusion")
# What words are about; how much of it is shown, and in what colours, does not matter to them.
ABOUT = ("view", "picture", "layer", "order", "compare", "other", "shown_as")
KINDS: dict[str, Shown] = {"ImageNet": "imagenet", "untrained": "untrained"}  # by their labels
NAMES = {"imagenet": "ImageNet’s network", "untrained": "the untrained network"}


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


@contextmanager
def stage(view: str, tools: Callable[[], None]) -> Iterator[None]:
    """Show the step that the visitor is at, if there is a tour, and the view below or beside it.

    ``tools`` shows what concerns the whole page, for which a lecture has no other place.
    """
    now = place()
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
            from vgg_viz.ui.widgets import picture

            shown = picture.current()
            self.photograph.image(shown.png, output_format="PNG", width="stretch", alt=shown.alt)


def show_panel(
    tour: Tour, number: int, answered: bool, tools: Callable[[], None], *, beside: bool
) -> Panel:
    """Show a step's title and words, and the ways on from it."""
    step = tour.steps[number]
    parts = st.columns([14, 3, 6], gap="medium") if not beside else [st.container()]
    if beside:
        in_row = state.is_on("lecture")
        parts += st.columns([2, 3]) if in_row else [st.container(), st.container()]
    with parts[0]:
        st.subheader(f"{number + 1} of {len(tour.steps)} · {as_text(step.title)}")
        if strays(step):
            show_way_back(step, number)
        words = st.empty()
    with parts[1]:
        photograph = st.container(key="tour-photograph").empty()
    with parts[2]:
        show_ways(tour, number, answered)
        if state.is_on("lecture"):
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
        st.caption(f"Said of {NAMES[step.network]}. Shown here: {as_text(label or '')}.")
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
    about = [links.VIEWS[page["view"]]]
    about += [links.LAYERS[page["layer"]]] * (page["view"] in BESIDE)
    about += [links.PICTURES[page["picture"]]] * ("picture" in step.page)
    st.caption(f"You have changed the page. This step is about **{' · '.join(about)}**.")
    st.button(
        "Show that again", key="tour-again", icon=":material/undo:", on_click=go, args=(number,)
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
            shortcut="Left",
            width="stretch",
            disabled=number == 0,
            on_click=back,
        )
        st.button(
            "Answer" if asks else "Finish" if last else "Next",
            key="tour-next",
            type="primary",
            shortcut="Right",
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


def go(number: int) -> None:
    """Go to a step, and set the page as it says."""
    own = is_own()
    step = (st.session_state[OWN_TOUR] if own else built_in()).steps[number]
    way = {OWN_STEP if own else STEP: number + 1, ANSWER: False}
    state.change(way | page_of(step), lent=lent_by(step))


def forward() -> None:
    """Show the answer of the step where the visitor is now, or go to the next one, or leave."""
    now = place()
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
    now = place()
    if now and now[1] > 0:
        go(now[1] - 1)


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


# -- what the words are about


def strays(step: Step) -> bool:
    """Whether the page shows something else than what the step's words are about."""
    told = links.fitted({**page_of(step), **step.page})
    named = [key for key in ABOUT if key != "picture" or "picture" in step.page]
    return any(state.value(key) != told[key] for key in named)


def outlined() -> tuple[int, ...]:
    """The numbers that the answer names, once it is shown and as far as it holds here."""
    now = place()
    if now is None or not now[2]:
        return ()
    tour, number, _ = now
    step = tour.steps[number]
    words, holds = said(step, kind_of(network_shown()))
    return words.outlined if holds and not strays(step) else ()


def network_shown() -> str | None:
    """The label of the network that is shown, of the first where there are two; None: not known."""
    # Imported by whatever view has a network; NumPy and the rest come with it.
    loading = sys.modules.get("vgg_viz.serving.loading")
    if loading is None or state.value("view") not in (*BESIDE, *OF_A_PICTURE):
        return None
    compared = state.value("view") == "maps" and state.value("compare") == "network"
    return loading.loader("imagenet" if compared else state.value("network")).label()


def kind_of(label: str | None) -> Shown | None:
    """What a tour may say of the network with that label."""
    if label is None:
        return None
    return KINDS.get(label, "file")


def as_text(words: str) -> str:
    """Words from outside as Markdown that shows them as they are."""
    from vgg_viz.ui.widgets.picture import escape

    return escape(words)
