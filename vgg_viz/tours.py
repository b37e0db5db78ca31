"""Tours of the page: each step sets the page's controls and shows a short text.

A tour is a TOML file; `docs/tours.md` describes the format. Viewers can open files of unknown
origin. So a file's size is checked before it is parsed, and any mistake raises a `TourError` with
one sentence.

    file -- parse --> Tour(title, steps) --> steps[n].page, the fields that the step sets
                                         --> text_for(steps[n], network), the text to show
"""

import io
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from vgg_viz import links
from vgg_viz.downloads.file_kinds import POINTERS, WEB_PAGE, recognize
from vgg_viz.fields import (
    FIELDS,
    MOST_STEPS,
    PAGE_FILTERS,
    VISIT_FIELDS,
    Choice,
    LinkError,
    Value,
    shortened,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.networks import NETWORKS, NetworkChoice

MOST_BYTES = 64_000
MOST_LINES = 1_000
MOST_OUTLINED = 16
MOST_CHAPTERS = 3
# tomllib's time grows with the square of the parts of a dotted key: minutes for 64 kB.
MOST_DOTS = 100

LONGEST = {
    "title": 120,
    "language": 40,
    "chapter": 40,
    "network": 40,
    "page": 2_000,
    "text": 1_200,
    "question": 600,
    "answer": 600,
}
ONE_LINE = ("title", "language", "chapter", "page", "network")
TOUR_KEYS = ("title", "language", "step")
TEXT_KEYS = ("text", "question", "answer", "outlined")
STEP_KEYS = ("title", "chapter", "page", "network", *TEXT_KEYS, "untrained")
# Field with the number of maps or filters that a view shows, the first ones.
COUNTS = {"filters": "filters", "maps": "maps", "visualization": "maps", "blocks": "block_maps"}
LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# Fields that must be within the layer: limited to it, they would mean another map or position.
LAYER_FIELDS = ("channel", "row", "column", "filter_page", "channel_page")

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Document = Mapping[str, object]
Shown = NetworkChoice | Literal["file"]


@dataclass(frozen=True)
class StepText:
    """Text of a tour step, Markdown; question and answer may be empty."""

    text: str
    question: str = ""
    answer: str = ""  # shown on request
    outlined: tuple[int, ...] = ()  # numbers of the maps or filters that the answer names


@dataclass(frozen=True)
class Step:
    """One step of a tour."""

    title: str
    page: Mapping[str, Value]  # values that the step's link sets, by field
    words: StepText
    network: NetworkChoice | None = None  # that the text describes; None for any
    untrained: StepText | None = None  # for the untrained network, where it differs
    chapter: str = ""  # that the step belongs to; empty if none has begun


@dataclass(frozen=True)
class Tour:
    """A guided tour of the page: a title and at least one step."""

    title: str
    steps: tuple[Step, ...]
    language: str = "en"  # of all its texts, as in HTML


class TourError(ValueError):
    """Raised when a tour file is invalid; a sentence names the step and key, or the line."""

    def __init__(self, problem: str, place: str = "The tour") -> None:
        super().__init__(f"{place}: {problem}.")


class _InvalidError(Exception):
    """Raised when valid TOML is not a tour; the message names the TOML key and the problem."""


@contextmanager
def _under(key: str) -> Iterator[None]:
    try:
        yield
    except (LinkError, _InvalidError) as error:
        raise _InvalidError(f"{key}: {error}") from None


def parse(text: str | bytes) -> Tour:
    """Parse a tour file, given as text or as bytes in UTF-8; a `TourError` says what is wrong."""
    document, steps = _document(_checked(_decoded(text))), list[Step]()
    place = "The tour"
    try:
        _refuse_unknown(document, TOUR_KEYS)
        title, tables = _text(document, "title"), document.get("step", [])
        language = _language(document)
        if not isinstance(tables, list):
            got = _kind(tables)
            raise _InvalidError(f"step: expected [[step]] in two pairs of brackets, got {got}")
        if not 1 <= len(tables) <= MOST_STEPS:
            got = str(len(tables) or "none")
            raise _InvalidError(f"expected 1 to {MOST_STEPS} steps, each under [[step]], got {got}")
        for number, step in enumerate(tables, start=1):
            place = f"Step {number} of the tour"
            steps.append(_step(_table(step, "a step"), steps))
    except _InvalidError as error:
        raise TourError(str(error), place) from None
    return Tour(title, tuple(steps), language)


def text_for(step: Step, shown: Shown | None) -> tuple[StepText, bool]:
    """Return a step's text, and whether the answer holds for the network that the page shows."""
    if shown == "untrained" and step.untrained:
        return step.untrained, True
    return step.words, step.network in (None, shown) or shown is None


# -- the text


def _decoded(text: str | bytes) -> str:
    """Decode a tour file, without a byte order mark, and with line feeds as line ends."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MOST_BYTES:
        raise TourError(f"expected a file of at most {MOST_BYTES // 1000} kB, got more")
    kind = recognize(io.BytesIO(data))
    if kind and kind in (*POINTERS, WEB_PAGE):
        raise TourError(f"expected TOML, got {kind.described}")
    try:
        decoded = text if isinstance(text, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = f"expected text in UTF-8, got a byte {data[error.start]:#04x}"
        raise TourError(problem, _line(line)) from None
    return decoded.removeprefix("\ufeff").replace("\r\n", "\n")


def _checked(source: str) -> str:
    """Return a tour file's text if it is short enough and has no control characters."""
    lines = source.removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES:
        raise TourError(f"expected at most {MOST_LINES:,} lines, got {len(lines):,}")
    for number, line in enumerate(lines, start=1):
        if problem := _control(line):
            raise TourError(problem, _line(number))
        if line.count(".") > MOST_DOTS:
            raise TourError(
                f"expected at most {MOST_DOTS} full stops in a line, got more", _line(number)
            )
    return source


def _control(text: str) -> str:
    """Return what is wrong with a text that has a control character, or an empty string."""
    found = CONTROL.search(text)
    return f"expected no control characters, got U+{ord(found[0]):04X}" if found else ""


def _line(number: int) -> str:
    return f"Line {number} of the tour"


# -- TOML


def _document(source: str) -> Document:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        # Errors at the end of the document name no line.
        found = re.fullmatch(
            r"(.*) \(at (?:line ([0-9]+), column [0-9]+|end of document)\)", str(error)
        )
        message, number = found.groups() if found else (str(error), None)
        last = source.removesuffix("\n").count("\n") + 1
        hint = ": texts stand in quotes" if number and message == "Invalid value" else ""
        printable = "".join(letter if letter.isprintable() else "�" for letter in message[:100])
        problem = f"expected TOML, got an error ({printable}{hint})"
        raise TourError(problem, _line(min(int(number or last), last))) from None
    except RecursionError:
        raise TourError("expected texts and steps, got lists nested too deeply") from None
    except ValueError:
        # Python refuses what TOML allows, such as a number with thousands of digits.
        raise TourError("expected texts, got a value that cannot be read") from None


# -- the tour


def _language(document: Document) -> str:
    if "language" not in document:
        return "en"
    language = _text(document, "language")
    if not LANGUAGE.fullmatch(language):
        got = shortened(language)
        raise _InvalidError(f"language: expected a code such as en, fa or pt-BR, got {got}")
    return language


def _step(step: Document, before: Sequence[Step]) -> Step:
    _refuse_unknown(step, STEP_KEYS)
    title, chapter = _text(step, "title"), _chapter(step, before)
    page = _page(_text(step, "page"))
    words, network, untrained = _step_text(step, page), None, None
    if "network" in step:
        name = _text(step, "network")
        with _under("network"):
            network = Choice(NETWORKS).read([name])
    if "untrained" in step:
        with _under("untrained"):
            table = _table(step["untrained"], "a table of texts")
            _refuse_unknown(table, TEXT_KEYS)
            untrained = _step_text(table, page)
    return Step(title, page, words, network, untrained, chapter)


def _chapter(step: Document, before: Sequence[Step]) -> str:
    """Return the chapter that a step belongs to: the one that it begins, or the last step's."""
    if "chapter" not in step:
        return before[-1].chapter if before else ""
    chapter = _text(step, "chapter")
    begun = {earlier.chapter for earlier in before if earlier.chapter}
    if len(begun | {chapter}) > MOST_CHAPTERS:
        raise _InvalidError(f"chapter: expected at most {MOST_CHAPTERS} chapters, got another")
    return chapter


def _step_text(table: Document, page: Mapping[str, Value]) -> StepText:
    texts = {key: _text(table, key) for key in TEXT_KEYS[:3] if key in table or key == "text"}
    for one, other in (("question", "an answer"), ("answer", "a question")):
        if one in texts and other.split()[1] not in texts:
            raise _InvalidError(f"{one}: expected {other} with the {one}, got none")
    outlined: tuple[int, ...] = ()
    if "outlined" in table:
        with _under("outlined"):
            if "answer" not in texts:
                raise _InvalidError("expected an answer that names these numbers, got none")
            outlined = _outlined(table["outlined"], page)
    return StepText(**texts, outlined=outlined)


def _outlined(numbers: object, page: Mapping[str, Value]) -> tuple[int, ...]:
    if not isinstance(numbers, list):
        raise _InvalidError(f"expected a list of numbers, got {_kind(numbers)}")
    if not 1 <= len(numbers) <= MOST_OUTLINED:
        raise _InvalidError(f"expected 1 to {MOST_OUTLINED} numbers, got {len(numbers)}")
    shown = _shown(page)
    for number in numbers:
        if type(number) is not int:  # nor True, which is an int in Python
            raise _InvalidError(f"expected numbers, got {_kind(number)}")
        if number not in shown:
            got = shortened(str(number)) if abs(number) < 10**6 else "a larger one"
            bounds = f"from {shown[0]} to {shown[-1]}, as the page shows"
            raise _InvalidError(f"expected numbers {bounds}, got {got}")
    return tuple(numbers)


def _shown(page: Mapping[str, Value]) -> range:
    """Return the numbers of the maps or filters that a page shows, as far as its link tells."""
    shown = links.effective_values(page)
    layer, view = VGG19.conv_layer(str(shown["layer"])), str(shown["view"])
    everything = range(1, layer.filters + 1)
    key = (
        "images"
        if (view, shown["examples"]) == ("visualization", "optimized")
        else COUNTS.get(view)
    )
    # By another order than their numbers, the picture decides which maps come first. The first
    # layer's filters are also shown as colors, all of them.
    by_picture = view == "maps" and shown["order"] != FIELDS["order"].default
    if key is None or by_picture or (view == "filters" and layer.conv_number == 1):
        return everything
    first = PAGE_FILTERS * (int(str(shown["filter_page"])) - 1) if view == "filters" else 0
    last = min(int(str(shown[key])), layer.filters)
    return range(first + 1, min(last, first + PAGE_FILTERS if view == "filters" else last) + 1)


def _table(value: object, what: str) -> Document:
    if not isinstance(value, dict):
        raise _InvalidError(f"expected {what}, got {_kind(value)}")
    return value


def _refuse_unknown(table: Document, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            expected = f"{', '.join(known[:-1])} or {known[-1]}"
            raise _InvalidError(f"expected {expected}, got {shortened(key)}")


def _text(table: Document, key: str) -> str:
    """Return the text under a key of a TOML table, without surrounding white space."""
    with _under(key):
        text = table.get(key)
        if not isinstance(text, str):
            got = _kind(text) if key in table else "none"
            raise _InvalidError(f"expected a text in quotes, got {got}")
        text = text.replace("\r\n", "\n").strip()
        if not 1 <= len(text) <= LONGEST[key]:
            raise _InvalidError(f"expected 1 to {LONGEST[key]:,} characters, got {len(text):,}")
        if problem := _control(text):
            raise _InvalidError(problem)
        if key in ONE_LINE and "\n" in text:
            raise _InvalidError(f"expected one line, got {len(text.splitlines())}")
        if key != "page":
            _check_markdown(text)
        return text


def _check_markdown(text: str) -> None:
    # Every viewer's browser would load an image from another server without asking.
    if "![" in text:
        raise _InvalidError("expected a text without images, got “![”")
    # A formula may be as large as its author likes.
    if text.count("$") > 1:
        raise _InvalidError("expected a text without formulas, got two “$”")
    # Markdown would read a colon or a full stop from it, after the search for addresses.
    if found := re.search(r"&#?\w+;", text):
        raise _InvalidError(f"expected the letter itself, got {shortened(found[0])}")
    if re.search(
        r"\]\(\s*<?(?!https://)|\]:\s*<?(?!https://)\S|<(?!https:)[A-Za-z][\w+.-]+:", text
    ):
        raise _InvalidError("expected links to addresses that begin with https://, got another")


def _page(link: str) -> Mapping[str, Value]:
    """Return the values that a tour step's link sets, by field, without those of the visit."""
    with _under("page"):
        values = links.read(link)
        # The page would reduce a number to the layer's last map, which the text is not about.
        for key in LAYER_FIELDS:
            number, largest = values.get(key), links.upper_limit(key, values)
            if isinstance(number, int) and largest is not None and number > largest:
                layer = values.get("layer", FIELDS["layer"].default)
                raise _InvalidError(f"{key}: expected 1 to {largest} in {layer}, got {number}")
    # A pasted link may hold fields of the visit, which belong to the viewer.
    kept = {key: value for key, value in values.items() if key not in VISIT_FIELDS}
    return MappingProxyType(kept)


def _kind(value: object) -> str:
    """Return a word for the type of a TOML value, such as "a text" or "a list"."""
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    kinds |= {list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")
