"""What a visitor's move takes, from its event to the frame that shows what came of it.

Every move is timed in turn with one of the barest page: a control and `st.image`, without
TensorFlow, which is what Streamlit and the browser take on this machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.bench import browser as pages
from tests.bench.browser import OTHER_SCALE, shown_in
from tests.bench.measure import Effort, Row, attempt, duration, durations, interleaved, middle
from tests.bench.place import Place
from vgg_viz.model.architecture import VGG19
from vgg_viz.views import VIEWS

LAYER = VGG19.layer("block3_conv3").title
CONTROL_SECONDS = 0.080  # a control of the grid moved


@dataclass(frozen=True)
class Move:
    """A move that a visitor makes, in JavaScript.

    ``acts`` are made in turn; ``shown`` is what another value of tells that an act is done, null
    while there is nothing; ``query`` is the page where it begins.
    """

    what: str
    acts: Sequence[str]
    shown: str
    at_most: float  # seconds, in the median
    query: Mapping[str, object] = field(default_factory=dict)


TILES = [(number % 8 / 8 + 1 / 16, number // 8 / 8 + 1 / 12) for number in (9, 20, 34, 45)]
POSITIONS = [(0.3, 0.3), (0.5, 0.6), (0.7, 0.4), (0.4, 0.8)]

MOVES = [
    Move(
        "view chosen to its first grid shown, the views in turn",
        # Without the prediction, which has no grid where the weights have no dense layers.
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
        "position clicked to its arithmetic",
        [f"pointAt('click', 'inspector', '.stage', {x}, {y})" for x, y in POSITIONS],
        "words('[data-testid=\"stMetricValue\"]')",
        0.150,
        {"channel": 7, "row": 2, "column": 2},
    ),
    Move(
        "arrow key in lecture mode to the next layer's grid",
        ["key(document.body, 'ArrowRight')", "key(document.body, 'ArrowLeft')"],
        "shownGrid()",
        0.100,
        # A caption in lecture mode names no layer; these two have another number of maps.
        {"lecture": "true", "layer": VGG19.layer("block3_conv4").title},
    ),
    Move(
        "tile pointed at to its numbers, without the server",
        [f"pointAt('pointermove', 'maps-mosaic', '.grid', {x}, {y})" for x, y in TILES],
        shown_in("maps-mosaic", ".tip", "textContent"),
        0.034,  # two frames of the screen
    ),
    Move(
        "Scale clicked to the other grid shown",
        [OTHER_SCALE],
        "shownGrid()",
        CONTROL_SECONDS,
    ),
    Move(
        "arrow key on the slider to the other grid shown, 63 and 64 tiles",
        [f"key('.st-key-maps input[type=range]', 'Arrow{way}')" for way in ("Left", "Right")],
        "shownGrid()",
        CONTROL_SECONDS,
    ),
]


@dataclass(frozen=True)
class Visit:
    """One visitor of the app and one of the barest page, each with a server of its own."""

    address: str
    page: Page
    plain: Page

    def open(self, query: Mapping[str, object]) -> None:
        """Go to a link to the maps of a layer from the middle."""
        state = urlencode({"view": "Feature maps", "layer": LAYER, **query})
        self.page.goto(f"{self.address}/?{state}")
        pages.wait_until_idle(self.page)


@contextmanager
def open_visit(place: Place) -> Iterator[Visit]:
    """Let the two visitors in."""
    with place.feature_maps() as (address, page), place.two_grids() as plain:
        yield Visit(address, page, plain)


def rows(place: Place, effort: Effort) -> Iterator[Row]:
    """Measure every move."""
    with open_visit(place) as visit:
        for move in MOVES:
            yield attempt(move.what, lambda move=move: measure(visit, move, effort))
        what = "Scale clicked: where the time goes"
        yield attempt(what, lambda what=what: stages(visit, what, effort))
        what = "Scale clicked to a grid drawn anew from cached maps"
        yield attempt(what, lambda what=what: scale_new(visit, what, effort))


def measure(visit: Visit, move: Move, effort: Effort) -> Row:
    """The row of a move, all of whose acts have been made before."""
    visit.open(move.query)
    acts = cycle(move.acts)
    clocks = {
        "plain": lambda: pages.seconds_until_changed(visit.plain, OTHER_SCALE, "shownGrid()"),
        "ours": lambda: pages.seconds_until_changed(visit.page, next(acts), move.shown),
    }
    interleaved(effort.warming_up * len(move.acts), clocks)
    seconds = interleaved(effort.moves, clocks)
    return row_of(f"{move.what}, seen before", seconds, move.at_most)


def stages(visit: Visit, what: str, effort: Effort) -> Row:
    """When what is sent, there and shown after a click on Scale, in the median."""
    found: dict[str, list[list[float]]] = {"plain": [], "ours": []}
    for page in (visit.page, visit.plain):
        page.add_init_script(pages.SOCKET)
    visit.open({})
    visit.plain.reload()
    pages.wait_until_idle(visit.plain)
    for _ in range(effort.moves + 2):
        for name, page in (("plain", visit.plain), ("ours", visit.page)):
            found[name].append(pages.stages_until_changed(page, OTHER_SCALE, "shownGrid()"))
    return Row(what, ours=in_stages(found["ours"][2:]), baseline=in_stages(found["plain"][2:]))


def in_stages(found: Sequence[Sequence[float]]) -> str:
    """The stages of moves, in words."""
    sent, first, last, shown, messages = (middle(times) for times in zip(*found, strict=True))
    return (
        f"sent after {duration(sent)}, first answer {duration(first)}, last of {messages:.0f} "
        f"messages {duration(last)}, shown {duration(shown)}"
    )


def scale_new(visit: Visit, what: str, effort: Effort) -> Row:
    """From a click on Scale to a grid in sight that nobody has seen, of every layer in turn.

    The maps are cached; the grid is drawn, encoded, sent and decoded.
    """
    visit.open({})
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for layer in VGG19.conv_layers[: effort.layers]:
        pages.choose_layer(visit.page, layer.title)
        for name, page in (("plain", visit.plain), ("ours", visit.page)):
            seconds[name].append(pages.seconds_until_changed(page, OTHER_SCALE, "shownGrid()"))
            pages.seconds_until_changed(page, OTHER_SCALE, "shownGrid()")
    return row_of(what, seconds, CONTROL_SECONDS)


def row_of(what: str, seconds: Mapping[str, Sequence[float]], at_most: float) -> Row:
    """The row of a move and of the barest page's."""
    ours, plain = middle(seconds["ours"]), middle(seconds["plain"])
    return Row(
        what,
        ours=durations(seconds["ours"]),
        target=f"at most {at_most * 1000:.0f} ms in the median",
        baseline=f"{durations(seconds['plain'])}, the barest page",
        ratio=f"{ours / plain:.1f} times",
        met=ours <= at_most,
    )
