"""VGG Viz: look inside VGG19. Run with ``streamlit run streamlit_app.py``."""

import streamlit as st

from vgg_viz.ui.page import errors, footer, header, keys, process, style, view_area
from vgg_viz.ui.widgets import picture_chooser

process.prepare()
with errors.error_boundary():
    header.sync()
    view = header.chosen_view()
    # An emoji: for an image icon, Streamlit would import NumPy and Pillow before the title.
    st.set_page_config(page_title=f"{view.label} · VGG Viz", page_icon="🔬", layout="wide")
    view_area.begin()
    style.apply()
    header.show()
    keys.listen()
    # Every view has the same places, so that the fragment's never differ from the last view's.
    above, middle = picture_chooser.place_above(), st.container()
    with st.sidebar.container():
        picture_chooser.show(view, above)
    footer.show()
    # Last, so that a click in the view may end a run that still computes.
    with middle:
        view_area.show()
