"""The view's values: a single owner, kept in step with widgets and URL.

state.sync()                         at the start of a run, before anything is shown
state.value("layer")                 effective value of a field
state.change({"layer": "…"})         in a callback: all that one action of the viewer changes
st.slider(…, **state.bind("maps"))   widget that shows and changes a field

- `values`: the values, their bindings and the address
- `selection`: the selected map and position
- `trail`: values traced back, layer by layer
- `component_values`: values that components send, checked
- `mode`: lecture, tour or neither
- `tour_steps`: the step of a tour, and what it sets
- `page_run`: this script run, as the serving layer sees it
- `shared_instance`: the one instance of what viewers share
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
