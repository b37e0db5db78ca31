"""Links that were passed on: mended where they can mean only one thing, among others' parameters.

Newsletters, searches and statistics add parameters. Mail programs and chats escape ``&``, encode a
link again, break it, or take a full stop into it. No name or label of a field or option has any of
the characters that are mended; names of a host's own pictures and networks may.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote

from vgg_viz.fields import FIELDS, MOST_PARAMETERS, OLD_FIELDS, Named, Value
from vgg_viz.links import read_values

_NAMES = FIELDS.keys() | OLD_FIELDS.keys()
# Fields that hold any name, and their options.
_HOSTS = {name: kind.options for name, kind in FIELDS.items() if isinstance(kind, Named)}
_COMMON = ("channel", "network")  # in others' links too, as in "channel=email" and "network=g"
_CODINGS = 3  # times that a link may be percent-encoded
# As HTML and JSON write it.
_AMPERSAND = re.compile(r"&(amp;|#0*38;|#x0*26;)+|\\u0026", re.IGNORECASE)
_SEPARATOR = re.compile("[&?]|;(?=[a-z_]+=)")
# 3D: quoted-printable's =. Most others are invisible: soft hyphens, joiners, marks of direction.
_BREAKS = re.compile(r"[\s\\\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|^3D")
_MARKUP = re.compile('[<>"#]')  # a tag or fragment begins, or an attribute ends

# For a field that holds any name, a function that returns those that this server has.
Known = Mapping[str, Callable[[], Collection[str]]]
_NONE: Known = MappingProxyType({})


@dataclass
class PassedOnLink:
    """Values that a link sets, and the rest of it."""

    values: dict[str, Value] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)  # that the values were read from
    # Texts for fields that could not be read, and a sentence on each field.
    unread: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)  # parameters of other programs


def read_passed_on(parameters: Mapping[str, Sequence[str]], known: Known = _NONE) -> PassedOnLink:
    """Read a URL's parameters; a parameter that another program may have added is no problem."""
    link = PassedOnLink()
    if sum(map(len, parameters.values())) > MOST_PARAMETERS:
        link.problems = [f"expected at most {MOST_PARAMETERS} parameters, got more"]
        return link
    own: dict[str, list[str]] = {}
    for name, texts in parameters.items():
        for piece, value in (found for text in texts for found in _pieces(name, text)):
            (own if piece in _NAMES else link.others).setdefault(piece, []).append(value)
    for name, texts in own.items():
        problems, readable = _first_readable(name, texts, known)
        if not problems:
            link.texts[name] = readable
        elif name in FIELDS and name not in _COMMON:
            link.unread[name], link.problems = texts, link.problems + problems
        else:
            link.others[name] = texts
    link.values, _ = read_values(link.texts, clamp=True)
    return link


def _pieces(name: str, text: str) -> list[tuple[str, str]]:
    """Return the parameters that one parameter holds: several after a mistake in coding."""
    decoded = f"&{name}={text}" if text else f"&{name}"
    for _ in range(_CODINGS):
        decoded = unquote(decoded)
    # In HTML, &para is ¶, as in "&parametrization".
    parts = _SEPARATOR.split(_AMPERSAND.sub("&", decoded.replace("¶", "&para")))
    pieces = [part.partition("=") for part in parts if part]
    found = [(_BREAKS.sub("", key), value) for key, _, value in pieces]
    first, *others = [key for key, _ in found] or [""]
    if first in _HOSTS and _NAMES.isdisjoint(others):
        return [(first, text)]
    return found if first in _NAMES else [(name, text)]


def _first_readable(name: str, texts: list[str], known: Known) -> tuple[list[str], list[str]]:
    """Return a sentence on what cannot be read, or none, and the texts as they can be read."""
    readings = [(mended, *read_values({name: mended}, clamp=True)) for mended in _mendings(texts)]
    readable = [(mended, values) for mended, values, problems in readings if not problems]
    if not readable:
        return readings[0][2], texts
    first, others = readable[0][0], [text for text, _ in readable if text != readable[0][0]]
    if not others or name not in _HOSTS:
        return [], first
    # A name that exists before another: "untrained." is the untrained network.
    names = {*_HOSTS[name], *known.get(name, tuple)()}
    return [], next((text for text, values in readable if values[name] in names), first)


def _mendings(texts: list[str]) -> Iterator[list[str]]:
    stripped = [_without_end(text.replace("+", " ")) for text in texts]
    for mended in (texts, stripped, [_BREAKS.sub("", text) for text in stripped]):
        if all(mended) or mended == texts:  # nothing is left of a text that is no value at all
            yield mended


def _without_end(text: str) -> str:
    """Return a text without markup at its end, and without punctuation of any script."""
    text = _MARKUP.split(text, maxsplit=1)[0]
    end = next((end for end in range(len(text), 0, -1) if text[end - 1].isalnum()), 0)
    return text[:end]
