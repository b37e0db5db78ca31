"""Tours of the page: a file of steps, each with a view of the page and a few sentences on it.

A tour is a TOML file; `docs/tours.md` says how to write one. Files come from strangers: they are
bounded before they are read, and whatever is wrong ends as a `TourError` with one sentence.

    file -- parse --> Tour(title, steps) -- the page shows --> steps[n].page, .text, .question, ...
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from vgg_viz import links
from vgg_viz.links import LinkError, Value, shortened
from vgg_viz.samples import ASSETS

BUILT_IN = ASSETS / "tours" / "walkthrough.toml"

MOST_BYTES = 64_000
MOST_LINES = 1_000
MOST_STEPS = links.MOST_STEPS
# tomllib takes a time that grows with the square of a dotted key's parts: minutes for 64 kB of it.
MOST_DOTS = 100

LONGEST = {"title": 120, "text": 1_200, "page": 2_000, "question": 600, "answer": 600}
ONE_LINE = ("title", "page")
REQUIRED = ("title", "text", "page")
# What a visitor does with a tour is no part of a step, but a pasted link may have it.
LEFT_OUT = ("tour", "own_tour", "answer", "lecture")

LONGEST_LIST = 60  # letters of a list of options in a message

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Path = tuple[str | int, ...]
Document = Mapping[str, object]


@dataclass(frozen=True)
class Step:
    """One step: the controls that its link names, and what is said; texts are Markdown.

    A step with a ``question`` has an ``answer`` too; both are empty where it asks nothing.
    """

    title: str
    text: str
    page: Mapping[str, Value]
    question: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Tour:
    """A tour: its title and its steps, at least one."""

    title: str
    steps: tuple[Step, ...]


class TourError(ValueError):
    """A file that is no tour; the message is one sentence for the visitor, with the line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"Line {line} of the tour: {problem}.")
        self.line = line


