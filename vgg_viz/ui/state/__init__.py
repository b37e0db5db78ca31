"""State of the page for one viewer: the values of all fields, in sync with widgets and URL.

state.sync()                         at the start of a run, before anything is shown
state.value("layer")                 effective value of a field
state.change({"layer": "…"})         in a callback: all fields that one action changes
st.slider(…, **state.bind("maps"))   widget that shows and changes a field

- `values`: values of the fields, their widgets and the URL
- `selection`: the selected map and position
- `trail`: values traced back, layer by layer
- `component_values`: checks of the values that the page's custom components send
- `mode`: lecture mode, tour or neither
- `tour_steps`: the viewer's step of a tour, and the values that the step sets
- `page_run`: one script run, which shows waiting and progress on the page
- `shared_instance`: the one instance of the state that all viewers share
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
