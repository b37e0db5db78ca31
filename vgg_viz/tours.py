"""Tours of the page: a file of steps, each with a view of the page and a few sentences on it.

A tour is a TOML file; `docs/tours.md` says how to write one. Files come from strangers: they are
bounded before they are read, and whatever is wrong ends as a `TourError` with one sentence.

    file -- parse --> Tour(title, steps) -- the page shows --> steps[n].page
                                            said(steps[n], network) --> .text, .question, ...
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from vgg_viz import links
from vgg_viz.links import FIELDS, VISIT_FIELDS, Choice, LinkError, Value, shortened
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.samples import ASSETS

BUILT_IN = ASSETS / "tours" / "walkthrough.toml"

MOST_BYTES = 64_000
MOST_LINES = 1_000
MOST_STEPS = links.MOST_STEPS
MOST_OUTLINED = 16
# tomllib takes a time that grows with the square of a dotted key's parts: minutes for 64 kB of it.
MOST_DOTS = 100

LONGEST = {
    "title": 120,
    "text": 1_200,
    "page": 2_000,
    "question": 600,
    "answer": 600,
    "network": 40,
}
ONE_LINE = ("title", "page", "network")
WORDS = ("text", "question", "answer", "outlined")
STEP = ("title", "page", "network", *WORDS, "untrained")
# What depends on the layer, and would be another map or place where it were cut to it.
OF_THE_LAYER = ("channel", "row", "column", "filter_page", "channel_page")

LONGEST_LIST = 60  # letters of a list of options in a message

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Document = Mapping[str, object]
Shown = NetworkChoice | Literal["file"]


@dataclass(frozen=True)
class Words:
    """What a step says, in Markdown; ``question`` and ``answer`` are both empty if it asks nothing.

    ``outlined`` are the numbers of the maps, or filters, that the answer names.
    """

    text: str
    question: str = ""
    answer: str = ""
    outlined: tuple[int, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step: the controls that its link names, and what is said.

    ``network`` is the one of which the words hold, None where they hold of any; ``untrained`` are
    words of their own for the untrained network.
    """

    title: str
    page: Mapping[str, Value]
    words: Words
    network: NetworkChoice | None = None
    untrained: Words | None = None


@dataclass(frozen=True)
class Tour:
    """A tour: its title and its steps, at least one."""

    title: str
    steps: tuple[Step, ...]


class TourError(ValueError):
    """A file that is no tour; the message is one sentence for the visitor.

    It says where: in which step under which key, or, of what is no TOML, in which line.
    """

    def __init__(self, problem: str, *, step: int | None = None, line: int | None = None) -> None:
        where = f"Step {step} of the tour" if step else f"Line {line} of the tour" if line else ""
        super().__init__(f"{where or 'The tour'}: {problem}.")


class _Misfit(Exception):
    """Valid TOML that is no tour; the message is the key and what is wrong with it."""


@lru_cache(maxsize=1)
def built_in() -> Tour:
    """The tour that comes with the page."""
    return parse(BUILT_IN.read_bytes())


def parse(text: str | bytes) -> Tour:
    """Read a tour file's text, or its bytes in UTF-8.

    Raises:
        TourError: it is too large, no TOML, or no tour.
    """
    document = _document(_bounded(_decoded(text)))
    try:
        _refuse_unknown(document, ("title", "step"))
        title = _text(document, "title")
        steps = _steps(document.get("step", []))
    except _Misfit as misfit:
        raise TourError(str(misfit)) from None
    return Tour(title, tuple(_numbered(step, number) for number, step in enumerate(steps, 1)))


def said(step: Step, shown: Shown | None) -> tuple[Words, bool]:
    """What a step may say of the network that is shown, and whether its answer holds there.

    ``shown`` is None where no network is. Where the words were written for another network, the
    question stays and its answer does not hold.
    """
    if shown == "untrained" and step.untrained:
        return step.untrained, True
    return step.words, step.network in (None, shown) or shown is None


# -- the text


