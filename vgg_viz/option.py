"""Options of the page's controls, as records.

Controls, links, documents and tests are derived from the records.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

Name = TypeVar("Name", bound=str)


class Paper(NamedTuple):
    """A scientific paper: its authors and year, and its URL."""

    title: str
    url: str

    def __str__(self) -> str:
        """Return a Markdown link to the paper, with authors and year as its text.

        >>> str(Paper("Zhou et al. 2016", "https://arxiv.org/abs/1512.04150"))
        '[Zhou et al. 2016](https://arxiv.org/abs/1512.04150)'
        """
        return f"[{self.title}]({self.url})"


@dataclass(frozen=True)
class Option:
    """One option of a control on the page, such as a color map."""

    name: str  # in URLs, tours and code; public, so it does not change
    label: str  # on the page; may change or be translated
    help: str = ""  # one or two sentences, Markdown
    papers: tuple[Paper, ...] = ()  # that introduced it
    old: tuple[str, ...] = ()  # names and labels of earlier versions, which links may still hold
    function: str = ""  # of a method, for `resolve`

    @property
    def description(self) -> str:
        """Explanation of the option with links to its papers, Markdown."""
        if not self.papers:
            return self.help
        citation = ", ".join(map(str, self.papers))
        return f"{self.help.removesuffix('.')} ({citation})."


Options = Mapping[str, Option]  # by their names
Record = TypeVar("Record", bound=Option)


def by_name(*records: Record) -> Mapping[Any, Record]:
    """Return a mapping from each record's name to the record, in the given order."""
    return {record.name: record for record in records}


def labels(options: Mapping[Name, Option]) -> dict[Name, str]:
    """Return a mapping from each option's name to its label.

    >>> labels(by_name(Option("gray", "Gray"), Option("gray_r", "Gray, inverted")))
    {'gray': 'Gray', 'gray_r': 'Gray, inverted'}
    """
    return {name: option.label for name, option in options.items()}


def tooltip(options: Mapping[Name, Option]) -> str:
    """Return a control's tooltip, Markdown: label and help of each option that has a help text.

    >>> tooltip(by_name(Option("own", "Each tile", "its own scale"), Option("layer", "Layer")))
    '**Each tile**: its own scale'
    """
    described = [option for option in options.values() if option.help]
    return " · ".join(f"**{option.label}**: {option.help}" for option in described)


def resolve(place: str) -> Callable[..., Any]:
    """Import a module and return one of its functions, given as ``"module:function"``.

    Records name their functions as text so that importing a record imports neither NumPy nor
    TensorFlow.

    >>> resolve("math:sqrt")(9.0)
    3.0
    """
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)
