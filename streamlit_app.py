"""VGG Viz: look inside VGG19. Run with ``streamlit run streamlit_app.py``."""

from importlib import import_module

import streamlit as st

from vgg_viz.ui import style

# Each is a module of vgg_viz/ui/views with a function `show`. Only the chosen one is imported, so
# that the page is there before NumPy and all that builds on it.
VIEWS = {
    "architecture": "Architecture",
    "filters": "Filters",
    "maps": "Feature maps",
    "blocks": "Blocks",
    "conclusion": "Conclusion",
}

# Not a picture for an icon: Streamlit would import NumPy and Pillow before the title.
st.set_page_config(page_title="VGG Viz", page_icon="🔬", layout="wide")
st.title("VGG Viz: look inside VGG19")
view = st.segmented_control(
    "View",
    list(VIEWS),
    default="architecture",
    format_func=VIEWS.get,
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
style.apply()
import_module(f"vgg_viz.ui.views.{view}").show(st.container())
