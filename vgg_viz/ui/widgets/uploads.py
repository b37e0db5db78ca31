"""Uploaded files: how many bytes a page may hold, and a warning if uploads are blocked."""

from collections.abc import Iterable

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from vgg_viz.ui import state
from vgg_viz.ui.widgets.text_blocks import escape

MEGABYTES_TOGETHER = 100  # of files that a page has uploaded and not read
NO_ROOM = b"no room"  # content of a file beyond this bound
COOKIE = "_streamlit_xsrf"  # Streamlit accepts files only with this cookie's token


def most_megabytes() -> int:
    """Return the largest size of a file: Streamlit has one limit for all uploads."""
    return int(st.get_option("server.maxUploadSize"))


def megabytes_together() -> int:
    """Return the bound of a page's files that are not read: many pictures, or one large network."""
    return max(MEGABYTES_TOGETHER, most_megabytes())


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
        state.url(),
        icon=":material/open_in_new:",
        width="stretch",
        key=f"own-tab-{key}",
    )


def show_problem(entry: str) -> None:
    """Show why the last upload failed, as this entry of the session's state says, if it did."""
    if problem := st.session_state.get(entry):
        st.error(escape(problem), icon=":material/broken_image:")


def key(name: str) -> str:
    """Return the key of an uploader, a new one after each upload, so that it shows no file."""
    return f"{name}-{st.session_state.get(f'{name}-count', 0)}"


def free(name: str, files: Iterable[UploadedFile]) -> None:
    """Drop an uploader's files, which were read: Streamlit would hold them until the page ends."""
    context = get_script_run_ctx()
    for file in files:
        if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    st.session_state[f"{name}-count"] = st.session_state.get(f"{name}-count", 0) + 1
