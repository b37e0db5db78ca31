"""URL of the page in the viewer's browser."""

from urllib.parse import urlsplit, urlunsplit

import streamlit as st


def page_url(query: str) -> str:
    """Return the page's URL with these query parameters, as far as the browser has told it.

    Streamlit removes the slash after a path prefix, without which a proxy may not find the page.
    """
    url = urlsplit(st.context.url or "")
    return urlunsplit(url._replace(path=f"{url.path.rstrip('/')}/", query=query, fragment=""))
