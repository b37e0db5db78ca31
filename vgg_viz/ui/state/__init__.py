"""The view's values: a single owner, kept in step with widgets and URL.

state.sync()                         at the start of a run, before anything is shown
state.value("layer")                 effective value of a field
state.change({"layer": "…"})         in a callback: all that one action of the viewer changes
st.slider(…, **state.bind("maps"))   widget that shows and changes a field
"""

from vgg_viz.ui.state.values import (
    bind,
    change,
    choice,
    complete,
    has_changed,
    input_error,
    is_on,
    link,
    link_problems,
    named_fields,
    number,
    shows_own_picture,
    sync,
    value,
    was_chosen,
)

__all__ = [
    "bind",
    "change",
    "choice",
    "complete",
    "has_changed",
    "input_error",
    "is_on",
    "link",
    "link_problems",
    "named_fields",
    "number",
    "shows_own_picture",
    "sync",
    "value",
    "was_chosen",
]
