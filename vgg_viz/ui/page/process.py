"""How the server's process is set up, once: for many viewers on two cores and little memory."""

import os
import sys
from contextlib import suppress
from functools import lru_cache

from vgg_viz.downloads.fetching import StorageError, private_folder
from vgg_viz.serving import memory
from vgg_viz.ui.page import errors

# Python's own 5 ms are long beside what a viewer's message takes: the event loop, which has to run
# for every one of them, would wait that long behind each thread that computes.
SWITCH_SECONDS = 0.0005


@lru_cache(maxsize=1)
def prepare() -> None:
    """Set the process up; does nothing when called again."""
    memory.limit_malloc_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    keep_to_own_folder()
    errors.prepare()


def keep_to_own_folder() -> None:
    """Have Matplotlib write its list of fonts where all is written, not to the home folder.

    To be called before it is imported; what ``MPLCONFIGDIR`` says stands.
    """
    with suppress(StorageError):
        os.environ.setdefault("MPLCONFIGDIR", str(private_folder() / "matplotlib"))
