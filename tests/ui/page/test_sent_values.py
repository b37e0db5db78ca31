"""Values that a browser sends for widgets: forged ones, and labels of before they changed."""

from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from tests.support.forged_values import FORGED, POSSIBLE, ids_in, states
from tests.support.pages import Page, open_page
from tests.support.truth import MAPS
from vgg_viz.links import read
from vgg_viz.model.class_names import NUMBERED
from vgg_viz.ui.state import shared_instance
from vgg_viz.ui.views import prediction_view

FILTERS = {"view": "filters", "network": "untrained", "filters": "2", "channel": "2"}
# The page with most kinds of widgets; tests/test_forged_values.py has all others, and all values.
MOST = {**MAPS, "maps": "4", "channel": "3", "row": "2", "column": "3", "ablated": "3"}


def send(page: Page, *sent: WidgetState) -> Page:
    """Run the page with these states beside the others, as a browser sends them."""
    ids = {state.id for state in sent}
    others = [one for one in page._tree.get_widget_states().widgets if one.id not in ids]
    page._run(WidgetStates(widgets=[*others, *sent]))
    assert not page.error
    return page


def test_a_forged_value_leaves_the_last_valid_one(caplog):
    page = open_page(**MOST)
    link = page.link
    protos = [getattr(node, "proto", None) for node in page._tree]
    ids = {name for proto in protos if proto is not None for name in ids_in(proto)}
    for kind in sorted(FORGED, key=POSSIBLE.__contains__):  # these last, since they change the page
        for fields in FORGED[kind][::3]:
            send(page, *states(ids, fields))
            assert page.link == link or kind in POSSIBLE, fields
    assert not [record for record in caplog.records if record.exc_info]


def test_a_class_stays_when_the_names_of_the_classes_arrive(monkeypatch, offered):
    with monkeypatch.context() as patch:
        patch.setattr(prediction_view.chosen_dense, "load_names", lambda: NUMBERED)
        page = open_page(view="prediction")
        page.widget("selectbox", "class").select_index(285).run()
    numbered = page.widget("selectbox", "class").proto
    # Another viewer's "Retry" has brought the names, of which this browser has yet to hear.
    label = WidgetState(id=numbered.id, string_value="class 285")
    for count in (3, 4):
        slider = page.widget("slider", "classes").proto.id
        send(page, label, WidgetState(id=slider, double_array_value={"data": [count]}))
        assert (page.shown("class"), page.shown("classes")) == (285, count)
    named = page.widget("selectbox", "class")
    assert (named.value, named.options[285]) == (285, "Egyptian cat · n02124075 · class 285")
    assert named.proto.id != numbered.id
    assert read(page.link) == {"view": "prediction", "class": 285, "classes": 4}
    assert offered["evidence-0"].title == "Evidence for Egyptian cat"


def test_an_unknown_network_is_not_chosen(monkeypatch):
    # Its name may be any text, since links keep the names of networks that are not here.
    monkeypatch.setattr(shared_instance, "own_names", lambda: ["birds"])
    page = open_page(**FILTERS)
    chooser = page.widget("selectbox", "network").proto.id
    send(page, WidgetState(id=chooser, string_value="no such option"))
    assert page.shown("network") == "untrained"


def test_a_network_stays_when_its_weights_file_is_renamed(monkeypatch):
    page = open_page(**FILTERS)
    page.widget("button_group", "network").select("imagenet").run()
    buttons = page.widget("button_group", "network").proto
    monkeypatch.setattr(shared_instance, "trained_name", lambda: "renamed.h5")
    label = WidgetState(id=buttons.id, string_array_value={"data": ["ImageNet"]})
    for count in (3, 4):
        slider = page.widget("slider", "filters").proto.id
        send(page, label, WidgetState(id=slider, double_array_value={"data": [count]}))
        assert (page.shown("network"), page.shown("filters")) == ("imagenet", count)
    assert page.widget("button_group", "network").proto.id != buttons.id
