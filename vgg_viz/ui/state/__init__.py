"""What the visitor looks at: one owner of the view's values, told to widgets and address.

state.sync()                      at the start of a run, before anything is shown
state.value("layer")                what the page shows, cut to what it can show
state.change({"layer": "…"})        in a callback: all that one action of the visitor changes
st.slider(…, **state.bind("maps"))   a widget that shows a value and changes it
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