def _decoded(text: str | bytes) -> str:
    """The text without a byte order mark, its lines ended by line feeds alone."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MOST_BYTES:
        raise TourError(f"expected a file of at most {MOST_BYTES // 1000} kB, got more")
    try:
        decoded = text if isinstance(text, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = f"expected text in UTF-8, got a byte {data[error.start]:#04x}"
        raise TourError(problem, line=line) from None
    return decoded.removeprefix("\ufeff").replace("\r\n", "\n")


def _bounded(source: str) -> str:
    """The same text, if it is not too much and has no control characters."""
    lines = source.removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES:
        raise TourError(f"expected at most {MOST_LINES:,} lines, got {len(lines):,}")
    for number, line in enumerate(lines, start=1):
        if found := CONTROL.search(line):
            problem = f"expected no control characters, got {_code(found[0])}"
            raise TourError(problem, line=number)
        if line.count(".") > MOST_DOTS:
            problem = f"expected at most {MOST_DOTS} full stops in a line, got more"
            raise TourError(problem, line=number)
    return source


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"


# -- TOML


def _document(source: str) -> Document:
    """The TOML document.

    Raises:
        TourError: it is none.
    """
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        line, problem = _syntax_problem(source, error)
        raise TourError(problem, line=line) from None
    except RecursionError:
        raise TourError("expected texts and steps, got lists nested too deeply") from None
    except ValueError:
        # A number of thousands of digits, say: what Python, not TOML, refuses to read.
        raise TourError("expected texts, got a value that cannot be read") from None


def _syntax_problem(source: str, error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """The line of a syntax error, and a sentence on it.

    Python 3.14 has both as attributes; before, they stand in the message alone.
    """
    message = getattr(error, "msg", None) or str(error).rsplit(" (at ", 1)[0]
    found = re.search(r"\(at line ([0-9]+), column [0-9]+\)$", str(error))
    last = source.removesuffix("\n").count("\n") + 1
    line = getattr(error, "lineno", None) or (int(found[1]) if found else last)
    hint = ": texts stand in quotes" if found and message == "Invalid value" else ""
    printable = "".join(letter if letter.isprintable() else "�" for letter in message[:100])
    return min(line, last), f"expected TOML, got an error ({printable}{hint})"


# -- the tour


def _steps(steps: object) -> Sequence[object]:
    if not isinstance(steps, list):
        raise _Misfit(f"step: expected [[step]] in two pairs of brackets, got {_kind(steps)}")
    if not steps:
        raise _Misfit("expected at least one [[step]], got none")
    if len(steps) > MOST_STEPS:
        raise _Misfit(f"expected at most {MOST_STEPS} steps, got {len(steps)}")
    return steps


def _numbered(step: object, number: int) -> Step:
    """The step of that number, from 1."""
    try:
        return _step(_table(step, "a step"))
    except _Misfit as misfit:
        raise TourError(str(misfit), step=number) from None


def _step(step: Document) -> Step:
    _refuse_unknown(step, STEP)
    title, page = _text(step, "title"), _page(_text(step, "page"))
    words = _words(step, page)
    network = _network(_text(step, "network")) if "network" in step else None
    untrained = None
    if "untrained" in step:
        try:
            table = _table(step["untrained"], "a table of words")
            _refuse_unknown(table, WORDS)
            untrained = _words(table, page)
        except _Misfit as misfit:
            raise _Misfit(f"untrained: {misfit}") from None
    return Step(title, page, words, network, untrained)


def _words(table: Document, page: Mapping[str, Value]) -> Words:
    texts = {key: _text(table, key) for key in WORDS[:3] if key in table or key == "text"}
    if "question" in texts and "answer" not in texts:
        raise _Misfit("question: expected an answer with the question, got none")
    if "answer" in texts and "question" not in texts:
        raise _Misfit("answer: expected a question with the answer, got none")
    words = Words(texts["text"], texts.get("question", ""), texts.get("answer", ""))
    if "outlined" not in table:
        return words
    if "answer" not in texts:
        raise _Misfit("outlined: expected an answer that names these numbers, got none")
    return replace(words, outlined=_outlined(table["outlined"], page))


def _outlined(numbers: object, page: Mapping[str, Value]) -> tuple[int, ...]:
    if not isinstance(numbers, list):
        raise _Misfit(f"outlined: expected a list of numbers, got {_kind(numbers)}")
    if not 1 <= len(numbers) <= MOST_OUTLINED:
        raise _Misfit(f"outlined: expected 1 to {MOST_OUTLINED} numbers, got {len(numbers)}")
    largest = links.upper_limit("channel", page)
    for number in numbers:
        # True is an int to Python.
        if isinstance(number, bool) or not isinstance(number, int):
            raise _Misfit(f"outlined: expected numbers, got {_kind(number)}")
        if largest is None or not 1 <= number <= largest:
            got = shortened(str(number)) if abs(number) < 10**6 else "a larger one"
            raise _Misfit(f"outlined: expected numbers from 1 to {largest}, got {got}")
    return tuple(numbers)


def _network(text: str) -> NetworkChoice:
    try:
        return Choice(NETWORKS).read([text])
    except LinkError as error:
        raise _Misfit(f"network: {error}") from None


def _table(value: object, what: str) -> Document:
    if not isinstance(value, dict):
        raise _Misfit(f"expected {what}, got {_kind(value)}")
    return value


def _refuse_unknown(table: Document, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise _Misfit(f"expected {_listed(known)}, got {shortened(key)}")


def _text(table: Document, key: str) -> str:
    """A table's text under that key, without the white space around it."""
    if key not in table:
        raise _Misfit(f"{key}: expected a text in quotes, got none")
    text = table[key]
    if not isinstance(text, str):
        raise _Misfit(f"{key}: expected a text in quotes, got {_kind(text)}")
    text = text.replace("\r\n", "\n").strip()
    if problem := _problem(text, key):
        raise _Misfit(f"{key}: {problem}")
    return text


