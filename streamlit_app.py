"""VGG Viz: look inside VGG19. Run with ``streamlit run streamlit_app.py``."""

from importlib import import_module

import streamlit as st

from vgg_viz.ui.page import errors, footer, header, keys, process, style, tour_panel
from vgg_viz.views import VIEWS

process.prepare()
# An emoji: for an image icon, Streamlit would import NumPy and Pillow before the title.
st.set_page_config(page_title="VGG Viz", page_icon="🔬", layout="wide")
with errors.error_boundary():
    view = header.show()
    st.set_page_config(page_title=f"{VIEWS[view].label} · VGG Viz")
    style.apply()
    keys.listen()
    with tour_panel.stage(view, header.tools):
        # Only the chosen view is imported, so that the page appears before NumPy is loaded.
        import_module(f"vgg_viz.ui.views.{VIEWS[view].module}").show(st.container())
    footer.show()
