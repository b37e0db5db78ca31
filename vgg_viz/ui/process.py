"""How the server's process is set up, once: for many viewers on two cores and little memory."""

import sys
from functools import lru_cache

from vgg_viz.ui import memory

# Python's own 5 ms are long beside what a viewer's message takes: the event loop, which has to run
# for every one of them, would wait that long behind each thread that computes.
SWITCH_SECONDS = 0.0005


@lru_cache(maxsize=1)
def prepare() -> None:
    """Set the process up; does nothing when called again."""
    memory.tame_allocator()
    sys.setswitchinterval(SWITCH_SECONDS)
