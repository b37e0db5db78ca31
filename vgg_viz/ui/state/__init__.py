"""State of the page for one viewer: the values of all fields, in sync with widgets and URL.

state.sync()                         at the start of a run, before anything is shown
state.value("layer")                 effective value of a field
state.change({"layer": "…"})         in a callback: all fields that one action changes
st.slider(…, **state.bind("maps"))   widget that shows and changes a field

- `values`: values of the fields, and the URL
- `bindings`: widgets that show and change the fields
- `selection`: the selected map and position
- `trail`: values traced back, layer by layer
- `component_values`: checks of the values that the page's custom components send
- `mode`: lecture mode, tour or neither
- `tour_steps`: the viewer's step of a tour, and the values that the step sets
- `reloads`: the viewer's uploads after a reload of their tab
- `page_run`: one script run, which shows waiting and progress on the page
- `shared_instance`: the one instance of the state that all viewers share
"""

from vgg_viz.ui.state.bindings import bind as bind
from vgg_viz.ui.state.bindings import bind_options as bind_options
from vgg_viz.ui.state.bindings import finish as finish
from vgg_viz.ui.state.values import beside_address as beside_address
from vgg_viz.ui.state.values import change as change
from vgg_viz.ui.state.values import choice as choice
from vgg_viz.ui.state.values import complete as complete
from vgg_viz.ui.state.values import has_changed as has_changed
from vgg_viz.ui.state.values import input_error as input_error
from vgg_viz.ui.state.values import is_on as is_on
from vgg_viz.ui.state.values import last_own as last_own
from vgg_viz.ui.state.values import link as link
from vgg_viz.ui.state.values import link_problems as link_problems
from vgg_viz.ui.state.values import named_fields as named_fields
from vgg_viz.ui.state.values import number as number
from vgg_viz.ui.state.values import shows_own_picture as shows_own_picture
from vgg_viz.ui.state.values import sync as sync
from vgg_viz.ui.state.values import url as url
from vgg_viz.ui.state.values import value as value
from vgg_viz.ui.state.values import was_chosen as was_chosen
from vgg_viz.ui.state.values import with_values_of_now as with_values_of_now
