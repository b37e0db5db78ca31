"""The one instance of what all viewers share, and what the first page may know of it.

Imported without NumPy and what builds on it, which come with the first that asks for a network.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.serving.memory import limit_bytes
from vgg_viz.ui.state.page_run import PageRun

if TYPE_CHECKING:
    from vgg_viz.serving.results import Results
    from vgg_viz.serving.shared import Shared

SERVING = "vgg_viz.serving.shared"


@st.cache_resource(show_spinner=False)
def shared() -> Shared:
    """What all viewers share; `vgg_viz.serving.memory` says how large it gets, and why."""
    from vgg_viz.serving.shared import Shared

    return Shared(limit_bytes())


def shared_so_far() -> Shared | None:
    """The same, or None where nobody has asked for anything of it yet."""
    return shared() if SERVING in sys.modules else None


def results() -> Results:
    """What this run gets its results from; what it waits for is said where this is called."""
    from vgg_viz.serving.results import Results

    return Results(shared(), PageRun(st.empty()))


def trained_name() -> str:
    """What the trained network is called, as far as is known: "untrained" if there is none."""
    known = shared_so_far()
    return known.trained_name() if known else NETWORKS["imagenet"].label


def label_of(choice: NetworkChoice) -> str | None:
    """The label of the network that is shown for that choice; None if that is not known yet."""
    known = shared_so_far()
    return known.loaders[choice].label() if known else None


def try_again() -> None:
    """A callback's work: look for the trained network's weights anew."""
    shared().loaders["imagenet"].retry()
