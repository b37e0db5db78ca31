"""One-time setup of the server process, for many viewers on two cores with little memory."""

import os
import sys
from contextlib import suppress
from functools import lru_cache

from vgg_viz.downloads.fetching import StorageError, private_folder
from vgg_viz.serving import memory
from vgg_viz.ui.page import errors

# The event loop handles every viewer's messages. At Python's default of 5 ms it would wait that
# long behind each computing thread.
SWITCH_SECONDS = 0.0005


@lru_cache(maxsize=1)
def prepare() -> None:
    """Set up the server process: memory, threads, Matplotlib's cache and error messages."""
    memory.limit_malloc_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    move_matplotlib_cache()
    errors.prepare()


def move_matplotlib_cache() -> None:
    """Let Matplotlib write its font cache to this app's private folder, not to the home folder.

    Call this before Matplotlib is imported. If ``MPLCONFIGDIR`` is set, nothing changes.
    """
    with suppress(StorageError):
        os.environ.setdefault("MPLCONFIGDIR", str(private_folder() / "matplotlib"))
