"""Change of the chosen picture, such as a rotation: its controls, and the changed picture."""

import streamlit as st

from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.experiments.changes import (
    CHANGES,
    COVER,
    FILLS,
    NONE,
    ChosenChange,
    Place,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.option import tooltip
from vgg_viz.ui import state
from vgg_viz.ui.state import component_values
from vgg_viz.ui.widgets import components, controls

POINTER = "cover-place"


def choose(picture: InputImage) -> InputImage:
    """Show the choice of a change and of its amount; return the picture with the change."""
    name = controls.one_of_many("Change the image", "change", CHANGES, help_text=tooltip(CHANGES))
    amount = CHANGES[name].amount
    if amount.label:
        st.slider(amount.label, amount.low, amount.high, **state.bind("amount"))
    if name == COVER:
        controls.one_of("Fill", "fill", FILLS, help_text=tooltip(FILLS))
    return apply(picture)


def apply(picture: InputImage, change: ChosenChange | None = None) -> InputImage:
    """Return the picture with a change, by default the chosen one."""
    change = change or chosen()
    if change.name == NONE:
        return picture
    # Imported only here, since it decodes and encodes images.
    from vgg_viz.interpretability.experiments.image_changes import changed

    return changed(picture, change)


def chosen() -> ChosenChange:
    """Return the change that the page's fields hold."""
    name, amount = state.choice("change", CHANGES), state.number("amount") or 0
    if name != COVER:
        return ChosenChange(name, amount)
    row, column = (state.number(f"cover_{axis}") or 1 for axis in ("row", "column"))
    return ChosenChange(name, amount, Place(row - 1, column - 1, state.choice("fill", FILLS)))


def show(picture: InputImage) -> None:
    """Show the picture; where a square is covered, as a component to click."""
    if state.value("change") != COVER:
        # CSS hides it where the view's inspector shows the photograph.
        st.image(picture.png, output_format="PNG", width="stretch", alt=picture.alt)
        return
    row, column = (state.number(f"cover_{axis}") for axis in ("row", "column"))
    header = {"side": VGG19.input_side, "row": row, "column": column, "alt": picture.alt}
    components.mount("pointer", POINTER, components.pack(header, picture.png), place_square)


def place_square() -> None:
    """Cover the square at the clicked pixel (widget callback)."""
    clicked = component_values.position(POINTER, VGG19.input_side, VGG19.input_side)
    if clicked:
        state.change({"cover_row": clicked[0] + 1, "cover_column": clicked[1] + 1})
