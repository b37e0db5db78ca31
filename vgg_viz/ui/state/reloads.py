"""A viewer's uploads after a reload of their tab, which begins a new session on the server.

Call ``keep("opened-tour")`` whenever this entry of the session's state has changed. The first call
makes a random token, which the browser holds in the tab's session storage: neither another viewer
nor a link has it. After a reload, the browser sends the token, and `restore` puts the kept entries
into the new session (`vgg_viz.serving.kept_uploads` says for how long).
"""

import secrets

import streamlit as st

from vgg_viz.ui.state import component_values
from vgg_viz.ui.state.shared_instance import shared

COMPONENT, TOKEN, ANSWERED = "tab-token", "uploads-token", "tab-answered"
TOKEN_BYTES = 16


def keep(entry: str) -> None:
    """Keep an entry of the session's state, as it is now or removed, for a reload of the tab."""
    if TOKEN not in st.session_state:
        st.session_state[TOKEN] = secrets.token_urlsafe(TOKEN_BYTES)
    shared().kept_uploads.keep(token(), entry, st.session_state.get(entry))


def token() -> str:
    """Return the token for the viewer's uploads; an empty text if nothing was kept."""
    return str(st.session_state.get(TOKEN, ""))


def has_answered() -> bool:
    """Return whether the browser has sent a token to this session."""
    return ANSWERED in st.session_state


def touch() -> None:
    """Note that the viewer is there, so that their uploads are kept from now on."""
    if token():
        shared().kept_uploads.find(token())


def restore() -> None:
    """Take over uploads by the token that the browser has sent, if it lacks them (callback)."""
    st.session_state[ANSWERED] = True
    sent = component_values.raw_value(COMPONENT)
    if not isinstance(sent, str) or token():
        return
    found = shared().kept_uploads.find(sent)
    if found:
        st.session_state[TOKEN] = sent
    for entry, upload in found.items():
        if upload is not None:
            st.session_state.setdefault(entry, upload)
