"""Style sheets of the page, for appearance that no option of Streamlit's theme sets."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from vgg_viz.languages import is_leftward
from vgg_viz.ui.state import mode, tour_steps
from vgg_viz.ui.widgets import picture_chooser

FOLDER = Path(__file__).parent / "styles"


class Markup(NamedTuple):
    """HTML that Streamlit takes as it is: of a text, it would remove the indentation, for 1 ms."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


def apply() -> None:
    """Add the style sheets that the page needs in its mode (lecture, tour) and theme."""
    tour = tour_steps.current_step()
    names = {
        "page": True,
        "maps_and_inspector": True,
        "forced_colors": True,
        "dark_on_paper": st.context.theme.type == "dark",
        "tour": tour is not None,
        "leftward_tour": tour is not None and is_leftward(tour[0].language),
        "lecture": mode.in_lecture(),
        "lecture_controls": mode.controls_are_open(),
        "print": True,
    }
    sheets = "\n".join(sheet(name) for name, needed in names.items() if needed)
    sheets += picture_chooser.thumbnail_styles()
    st.html(Markup(f"<style>{sheets}</style>"))


@lru_cache(maxsize=9)
def sheet(name: str) -> str:
    """Return the text of a style sheet, given its name without ``.css``."""
    return (FOLDER / f"{name}.css").read_text(encoding="utf-8")
