"""Where a visitor's files cannot be given, and what to do then."""

import streamlit as st

from vgg_viz.ui import state

# Streamlit's own: it takes files only with the token in this cookie.
COOKIE = "_streamlit_xsrf"


def warn(key: str) -> None:
    """Say that a file cannot be given here, if it cannot, and open the way to where it can.

    ``key`` is another for every place that takes files.
    """
    if not are_refused():
        return
    st.warning(
        "**A file cannot be given here.** The browser holds back the cookie that this needs, as it "
        "does where the page stands inside another site's. In a tab of its own it works.",
        icon=":material/tab_close_inactive:",
    )
    st.link_button(
        "Open in a tab",
        f"{(st.context.url or '').split('?')[0]}?{state.link()}",
        icon=":material/open_in_new:",
        width="stretch",
        key=f"own-tab-{key}",
    )


def are_refused() -> bool:
    """Whether the server would refuse a file: the browser came without the cookie."""
    came = bool(st.context.headers.to_dict())  # not so outside of a server, as in a test
    return (
        came and st.get_option("server.enableXsrfProtection") and COOKIE not in st.context.cookies
    )
