"""Parts of the load test. `make load QUICK=1` visits a real server with them."""

import asyncio
import io
import math
import os
import subprocess
import sys
from collections import Counter
from random import Random
from types import SimpleNamespace

import pytest
from PIL import Image, ImageChops
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.load import phases, processes, report, widgets
from tests.load.__main__ import parse, plan, succeeded
from tests.load.page import Page, PageError
from tests.load.phases import Outcome, Phase
from tests.load.photographs import photograph
from tests.load.viewers import MIX, Log, choose_key
from tests.load.widgets import Widget
from vgg_viz.ui.page import footer
from vgg_viz.ui.widgets import components

pytestmark = pytest.mark.load

ID = "$$ID-0123456789abcdef0123456789abcdef-"


def widget(kind: str, **fields: object) -> Widget:
    element = Element()
    proto = getattr(element, kind)
    options = fields.pop("options", [])
    if kind == "button_group":
        options = [type(proto).Option(content=label) for label in options]
    proto.MergeFrom(type(proto)(id=f"{ID}key", **fields))
    if options:
        proto.options.extend(options)
    return Widget(element, "")


# States that Chromium sends for these widgets before any change.
FIRST_STATES = {
    "button group": (
        widget("button_group", options=["Each tile", "Layer"], default=[1]),
        {"string_array_value": {"data": ["Layer"]}},
    ),
    "button group set by the app": (
        widget("button_group", options=["a", "b"], default=[1], set_value=True, raw_values=["a"]),
        {"string_array_value": {"data": ["a"]}},
    ),
    "select box": (
        widget("selectbox", options=["1 · block1_conv1", "2"], default=0),
        {"string_value": "1 · block1_conv1"},
    ),
    "slider": (
        widget("slider", default=[64], min=1, max=512),
        {"double_array_value": {"data": [64]}},
    ),
    "slider set by the app": (
        widget("slider", default=[64], value=[8], set_value=True),
        {"double_array_value": {"data": [8]}},
    ),
    "empty number field": (widget("number_input", min=1, max=64), {}),
    "number field set by the app": (
        widget("number_input", value=3, set_value=True),
        {"int_value": 3},
    ),
    "toggle": (widget("checkbox", default=True), {"bool_value": True}),
    "pages": (widget("pagination", num_pages=4, default=1), {"int_value": 1}),
}


@pytest.mark.parametrize(("one", "expected"), FIRST_STATES.values(), ids=FIRST_STATES)
def test_a_widget_has_the_value_that_a_browser_would_send(one, expected):
    assert widgets.first_state(one) == WidgetState(id=f"{ID}key", **expected)


@pytest.mark.parametrize("kind", ["file_uploader", "bidi_component"])
def test_untouched_uploaders_and_components_send_nothing(kind):
    assert widgets.first_state(widget(kind)) is None


CHANGEABLE = {
    "button_group": widget("button_group", options=["a", "b", "c"], default=[0]),
    "selectbox": widget("selectbox", options=["a", "b"], default=0),
    "slider": widget("slider", default=[64], min=1, max=512),
    "slider at its end": widget("slider", default=[1], min=1, max=3),
    "number_input": widget("number_input", min=1, max=512),
    "checkbox": widget("checkbox"),
    "pagination": widget("pagination", num_pages=4, default=1),
}


@pytest.mark.parametrize("one", CHANGEABLE.values(), ids=CHANGEABLE)
def test_changes_are_allowed_by_the_widget(one):
    random, now = Random(1), widgets.first_state(one)
    for _ in range(50):
        value = widgets.another_value(one, now, random)
        changed = widgets.chosen(one, value)
        if one.kind not in ("number_input", "pagination"):
            assert changed != now
        if one.kind in ("slider", "number_input"):
            assert one.proto.min <= value <= one.proto.max
        now = changed


def test_a_click_is_sent_as_chromium_sends_it():
    mosaic = widget("bidi_component", bytes=components.pack({"numbers": [7]}, b"picture"))
    state = widgets.chosen(mosaic, widgets.another_value(mosaic, None, Random(1)))
    assert state.id == f"$$STREAMLIT_INTERNAL_KEY_{ID}key__events"
    assert state.json_trigger_value == '[{"event": "picked", "value": 7}]'


def test_a_click_in_the_inspector_picks_a_position_of_the_map():
    inspector = widget("bidi_component", bytes=components.pack({"height": 1, "width": 28}))
    picked = widgets.another_value(inspector, None, Random(1))
    assert picked["row"] == 0
    assert 0 <= picked["column"] < 28


@pytest.mark.parametrize(
    ("header", "clickable"),
    [
        ({"height": 28, "width": 28}, True),
        ({"height": 0, "width": 0}, False),
        ({"numbers": [7]}, True),
        ({"numbers": []}, False),
    ],
)
def test_a_component_without_tiles_or_map_is_not_clicked(header, clickable):
    component = widget("bidi_component", bytes=components.pack(header))
    assert widgets.can_change(component) == clickable


