"""Choices of feature visualization: which examples, and how images are parametrized."""

from collections.abc import Mapping
from typing import Literal

from vgg_viz.option import Option, by_name

Example = Literal["patches", "optimized"]
Parametrization = Literal["regularized", "pixels"]

EXAMPLES: Mapping[Example, Option] = by_name(
    Option("patches", "Top patches", old=("Patches",)),
    Option("optimized", "Optimized images", old=("made",)),
)

PARAMETRIZATIONS: Mapping[Parametrization, Option] = by_name(
    Option("regularized", "Regularized", old=("recipe", "With the recipe")),
    Option("pixels", "Plain pixels", old=("plain",)),
)
