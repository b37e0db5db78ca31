"""Response times of a viewer's actions, from the event to the frame that shows the result.

Measurements alternate with those of a minimal page, a control and `st.image` without TensorFlow.
It shows the time that Streamlit and the browser take on this machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.bench import browser as pages
from tests.bench.browser import OTHER_SCALE, shown_in
from tests.bench.environment import Environment
from tests.bench.measure import Effort, Row, attempt, duration, durations, interleaved, middle
from vgg_viz.model.architecture import VGG19
from vgg_viz.views import VIEWS

LAYER = "block3_conv3"
CONTROL_SECONDS = 0.080  # after a change of a control


@dataclass(frozen=True)
class Move:
    """A kind of action on the page, in JavaScript.

    Attributes:
        what: its description in the table.
        actions: expressions to run alternately.
        shown: an expression whose value changes when an action is done; null while loading.
        at_most: the target of the median, in seconds.
        query: the URL parameters of the page where it starts.
    """

    what: str
    actions: Sequence[str]
    shown: str
    at_most: float
    query: Mapping[str, object] = field(default_factory=dict)


TILES = [(number % 8 / 8 + 1 / 16, number // 8 / 8 + 1 / 12) for number in (9, 20, 34, 45)]
POSITIONS = [(0.3, 0.3), (0.5, 0.6), (0.7, 0.4), (0.4, 0.8)]

MOVES = [
    Move(
        "view chosen to its first grid shown, all views alternately",
        # Without Prediction, which has no grid if the weights have no dense layers.
        [
            f"press('.st-key-view button:nth-of-type({number})')"
            for number, view in enumerate(VIEWS, start=1)
            if view != "prediction"
        ],
        "shownGrid()",
        0.200,
    ),
    Move(
        "map clicked to the inspector showing it",
        [f"pointAt('click', 'maps-mosaic', '.grid', {x}, {y})" for x, y in TILES],
        shown_in("inspector", ".inspector", "dataset.shown"),
        0.120,
        {"channel": 1},
    ),
    Move(
        "position clicked to its decomposition",
        [f"pointAt('click', 'inspector', '.stage', {x}, {y})" for x, y in POSITIONS],
        "text('.figures dd')",
        0.150,
        {"channel": 7, "row": 2, "column": 2},
    ),
    Move(
        "arrow key in lecture mode to the next layer's grid",
        ["key(document.body, 'ArrowRight')", "key(document.body, 'ArrowLeft')"],
        "shownGrid()",
        0.100,
        # In lecture mode, captions name no layer; these two differ in the number of maps.
        {"lecture": "true", "layer": "block3_conv4"},
    ),
    Move(
        "tile pointed at to its tooltip, without the server",
        [f"pointAt('pointermove', 'maps-mosaic', '.grid', {x}, {y})" for x, y in TILES],
        shown_in("maps-mosaic", ".tip", "textContent"),
        0.034,  # two frames of the screen
    ),
    Move("Scale clicked to the other grid shown", [OTHER_SCALE], "shownGrid()", CONTROL_SECONDS),
    Move(
        "arrow key on the slider to the other grid shown, 63 and 64 tiles",
        [
            f"key('.st-key-maps input[type=range]', 'Arrow{direction}')"
            for direction in ("Left", "Right")
        ],
        "shownGrid()",
        CONTROL_SECONDS,
    ),
]


@dataclass(frozen=True)
class Visit:
    """A page of the app and a minimal page, each with its own server."""

    address: str
    page: Page
    minimal: Page

    def open(self, query: Mapping[str, object]) -> None:
        """Open the feature maps of a layer from the middle."""
        state = urlencode({"view": "maps", "layer": LAYER, **query})
        self.page.goto(f"{self.address}/?{state}")
        pages.wait_until_idle(self.page)


@contextmanager
def open_visit(environment: Environment) -> Iterator[Visit]:
    """Open both pages."""
    with environment.feature_maps() as (address, page), environment.two_grids() as minimal:
        yield Visit(address, page, minimal)


def rows(environment: Environment, effort: Effort) -> Iterator[Row]:
    """Measure every kind of action."""
    with open_visit(environment) as visit:
        for move in MOVES:
            yield attempt(move.what, lambda move=move: measure(visit, move, effort))
        what = "Scale clicked: time by stage"
        yield attempt(what, lambda what=what: stages(visit, what, effort))
        what = "Scale clicked to a newly drawn grid of cached maps"
        yield attempt(what, lambda what=what: scale_new(visit, what, effort))


def measure(visit: Visit, move: Move, effort: Effort) -> Row:
    """Measure actions that were all run before."""
    visit.open(move.query)
    actions = cycle(move.actions)
    clocks = {
        "minimal": lambda: pages.seconds_until_changed(visit.minimal, OTHER_SCALE, "shownGrid()"),
        "ours": lambda: pages.seconds_until_changed(visit.page, next(actions), move.shown),
    }
    interleaved(effort.warming_up * len(move.actions), clocks)
    seconds = interleaved(effort.moves, clocks)
    return row_of(f"{move.what}, seen before", seconds, move.at_most)


def stages(visit: Visit, what: str, effort: Effort) -> Row:
    """Measure the median times of each stage after a click on Scale."""
    found: dict[str, list[list[float]]] = {"minimal": [], "ours": []}
    for page in (visit.page, visit.minimal):
        page.add_init_script(pages.SOCKET)
    visit.open({})
    visit.minimal.reload()
    pages.wait_until_idle(visit.minimal)
    for _ in range(effort.moves + 2):
        for name, page in (("minimal", visit.minimal), ("ours", visit.page)):
            found[name].append(pages.stages_until_changed(page, OTHER_SCALE, "shownGrid()"))
    return Row(what, ours=in_stages(found["ours"][2:]), baseline=in_stages(found["minimal"][2:]))


def in_stages(found: Sequence[Sequence[float]]) -> str:
    """Format the median times of the stages."""
    sent, first, last, shown, messages = (middle(times) for times in zip(*found, strict=True))
    return (
        f"sent after {duration(sent)}, first message {duration(first)}, last of {messages:.0f} "
        f"messages {duration(last)}, shown {duration(shown)}"
    )


def scale_new(visit: Visit, what: str, effort: Effort) -> Row:
    """Measure the time from a click on Scale to a grid that was not drawn before.

    The maps are cached; the grid is drawn, encoded, sent and decoded. Every layer comes once.
    """
    visit.open({})
    seconds: dict[str, list[float]] = {"minimal": [], "ours": []}
    for layer in VGG19.conv_layers[: effort.layers]:
        pages.choose_layer(visit.page, layer.title)
        for name, page in (("minimal", visit.minimal), ("ours", visit.page)):
            seconds[name].append(pages.seconds_until_changed(page, OTHER_SCALE, "shownGrid()"))
            pages.seconds_until_changed(page, OTHER_SCALE, "shownGrid()")
    return row_of(what, seconds, CONTROL_SECONDS)


def row_of(what: str, seconds: Mapping[str, Sequence[float]], at_most: float) -> Row:
    """Return the row of a kind of action, with the minimal page as the baseline."""
    ours, minimal = middle(seconds["ours"]), middle(seconds["minimal"])
    return Row(
        what,
        ours=durations(seconds["ours"]),
        target=f"at most {at_most * 1000:.0f} ms (median)",
        baseline=f"{durations(seconds['minimal'])}, the minimal page",
        ratio=f"{ours / minimal:.1f} times",
        met=ours <= at_most,
    )