@pytest.mark.parametrize(
    ("identifier", "key"),
    [(f"{ID}maps-mosaic", "maps-mosaic"), (f"{ID}None", None), ("", None), ("other", None)],
)
def test_a_widget_is_found_by_the_key_that_the_app_gave_it(identifier, key):
    element = Element()
    element.slider.id = identifier
    assert widgets.user_key(element) == key


def delta(element: Element, **metadata: object) -> ForwardMsg:
    message = ForwardMsg(delta=Delta(new_element=element), hash="h")
    message.metadata.MergeFrom(type(message.metadata)(**metadata))
    return message


def shown_after(*messages: ForwardMsg) -> Page:
    page = Page("http://127.0.0.1:1")
    page._take(ForwardMsg(new_session={"config": {"max_cached_message_age": 2}}))
    for message in messages:
        page._take(page._whole(message))
    return page


def test_a_reference_stands_for_the_message_that_was_kept():
    element = Element()
    element.bidi_component.bytes = b"grid"
    reference = ForwardMsg(ref_hash="h")
    reference.metadata.delta_path.extend([0, 3])
    page = shown_after(delta(element, cacheable=True), reference)
    assert page.shown.grids == 2


def test_a_reference_to_nothing_is_an_error():
    with pytest.raises(PageError, match="expected a reference to a cached message"):
        shown_after(ForwardMsg(ref_hash="h"))


def test_messages_are_kept_for_as_many_runs_as_the_server_says():
    page = shown_after(delta(Element(), cacheable=True))
    cached = []
    for _ in range(4):
        page._forget(whole_page=True)
        cached.append("h" in page._kept)
    assert cached == [True, True, False, False]


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"exception": {"message": "it broke"}}, 1),
        ({"alert": {"body": "no picture", "format": 1}}, 1),
        ({"alert": {"body": "careful", "format": 2}}, 1),
        ({"alert": {"body": "choose a block", "format": 3}}, 0),
        ({"markdown": {"body": "error"}}, 0),
    ],
)
def test_exceptions_and_errors_on_the_page_are_reported(fields, faults):
    assert len(shown_after(delta(Element(**fields))).shown.faults) == faults


def test_photographs_differ_and_have_about_a_megabyte():
    one, two = photograph(1), photograph(2)
    assert photograph(1) == one
    for data in (one, two):
        assert 0.5e6 < len(data) < 2e6
    pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in (one, two)]
    assert ImageChops.difference(*pictures).getbbox() == (0, 0, *pictures[0].size)


def test_the_mix_chooses_actions_in_proportion():
    random = Random(1)
    keys = [choose_key({"maps", "view", "unknown"}, random) for _ in range(2000)]
    share = keys.count("maps") / len(keys)
    assert set(keys) == {"maps", "view"}
    assert abs(share - MIX["maps"] / (MIX["maps"] + MIX["view"])) < 0.05


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--quick", [Phase(4, 8, True, hostile=True)]),
        (
            "--viewers 30 --seconds 60 --pictures own",
            [Phase(30, 60, True), Phase(30, 60, True, hostile=True)],
        ),
        ("--viewers 2 --pictures same --interactions 9", [Phase(2, 120, False, 9)]),
        (
            "--viewers 2 --pictures same --replicas 1 2 --interactions 9",
            [Phase(2, 120, False), Phase(2, 120, False, 9, replicas=2)],
        ),
    ],
)
def test_options_select_the_phases(arguments, expected):
    assert plan(parse(arguments.split())) == expected


def test_default_options_measure_everything_and_memory_last():
    plans = plan(parse([]))
    assert [plan.viewers for plan in plans] == [1, 10, 30, 30, 60] * 2
    assert [plan.hostile for plan in plans] == [False, False, False, True, False] * 2
    assert [plan.further_changes for plan in plans] == [0] * 9 + [2000]
    assert sum(plan.seconds for plan in plans) == 1200


@pytest.mark.parametrize(
    ("part", "expected"), [(0.5, 50.5), (0.95, 95), (1, 100), (0.001, 1)], ids=str
)
def test_percentiles_are_measured_values(part, expected):
    assert report.quantile([*range(100, 0, -1)], part) == expected


def test_percentiles_need_a_value():
    assert math.isnan(report.quantile([], 0.95))
    assert report.in_seconds(report.quantile([], 0.95)) == "–"


def outcome(viewers: int, seconds: list[float], *, own: bool = False, **fields: object) -> Outcome:
    return Outcome(Phase(viewers, 60, own), log=Log(changes={"maps": seconds}), **fields)


def test_targets_are_reported_as_met_or_missed():
    good, slow = outcome(30, [0.2] * 99 + [5]), outcome(30, [1.2] * 100, own=True)
    large = outcome(60, [0.1], own=True, peak=1600 * 10**6)
    lines = report.targets([good, slow, large]).splitlines()
    assert [line.split(":")[0] for line in lines] == ["- met", "- met"] + ["- **not met**"] * 2


