"""Notices about weights: of ImageNet's, which are missing, and of a host's file that was not used.

Each is one line, which unfolds. Of a lecture's notice, there is no more than the line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.fields import Value
from vgg_viz.model.networks import NETWORKS
from vgg_viz.model.weights import IMAGENET_LABEL, NOTOP
from vgg_viz.samples import IMAGENET_PICTURES
from vgg_viz.ui import state
from vgg_viz.ui.state import mode, shared_instance
from vgg_viz.ui.widgets.text_blocks import escape

# A value at the cat's right eye, chosen in the middle of the network.
_VALUE: Mapping[str, Value] = {
    **{"view": "maps", "layer": "block3_conv4", "compare": "none"},
    **{"channel": 8, "row": 28, "column": 40},
}
# Views that teach the same without training, and the fields that open each.
SAME_UNTRAINED: Mapping[str, Mapping[str, Value]] = {
    "Architecture": {"view": "architecture"},
    "Receptive fields": {**_VALUE, "layer": "block4_conv4", "row": 14, "column": 20},
    "Decomposition of a value": {**_VALUE, "tab": "decomposition"},
    "Attribution sums": {**_VALUE, "tab": "attribution", "back_to": "input"},
    "Experiments": {**_VALUE, "tab": "experiments", "experiment": "occlusion"},
}


def show_unavailable(
    notice: DeltaGenerator, attempts: Sequence[str], retry: Callable[[], None]
) -> None:
    """Show that ImageNet's weights are missing, and unfolded, what to do without them."""
    with one_line(notice, "weights-notice", "cloud_off", headline()) as is_open:
        if not is_open:
            return
        st.markdown(
            "Nothing was learned here: all filters are random. These views teach the same without "
            "training:"
        )
        with st.container(horizontal=True, key="links-untrained"):
            for label, fields in SAME_UNTRAINED.items():
                st.button(label, type="tertiary", on_click=leave_for, args=(fields,))
        st.markdown("**With ImageNet's weights**, the page shows such filters and maps:")
        columns = st.columns(len(IMAGENET_PICTURES))
        for column, one in zip(columns, IMAGENET_PICTURES, strict=True):
            caption = f"ImageNet · {one.layer} · {one.caption}"
            column.image(str(one.path), caption, width="stretch", alt=caption)
        show_remedy(attempts, retry)


def leave_for(fields: Mapping[str, Value]) -> None:
    """Fold the notice and set fields of the page (widget callback)."""
    st.session_state["weights-notice-open"] = False
    state.change(fields)


def headline() -> str:
    """Return a sentence that says which network the page shows without ImageNet's weights."""
    missing, untrained = "**Could not get the ImageNet weights.**", "an **untrained** VGG19"
    chosen = str(state.value("network"))
    if chosen not in NETWORKS:
        shown = f"**{escape(chosen)}**"
        # Filters measures an own network's distance from ImageNet's, and from no other.
        alone = state.value("view") == "filters"
        return f"{missing} The page shows {shown}{' alone' if alone else f' beside {untrained}'}."
    others = " *Network* in the sidebar lists others." if shared_instance.own_names() else ""
    return f"{missing} The page shows {untrained} instead.{others}"


def show_remedy(attempts: Sequence[str], retry: Callable[[], None]) -> None:
    """Show how to get the weights: a command, a link, and a button that tries again."""
    address = NOTOP.url
    st.markdown(
        f"**To get the weights** ({NOTOP.size / 1e6:,.0f} MB), run this command on the computer "
        f"that runs the page, then press *Retry*. Or [download the file]({address}) and put it "
        "into the same folder."
    )
    st.code(NOTOP.command(), language="sh", wrap_lines=True)
    with st.container(horizontal=True):
        st.button("Retry", icon=":material/refresh:", key="retry", on_click=retry)
        with st.popover("What was tried", type="tertiary"):
            show_attempts(attempts)


def show_skipped(notice: DeltaGenerator, sentences: Sequence[str]) -> None:
    """Show one line saying that the host's weights file was not used, which unfolds to why."""
    if not sentences:
        return
    with one_line(
        notice,
        "skipped-notice",
        "rule",
        "**Could not use this server's weights file.** The page shows the "
        f"**{IMAGENET_LABEL}** weights instead.",
    ) as is_open:
        if is_open:
            show_attempts(sentences)


@contextmanager
def one_line(notice: DeltaGenerator, key: str, icon: str, sentence: str) -> Iterator[bool]:
    """Show a sentence in one line; yield whether it is unfolded, which a lecture's never is."""
    with notice.container(key=key):
        if mode.in_lecture():
            st.markdown(f":material/{icon}: {sentence}")
            yield False
            return
        # Only what is unfolded is sent.
        unfolded = st.expander(
            sentence, icon=f":material/{icon}:", key=f"{key}-open", on_change="rerun"
        )
        with unfolded:
            yield bool(unfolded.open)


def show_attempts(attempts: Sequence[str]) -> None:
    """Show the error of each failed attempt to get the weights."""
    for attempt in attempts:
        # As plain text: addresses and paths may contain Markdown characters.
        st.text(attempt)
