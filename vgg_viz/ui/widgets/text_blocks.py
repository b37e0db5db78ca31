"""Headings, captions and explanations, shortened or left out in lecture mode and on tours."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from vgg_viz.export.plain_text import leftward, rightward
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.option import Paper
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets.key_list import shortcut

# Araujo, Norris and Sim (2019).
RECEPTIVE_FIELD_PAPER = Paper(
    "Araujo, Norris and Sim 2019", "https://distill.pub/2019/computing-receptive-fields"
)
# To the end of a link's target, or of an address as Markdown finds it in a text.
_HTTPS = r"https://[^\s<>()\[\]*~`|]+"


def caption(text: str, short: str) -> str:
    """Return a caption: ``text``, or in lecture mode ``short``, which a back row can read."""
    return short if mode.in_lecture() else text


def prose(text: str, heading: str = "") -> None:
    """Show an explanation in Markdown, which lecture mode and tours leave out, below a heading."""
    # In one element, since each costs the browser time in every run.
    shown = list(filter(None, [heading, "" if mode.is_explained() else text]))
    if shown:
        st.markdown("\n\n".join(shown))


def figures(numbers: Mapping[str, str]) -> None:
    """Show numbers in a row, each large below its label, in one element."""
    parts = "".join(
        f"<div><dt>{html.escape(label)}</dt><dd>{number}</dd></div>"
        for label, number in numbers.items()
    )
    st.html(f"<dl class='figures'>{parts}</dl>")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """Return a table in Markdown; ``align`` has "l" or "r" for each column."""
    rule = [{"l": ":--", "r": "--:"}[letter] for letter in align]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def note(text: str) -> None:
    """Show a short note in Markdown. Lecture mode leaves it out."""
    if not mode.in_lecture():
        st.caption(text)


def introduce(layer: ConvLayer, heading: str, text: str) -> None:
    """Show the heading of a view of one layer, and its explanation."""
    # On a tour, the steps choose the layer.
    if not mode.in_lecture() or mode.on_tour():
        prose(text, f"## {heading}")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="lecture-heading"):
        layer_button("previous-layer", "Previous layer", ":material/chevron_left:", layer, -1)
        st.markdown(f"## {heading}", width="content")
        layer_button("next-layer", "Next layer", ":material/chevron_right:", layer, 1)


def layer_button(key: str, label: str, icon: str, layer: ConvLayer, offset: int) -> None:
    """Show a button of lecture mode that chooses a conv layer before or after the current one."""
    st.button(
        label,
        key=key,
        icon=icon,
        type="tertiary",
        shortcut=shortcut(key),
        disabled=not 1 <= layer.conv_number + offset <= len(VGG19.conv_layers),
        on_click=change_layer,
        args=(offset,),
    )


def change_layer(offset: int) -> None:
    """Choose the conv layer ``offset`` layers after the current one, if any (widget callback)."""
    number = VGG19.conv_layer(str(state.value("layer"))).conv_number + offset
    if 1 <= number <= len(VGG19.conv_layers):
        state.change({"layer": VGG19.conv_layers[number - 1].name})


def escape(text: str, *, runs_left: bool = False) -> str:
    r"""Escape every character of a text from outside that Markdown could interpret.

    It becomes part of a line from left to right, or if ``runs_left``, from right to left.

    >>> escape("a_b.h5")
    'a\\_b\\.h5'
    >>> escape("חתול 3") == "\u200eחתול\u200e 3"  # the number stays at the right
    True
    """
    line = leftward(unlinked(text)) if runs_left else rightward(unlinked(text))
    return re.sub(r"[]\\`*_{}[<>()#+\-.!|~:$]", r"\\\g<0>", line)


def escape_marks(text: str) -> str:
    r"""Escape characters that Markdown could interpret inside a line of text, such as a caption.

    Characters that begin a list or a heading stay, as does an underscore inside a word.

    >>> escape_marks("*my* a_b")
    '\\*my\\* a_b'
    """
    marks = r"[\\`*\[\]<>$~]|(?<!\w)_|_(?!\w)|:(?=\w)"
    return re.sub(marks, r"\\\g<0>", rightward(unlinked(text)))


def with_https_links(text: str) -> str:
    """Return a Markdown text in which only addresses that begin with https:// become links.

    See `unlinked`, which the other addresses are like.

    >>> with_https_links("[a](https://doi.org) www.b.org")
    '[a](https://doi.org) www\u2060.b.org'
    """
    parts = rf"({_HTTPS})|http(?=\\?:)|www(?=\\?\.)|@"
    return re.sub(
        parts,
        lambda found: found[0] if found[1] else f"{found[0]}\u2060",
        text,
        flags=re.IGNORECASE,
    )


def unlinked(text: str) -> str:
    """Return a text in which the browser finds no web or mail address to make a link of.

    Streamlit looks for them after Markdown has removed all escapes, so an invisible word joiner
    separates their parts.

    >>> unlinked("www.example.org, a@b.org") == "www\u2060.example.org, a@\u2060b.org"
    True
    """
    return re.sub(r"https?:(?=//)|www(?=\.)|@", "\\g<0>\u2060", text, flags=re.IGNORECASE)
