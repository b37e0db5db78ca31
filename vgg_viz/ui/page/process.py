"""One-time setup of the server process, for many viewers on two cores with little memory."""

import os
import sys
from contextlib import suppress
from functools import lru_cache

from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from vgg_viz.downloads.fetching import StorageError, private_folder
from vgg_viz.serving import memory
from vgg_viz.ui.page import (
    client_messages,
    connections,
    errors,
    message_bursts,
    sent_values,
    server_log,
    uploaded_files,
)

# The event loop handles every viewer's messages. At Python's default of 5 ms it would wait that
# long behind each computing thread.
SWITCH_SECONDS = 0.0005

PARTS = (
    errors,
    client_messages,
    message_bursts,
    sent_values,
    connections,
    server_log,
    uploaded_files,
)

_populate_theme = app_session._populate_theme_msg


@lru_cache(maxsize=1)
def prepare() -> None:
    """Set up the process: memory, threads, Matplotlib's cache, changes to Streamlit and uvicorn."""
    memory.limit_malloc_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    with suppress(StorageError):  # else Matplotlib writes to the home folder
        os.environ.setdefault("MPLCONFIGDIR", str(private_folder() / "matplotlib"))
    for part in PARTS:
        part.prepare()
    app_session._populate_theme_msg = populate_theme  # type: ignore[assignment]


def populate_theme(message: CustomThemeConfig, section: str = "theme") -> None:
    """Add a section of the theme to a message.

    Streamlit would look through all its options for each of the theme's six sections, in every
    script run: an eighth of the server's time with many viewers.
    """
    message.MergeFrom(theme(section))


@lru_cache(maxsize=8)
def theme(section: str) -> CustomThemeConfig:
    """Return a section of the theme, as ``.streamlit/config.toml`` sets it."""
    message = CustomThemeConfig()
    _populate_theme(message, section)
    return message
