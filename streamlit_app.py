"""VGG Viz: look inside VGG19. Run with ``streamlit run streamlit_app.py``."""

from importlib import import_module

import streamlit as st

from vgg_viz.links import VIEWS
from vgg_viz.ui.page import errors as mishap
from vgg_viz.ui.page import footer, keys, masthead, process, style
from vgg_viz.ui.page import tour as touring

process.prepare()
# Not a picture for an icon: Streamlit would import NumPy and Pillow before the title.
st.set_page_config(page_title="VGG Viz", page_icon="🔬", layout="wide")
with mishap.told():
    view = masthead.show()
    st.set_page_config(page_title=f"{VIEWS[view]} · VGG Viz")
    style.apply()
    keys.listen()
    with touring.stage(view, masthead.tools):
        # Only the chosen view is imported: the page is there before NumPy and what builds on it.
        import_module(f"vgg_viz.ui.views.{view}").show(st.container())
    footer.show()
