"""Forged values, sent for every widget by Streamlit's protocol: neither page nor server notices."""

import asyncio
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.load import processes
from tests.load.page import Page, PageError
from tests.support.forged_values import FORGED, POSSIBLE, ids_in, key_of, states
from tests.support.server import Server, running_server
from tests.support.truth import CheapDense
from tests.support.weights_files import write_full_weights
from vgg_viz.fields import FIELDS, TABS
from vgg_viz.interpretability.experiments.changes import COVER
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.ui.page import errors
from vgg_viz.views import VIEWS

pytestmark = pytest.mark.slow

VALUE = "view=maps&layer=block3_conv1&maps=4&channel=3&row=2&column=3"
QUERIES = (
    *(f"view={view}" for view in VIEWS),
    *(f"{VALUE}&ablated=3&tab={tab}" for tab in TABS if tab != "experiments"),
    *(f"{VALUE}&tab=experiments&experiment={name}" for name in FIELDS["experiment"].options),
    f"{VALUE}&change={COVER}&cover_row=9&cover_column=9",
    f"{VALUE}&compare=picture&picture=own&source=camera&other=own",
    "view=filters&layer=block4_conv2&filters=256&channels=128&channel=3&lecture=true",
    "view=visualization&examples=optimized&images=4",
    "view=blocks&beside=true&tour=1",
    "view=prediction&compare=picture&evidence=all",
)
WRONG = errors.MESSAGE[:20]
# Widgets that come or go while images are searched or optimized.
BRIEF = re.compile(r"-pulse$|-optimization-|-(export|frame-note)-optimized")
AT_ONCE = 80  # widgets of a message
MOST_GROWTH = 50e6  # bytes of memory


class Visitor(Page):
    """A page that sends any state of a widget, and collects all widgets and errors."""

    def __init__(self, address: str, query: str) -> None:
        super().__init__(address, query)
        self.ids, self.menus, self.fragments, self.errors = set(), set(), set(), []

    async def run(self, sent: list[WidgetState], fragment: str = "") -> None:
        """Run the script, or a fragment of it, with these states of widgets."""
        message = BackMsg()
        message.rerun_script.CopyFrom(self._client_state([], fragment))
        message.rerun_script.ClearField("widget_states")
        message.rerun_script.widget_states.widgets.extend(sent)
        if not fragment:
            self.fragments.clear()  # the run says which there are now
        await self._send(message)
        finished = ForwardMsg.FINISHED_EARLY_FOR_RERUN
        while finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            finished = (await self._receive("script_finished")).script_finished
        self._runs += 1
        self.errors += [one for one in self.shown.faults if "exception" in one or WRONG in one]

    async def open_menus(self) -> tuple[str, set[str]]:
        """Run the script with all menus open; return the address and the widgets' keys."""
        self.ids.clear()
        await self.run([WidgetState(id=name, bool_value=True) for name in self.menus])
        return self.query, {key_of(one) for one in self.ids if not BRIEF.search(one)}

    def _take(self, message: ForwardMsg) -> None:
        super()._take(message)
        if message.WhichOneof("type") == "delta":
            found = set(ids_in(message.delta))
            self.ids |= found
            self.fragments |= {message.delta.fragment_id} - {""}
            if message.delta.WhichOneof("type") == "add_block":
                self.menus |= found


def portions(ids: set[str]) -> list[list[str]]:
    """Divide the ids of widgets, since a message may have a megabyte."""
    ordered = sorted(ids)
    return [ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE)]


async def forge(address: str, query: str, kind: str, ids: set[str]) -> tuple[str, set[str]]:
    """Send forged values of a kind for all widgets, in a new session; return what it then shows."""
    parts = portions(ids)
    async with Visitor(address, query) as page:
        for part in parts:
            await page.run(states(part, FORGED[kind][0]))  # before the server knows the widgets
        await page.open_menus()
        for fields, part in product(FORGED[kind], parts):
            await page.run(states(part, fields))
        for fragment, part in product(tuple(page.fragments), parts):
            if fragment in page.fragments:
                await page.run(states(part, FORGED[kind][-1]), fragment)
        seen = await page.open_menus()
    assert not page.errors, kind
    return seen


async def visit(address: str, query: str) -> None:
    """Send all kinds of forged values for all widgets of a page, beside an honest visitor."""
    async with Visitor(address, query) as honest:
        await honest.run([])
        await honest.open_menus()
        usual = await honest.open_menus()
        for kind in FORGED:
            seen = await forge(address, query, kind, set(honest.ids))
            assert seen == usual or kind in POSSIBLE, kind
            assert await honest.open_menus() == usual, kind
    assert not honest.errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("forged")


@pytest.fixture(scope="module")
def server(folder) -> Iterator[Server]:
    weights = folder / "random.h5"
    write_full_weights(weights, UntrainedWeights(seed=7), CheapDense(7))
    with running_server(folder / "server.log", VGG_VIZ_WEIGHTS=str(weights)) as running:
        yield running
    weights.unlink()


@pytest.fixture(autouse=True)
def log_without_tracebacks(server, folder) -> Iterator[None]:
    before = len((folder / "server.log").read_text())
    yield
    assert "Traceback" not in (folder / "server.log").read_text()[before:]


@pytest.mark.parametrize("query", QUERIES)
def test_forged_values_change_neither_the_page_nor_another_session(server, query):
    asyncio.run(visit(server.address, query))


def test_a_value_of_10_megabytes_ends_its_own_connection(server):
    async def send(fields: dict) -> None:
        async with Visitor(server.address, VALUE) as page:
            await page.run([])
            layer = next(name for name in page.ids if name.endswith("-layer"))
            await page.run([WidgetState(id=layer, **fields)])

    with pytest.raises(PageError, match="message too big"):
        asyncio.run(send({"string_value": "a" * 10**7}))
    asyncio.run(send({"string_value": "a" * 500_000}))


def test_forged_values_leave_no_memory_taken(server):
    def taken() -> int:
        return processes.memory([server.process.pid], "RssAnon")

    async def repeat() -> None:
        async with Visitor(server.address, VALUE) as page:
            await page.run([])
        for kind in FORGED:
            await forge(server.address, VALUE, kind, page.ids)

    asyncio.run(repeat())
    before = taken()
    asyncio.run(repeat())
    assert taken() < before + MOST_GROWTH
