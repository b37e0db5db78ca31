"""Options of a control: records from which controls, links, documents and tests are derived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Option:
    """One value of a control.

    name: its name in addresses, tours and code; public, so it does not change.
    label: its label on the page, which may change or be translated.
    help: one or two sentences for the control's tooltip, Markdown.
    old: names and labels of earlier versions, which saved links may still hold.
    """

    name: str
    label: str
    help: str = ""
    old: tuple[str, ...] = ()


Record = TypeVar("Record", bound=Option)


def by_name(*records: Record) -> Mapping[Any, Record]:
    """Return the records by name, in the given order."""
    return {record.name: record for record in records}


def labels(options: Mapping[Name, Option]) -> dict[Name, str]:
    """Return the label of each option by name.

    >>> labels(by_name(Option("gray", "Gray"), Option("gray_r", "Gray, inverted")))
    {'gray': 'Gray', 'gray_r': 'Gray, inverted'}
    """
    return {name: option.label for name, option in options.items()}


def tooltip(options: Mapping[Name, Option]) -> str:
    """Return a control's tooltip: the label and help of each option that has one, Markdown.

    >>> tooltip(by_name(Option("own", "Each tile", "its own scale"), Option("layer", "Layer")))
    '**Each tile**: its own scale'
    """
    described = [option for option in options.values() if option.help]
    return " · ".join(f"**{option.label}**: {option.help}" for option in described)


def resolve(place: str) -> Callable[..., Any]:
    """Return the function at ``"module:function"``; imports its module.

    Records name their functions this way so that reading a record imports neither NumPy nor
    TensorFlow.

    >>> resolve("math:sqrt")(9.0)
    3.0
    """
    module, _, function = place.partition(":")
    resolved: Callable[..., Any] = getattr(import_module(module), function)
    return resolved
