"""VGG Viz: look inside VGG19. Run with ``streamlit run streamlit_app.py``."""

import streamlit as st

from vgg_viz.ui import style
from vgg_viz.ui.views import architecture, blocks, conclusion, feature_maps, filters

VIEWS = {
    "architecture": ("Architecture", architecture.show),
    "filters": ("Filters", filters.show),
    "maps": ("Feature maps", feature_maps.show),
    "blocks": ("Blocks", blocks.show),
    "conclusion": ("Conclusion", conclusion.show),
}

st.set_page_config(page_title="VGG Viz", page_icon="assets/icon.png", layout="wide")
style.apply()
st.title("VGG Viz: look inside VGG19")
view = st.segmented_control(
    "View",
    list(VIEWS),
    default="architecture",
    format_func=lambda name: VIEWS[name][0],
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
VIEWS[view][1](st.container())