@pytest.mark.parametrize(("slow", "met"), [(0.3, "- met"), (0.31, "- **not met**")])
def test_changes_during_an_attack_are_compared_with_the_others(slow, met):
    log = Log()
    for number in range(200):
        log.attack = number % 4 == 1
        log.add("maps", slow if number % 4 in (1, 2) else 0.2, attack=number % 4 == 2)
    *_, last = report.targets(
        [Outcome(Phase(30, 60, False, hostile=True), log=log, attacks=1234)]
    ).splitlines()
    assert last.startswith(f"{met}: 30 viewers, and a hostile one with 1,234 attacks: 95th")
    assert f"percentile {slow / 0.2:.2f} times that between them" in last


def test_few_changes_are_not_judged():
    log = Log(calm=[0.1] * 100, attacked=[1.0] * 49)
    line = report.hostile_target(Outcome(Phase(4, 8, False, hostile=True), log=log))
    assert line.startswith("- too few changes to judge: 4 viewers")


def test_viewer_counts_are_reported_for_one_and_two_servers():
    def tried(viewers: int, replicas: int, seconds: float) -> Outcome:
        phase = Phase(viewers, 60, False, replicas=replicas)
        return Outcome(phase, log=Log(changes={"maps": [seconds]}))

    one = [tried(60, 1, 0.5), tried(90, 1, 1.1)]
    assert report.capacity(one) == []
    two = [tried(60, 2, 0.4), tried(90, 2, 0.9), tried(120, 2, 1.2)]
    two[1].log.errors["something"] = 1
    first, second = report.capacity([*one, *two])
    assert first.startswith("- 1 server, picture: the same: 60 viewers")
    assert second.startswith("- 2 servers, picture: the same: 60 viewers")


@pytest.mark.parametrize(("passes", "met"), [(85, "- met"), (86, "- **not met**")])
def test_a_shared_image_must_be_computed_once(passes, met):
    last = report.targets([outcome(10, [0.1], passes=passes)]).splitlines()[-1]
    assert last.startswith(f"{met}: 10 viewers, the same picture: network lock held {passes} times")


def test_the_number_of_forward_passes_is_read_from_the_footer():
    cache = SimpleNamespace(used_bytes=0, max_bytes=1)
    lock = SimpleNamespace(hold_count=1017)
    shared = SimpleNamespace(values=cache, drawn=cache, network_lock=lock)
    assert phases.passes(" · ".join(["VGG Viz 0.1.0", *footer.server_use(shared)])) == 1017
    assert phases.passes("VGG Viz 0.1.0") is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' /proc")
def test_memory_includes_child_processes():
    grow = "import sys; text = 'x' * 50_000_000; print('grown', flush=True); sys.stdin.read()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    command = [sys.executable, "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as parent:
        assert parent.stdout.readline() == "grown\n"
        family = processes.descendants(parent.pid)
        assert len(family) == 1
        assert processes.memory(family) > 50_000_000
        assert processes.memory(family, "VmHWM") >= processes.memory(family)
        assert processes.processor_seconds(family) < 60
        assert parent.pid in processes.descendants(os.getpid())
        parent.communicate("")


@pytest.mark.parametrize(
    ("log", "passes", "expected"),
    [
        (Log(changes={"maps": [0.1]}), 9, True),
        (Log(), 9, False),
        (Log(changes={"maps": [0.1]}), None, False),
        (Log(changes={"maps": [0.1]}, errors=Counter(["broken"])), 9, False),
    ],
    ids=["changes", "no change", "no forward pass", "an error"],
)
def test_a_phase_fails_without_changes_or_forward_passes_or_with_an_error(log, passes, expected):
    assert succeeded(Outcome(Phase(4, 8, True), log=log, passes=passes)) == expected


def test_a_replica_that_responds_with_an_error_is_reported(tmp_path):
    async def visit() -> None:
        async with Page("http://127.0.0.1:1") as page:
            await page.open()

    with pytest.raises(PageError, match="expected an answer to GET /_stcore/health"):
        asyncio.run(visit())


def test_what_a_page_polls_for_is_polled_until_it_is_there(monkeypatch):
    page, sent = Page("http://127.0.0.1:1"), []
    pulse = widget("bidi_component", bytes=components.pack({"seconds": 0.5}))
    page.widgets = {"conclusion-pulse": pulse}
    assert page.poll_seconds == 0.5

    async def answer(states, fragment):
        sent.extend(states)
        if len(sent) == 1:  # the server sends the pulse again: the result is not there
            page.widgets["conclusion-pulse"] = pulse._replace(fragment="again")

    monkeypatch.setattr(page, "_timed", answer)
    asyncio.run(page.poll())
    assert page.poll_seconds == 0.5
    asyncio.run(page.poll())
    assert page.poll_seconds is None
    assert [state.json_trigger_value for state in sent] == [
        '[{"event": "picked", "value": true}]'
    ] * 2
