"""The process's one `Shared` instance, and the results of one script run.

Importing this module does not import NumPy; the first request for a network does.
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
    """Return the state shared by all viewers; its size: see `vgg_viz.serving.memory`."""
    from vgg_viz.serving.shared import Shared

    return Shared(limit_bytes())


def shared_if_created() -> Shared | None:
    """Return the shared state; None if no run has needed it yet."""
    return shared() if SERVING in sys.modules else None


def results() -> Results:
    """Return this run's results; they show waiting and progress at this place on the page."""
    from vgg_viz.serving.results import Results

    return Results(shared(), PageRun(st.empty()))


def trained_name() -> str:
    """Return the trained network's name; "untrained" if its weights failed to load."""
    created = shared_if_created()
    return created.trained_name() if created else NETWORKS["imagenet"].label


def label_of(choice: NetworkChoice) -> str | None:
    """Return the label of the network shown for a choice; None if it is not known yet."""
    created = shared_if_created()
    return created.loaders[choice].label() if created else None


def retry_weights() -> None:
    """Look for the trained network's weights again (widget callback)."""
    shared().loaders["imagenet"].retry()