def _problem(text: str, key: str) -> str:
    """What is wrong with a text; nothing, if all is well."""
    if not 1 <= len(text) <= LONGEST[key]:
        return f"expected 1 to {LONGEST[key]:,} characters, got {len(text):,}"
    if found := CONTROL.search(text):
        return f"expected no control characters, got {_code(found[0])}"
    if key in ONE_LINE and "\n" in text:
        return f"expected one line, got {len(text.splitlines())}"
    # A picture from elsewhere would be loaded by every viewer's browser without being asked.
    if key != "page" and "![" in text:
        return "expected a text without pictures, got “![”"
    return ""


def _page(link: str) -> Mapping[str, Value]:
    """The controls that a link names, each within what the layer has.

    The page would cut a map's number to the layer's, and the words would be of another map.
    """
    try:
        values = links.read(link)
    except LinkError as error:
        raise _Misfit(f"page: {_with_fewer_options(str(error))}") from None
    for key in OF_THE_LAYER:
        number, largest = values.get(key), links.upper_limit(key, values)
        if isinstance(number, int) and largest is not None and number > largest:
            layer = values.get("layer", FIELDS["layer"].default)
            raise _Misfit(f"page: {key}: expected 1 to {largest} in {layer}, got {number}")
    # What a visitor does with a tour is no part of a step, but a pasted link may have it.
    kept = {key: value for key, value in values.items() if key not in VISIT_FIELDS}
    return MappingProxyType(kept)


def _with_fewer_options(message: str) -> str:
    """A link's error message, a long list of options in it cut short."""
    found = re.fullmatch(r"(.*?: expected one of )(.*)(, got .*)", message)
    if not found or len(found[2]) <= LONGEST_LIST:
        return message
    return f"{found[1]}{found[2][:LONGEST_LIST].rsplit(', ', 1)[0]}, …{found[3]}"


def _listed(words: tuple[str, ...]) -> str:
    """Words as a sentence has them: ``"title, text or page"``."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _kind(value: object) -> str:
    """What a TOML value is, in plain words."""
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    kinds |= {list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")
