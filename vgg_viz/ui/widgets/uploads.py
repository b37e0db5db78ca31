"""Warning if file uploads are blocked, with a link that opens the page in its own tab."""

import streamlit as st

from vgg_viz.ui import state
from vgg_viz.ui.state.page_url import page_url

COOKIE = "_streamlit_xsrf"  # Streamlit accepts files only with this cookie's token


def warn(key: str) -> None:
    """Warn if file uploads are blocked, and offer to open the page in its own tab."""
    has_browser = bool(st.context.headers.to_dict())  # not in a test
    protected = has_browser and st.get_option("server.enableXsrfProtection")
    if not protected or COOKIE in st.context.cookies:
        return
    st.warning(
        "**Uploads are blocked here**: your browser did not send the required cookie. "
        "Open the page in its own tab.",
        icon=":material/tab_close_inactive:",
    )
    st.link_button(
        "Open in a tab",
        page_url(state.link()),
        icon=":material/open_in_new:",
        width="stretch",
        key=f"own-tab-{key}",
    )
