"""Links that were passed on: mended where they can mean only one thing, among others' parameters.

Newsletters, searches and statistics add parameters. Mail programs and chats escape ``&``, encode a
link again, break it, or take a full stop into it. No name or label of a field or option has any of
the characters that are mended; names of a host's own pictures and networks may.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from vgg_viz.fields import FIELDS, MOST_PARAMETERS, OLD_FIELDS, Named, Value
from vgg_viz.links import read_values

_NAMES = FIELDS.keys() | OLD_FIELDS.keys()
# Fields that hold any name, and their options.
_HOSTS = {name: kind.options for name, kind in FIELDS.items() if isinstance(kind, Named)}
_COMMON = ("channel", "network")  # in others' links too, as in "channel=email" and "network=g"
_CODINGS = 3  # times that a link may be percent-encoded
_AMPERSAND = re.compile("&(amp;|#38;|#x26;)+", re.IGNORECASE)
_BREAKS = re.compile(r"[\s\\\u200b-\u200d\u2060\ufeff]|^3D")  # 3D: quoted-printable's =
_END = re.compile(r"""[\s.,;:!?)\]}>"'”’»…*_`|/]+$""")


@dataclass
class PassedOnLink:
    """Values that a link sets, and the rest of it."""

    values: dict[str, Value] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)  # that the values were read from
    # Texts for fields that could not be read, and a sentence on each field.
    unread: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)  # parameters of other programs


def read_passed_on(parameters: Mapping[str, Sequence[str]]) -> PassedOnLink:
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
        problems, readable = _first_readable(name, texts)
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
    parts = re.split("[&?]", _AMPERSAND.sub("&", decoded.replace("¶", "&para")))
    pieces = [part.partition("=") for part in parts if part]
    found = [(_BREAKS.sub("", key), value) for key, _, value in pieces]
    first, *others = [key for key, _ in found] or [""]
    if first in _HOSTS and _NAMES.isdisjoint(others):
        return [(first, text)]
    return found if first in _NAMES else [(name, text)]


def _first_readable(name: str, texts: list[str]) -> tuple[list[str], list[str]]:
    """Return a sentence on what cannot be read, or none, and the texts as they can be read."""
    readings = [(mended, *read_values({name: mended}, clamp=True)) for mended in _mendings(texts)]
    readable = [(mended, values) for mended, values, problems in readings if not problems]
    if not readable:
        return readings[0][2], texts
    # An option before the name of a host's network: "untrained." is the untrained one.
    options = [text for text, values in readable if values.get(name) in _HOSTS.get(name, ())]
    return [], (options or [readable[0][0]])[0]


def _mendings(texts: list[str]) -> Iterator[list[str]]:
    yield texts
    stripped = [_END.sub("", text.replace("+", " ")) for text in texts]
    yield stripped
    yield [_BREAKS.sub("", text) for text in stripped]
