"""The process's one instance of the state that all viewers share, and one run's access to it.

Importing this module does not import NumPy; the first request for a network does.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.model.networks import NETWORKS, NetworkChoice, own_files
from vgg_viz.serving.memory import limit_bytes
from vgg_viz.ui.state.page_run import PageRun

if TYPE_CHECKING:
    from vgg_viz.model.own_networks.own_network import OwnNetwork
    from vgg_viz.serving.loading import Loader
    from vgg_viz.serving.results import Results
    from vgg_viz.serving.shared import Shared

DROPPED = "dropped-networks"  # the viewer's own networks: loaders by name
SERVING = "vgg_viz.serving.shared"


@st.cache_resource(show_spinner=False)
def shared() -> Shared:
    """Return the state shared by all viewers; the first call creates it.

    Clearing Streamlit's caches does not reach it.
    """
    return _instance()


@lru_cache(maxsize=1)
def _instance() -> Shared:
    from vgg_viz.serving.shared import Shared

    return Shared(limit_bytes())


def shared_if_created() -> Shared | None:
    """Return the state shared by all viewers; None if no script run has needed it yet."""
    return shared() if SERVING in sys.modules else None


def results(place: DeltaGenerator | None = None) -> Results:
    """Return the results that this script run can access, which all viewers share.

    Waiting and progress are shown in the container ``place``. Without it they are not shown, and a
    newer run does not end this one: for what is only drawn.
    """
    from vgg_viz.serving.results import NO_RUN, Results

    return Results(shared(), NO_RUN if place is None else PageRun(place))


def trained_name() -> str:
    """Return a name for the trained network; "untrained" if its weights failed to load."""
    created = shared_if_created()
    return created.trained_name() if created else NETWORKS["imagenet"].label


def label_of(choice: NetworkChoice) -> str | None:
    """Return the label of a network; None while it has not been loaded."""
    loader = loader_of(choice) if shared_if_created() else None
    return loader.label() if loader else None


def own_names() -> list[NetworkChoice]:
    """Return the names of the host's own networks, then of those that the viewer has dropped."""
    return [*own_files(), *st.session_state.get(DROPPED, ())]


def found(choice: NetworkChoice) -> OwnNetwork | None:
    """Return an own network's weights; None of others, and while they have not been loaded."""
    loader = loader_of(choice) if shared_if_created() else None
    weights = loader.found() if loader else None
    # Only an own network has a head.
    return cast("OwnNetwork", weights) if hasattr(weights, "head") else None


def loader_of(choice: NetworkChoice) -> Loader | None:
    """Return the loader of a network, the viewer's or the host's; None if there is none."""
    loader: Loader | None = st.session_state.get(DROPPED, {}).get(choice)
    return loader or shared().loader(choice)


def retry_weights() -> None:
    """Try again to load the trained network's weights (widget callback)."""
    shared().loaders["imagenet"].retry()