class _Misfit(Exception):
    """Valid TOML that is no tour; ``path`` leads to what does not fit, or to what lacks it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path


@lru_cache(maxsize=1)
def built_in() -> Tour:
    """The tour that comes with the page."""
    return parse(BUILT_IN.read_bytes())


def parse(text: str | bytes) -> Tour:
    """Read a tour file's text, or its bytes in UTF-8.

    Raises:
        TourError: it is too large, no TOML, or no tour; the message has the line.
    """
    source = _bounded(_decoded(text))
    document = _document(source)
    try:
        return _tour(document)
    except _Misfit as misfit:
        raise TourError(_line_of(source, misfit.path), str(misfit)) from None


# -- the text


def _decoded(text: str | bytes) -> str:
    """The text without a byte order mark, its lines ended by line feeds alone."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MOST_BYTES:
        line = data[:MOST_BYTES].count(b"\n") + 1
        raise TourError(line, f"expected a file of at most {MOST_BYTES // 1000} kB, got more")
    try:
        decoded = text if isinstance(text, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = f"expected text in UTF-8, got a byte {data[error.start]:#04x}"
        raise TourError(line, problem) from None
    return decoded.removeprefix("\ufeff").replace("\r\n", "\n")


def _bounded(source: str) -> str:
    """The same text, if it is not too much and has no control characters."""
    lines = source.removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES:
        problem = f"expected at most {MOST_LINES:,} lines, got {len(lines):,}"
        raise TourError(MOST_LINES + 1, problem)
    for number, line in enumerate(lines, start=1):
        if found := CONTROL.search(line):
            raise TourError(number, f"expected no control characters, got {_code(found[0])}")
        if line.count(".") > MOST_DOTS:
            raise TourError(number, f"expected at most {MOST_DOTS} full stops in a line, got more")
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
        raise TourError(*_syntax_problem(source, error)) from None
    except RecursionError:
        line = _first_line(source, lambda prefix: _fails(prefix, RecursionError))
        raise TourError(line, "expected texts and steps, got lists nested too deeply") from None
    except ValueError:
        # A number of thousands of digits, say: what Python, not TOML, refuses to read.
        line = _first_line(source, lambda prefix: _fails(prefix, ValueError))
        raise TourError(line, "expected a text, got a value that cannot be read") from None


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


def _first_line(source: str, holds: Callable[[str], bool]) -> int:
    """The first line after which the text holds what it holds from then on."""
    lines = source.split("\n")
    ends = range(1, len(lines))  # the last line is known to hold it
    return bisect_left(ends, True, key=lambda end: holds("\n".join(lines[:end]))) + 1


def _fails(source: str, kind: type[Exception]) -> bool:
    """Whether reading ends in that kind of error, a mere syntax error aside."""
    try:
        tomllib.loads(source)
    except Exception as error:
        return isinstance(error, kind) and not isinstance(error, tomllib.TOMLDecodeError)
    return False


# -- the line of a part of a document

# In valid TOML nothing else can hold a bracket or end a line. Strings in threes may end in up to
# five quotes, the first two of which are their own.
TOKEN = re.compile(
    r'''"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}'''
    r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[\]{}\n]""",
    re.DOTALL,
)


def _line_of(source: str, path: Path) -> int:
    """The line where the part of a valid document begins to which that path leads."""
    text = source if source.endswith("\n") else source + "\n"
    cuts = list(_cuts(text))
    if not path:
        return 1
    found = bisect_left(
        cuts[:-1], True, key=lambda cut: _holds(text[: cut.end] + cut.closing, path)
    )
    return cuts[found - 1].line + 1 if found else 1


class _Cut(NamedTuple):
    """A place where a document may be cut off: behind a line, at ``end``, with what closes it."""

    line: int
    end: int
    closing: str


def _cuts(text: str) -> Iterator[_Cut]:
    """Where a valid document may be cut off so that what is left of it is valid as well.

    That is at every line's end outside strings; lists that are open there are to be closed.
    """
    line, open_brackets = 1, ""
    for token in TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            open_brackets += token[0]
        elif token[0] in ("]", "}"):
            open_brackets = open_brackets[:-1]
        elif token[0] == "\n" and "{" not in open_brackets:
            yield _Cut(line, token.end(), "]" * len(open_brackets))
        line += token[0].count("\n")


def _holds(source: str, path: Path) -> bool:
    """Whether that path leads anywhere in a document."""
    try:
        part: object = tomllib.loads(source)
        for key in path:
            part = part[key]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return False
    except RecursionError:
        # Nested just as deeply as can be read, and called from further within than at first.
        return True
    return True


# -- the tour


def _tour(document: Document) -> Tour:
    _refuse_unknown(document, ("title", "step"), ())
    title = _text(document, "title", ())
    steps = document.get("step", [])
    if not isinstance(steps, list):
        raise _Misfit(("step",), f"expected [[step]] in two pairs of brackets, got {_kind(steps)}")
    if not steps:
        raise _Misfit((), "expected at least one [[step]], got none")
    if len(steps) > MOST_STEPS:
        problem = f"expected at most {MOST_STEPS} steps, got {len(steps)}"
        raise _Misfit(("step", MOST_STEPS), problem)
    return Tour(title, tuple(_step(step, ("step", index)) for index, step in enumerate(steps)))


def _step(step: object, path: Path) -> Step:
    if not isinstance(step, dict):
        raise _Misfit(path, f"expected a step with {_listed(REQUIRED)}, got {_kind(step)}")
    _refuse_unknown(step, tuple(LONGEST), path)
    texts = {key: _text(step, key, path) for key in LONGEST if key in step or key in REQUIRED}
    if "question" in texts and "answer" not in texts:
        raise _Misfit((*path, "question"), "expected an answer with the question, got none")
    if "answer" in texts and "question" not in texts:
        raise _Misfit((*path, "answer"), "expected a question with the answer, got none")
    page = _page(texts.pop("page"), (*path, "page"))
    return Step(page=page, **texts)  # type: ignore[arg-type]


def _refuse_unknown(table: Document, known: tuple[str, ...], path: Path) -> None:
    for key in table:
        if key not in known:
            raise _Misfit((*path, key), f"expected {_listed(known, 'or')}, got {shortened(key)}")


def _text(table: Document, key: str, path: Path) -> str:
    """A table's text under that key, without the white space around it."""
    if key not in table:
        where = "in the step" if path else "of the tour"
        raise _Misfit(path, f"expected a {key} {where}, got none")
    text = table[key]
    if not isinstance(text, str):
        raise _Misfit((*path, key), f"{key}: expected a text in quotes, got {_kind(text)}")
    text = text.replace("\r\n", "\n").strip()
    if problem := _problem(text, key):
        raise _Misfit((*path, key), f"{key}: {problem}")
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


def _page(link: str, path: Path) -> Mapping[str, Value]:
    try:
        values = links.read(link)
    except LinkError as error:
        raise _Misfit(path, f"page: {_with_fewer_options(str(error))}") from None
    kept = {key: value for key, value in values.items() if key not in LEFT_OUT}
    return MappingProxyType(kept)


def _with_fewer_options(message: str) -> str:
    """A link's error message, a long list of options in it cut short."""
    found = re.fullmatch(r"(.*?: expected one of )(.*)(, got .*)", message)
    if not found or len(found[2]) <= LONGEST_LIST:
        return message
    return f"{found[1]}{found[2][:LONGEST_LIST].rsplit(', ', 1)[0]}, …{found[3]}"


def _listed(words: tuple[str, ...], joint: str = "and") -> str:
    """Words as a sentence has them: ``"title, text and page"``."""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def _kind(value: object) -> str:
    """What a TOML value is, in plain words."""
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    kinds |= {list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")
