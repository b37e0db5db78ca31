"""Choices of feature visualization: kind of examples, and parametrization of optimized images."""

from collections.abc import Mapping
from typing import Literal

from vgg_viz.option import Option, Paper, by_name

OLAH = Paper(
    "Olah, Mordvintsev and Schubert 2017", "https://distill.pub/2017/feature-visualization"
)

Example = Literal["patches", "optimized"]
Parametrization = Literal["regularized", "pixels"]

EXAMPLES: Mapping[Example, Option] = by_name(
    Option("patches", "Top patches", old=("Patches",)),
    Option("optimized", "Optimized images", old=("made",)),
)


# The function of a parametrization is the class of its canvas.
PARAMETRIZATIONS: Mapping[Parametrization, Option] = by_name(
    Option(
        "regularized",
        "Regularized",
        "gradient ascent in a Fourier basis with decorrelated colors, under small random "
        "rotations, scalings and shifts",
        old=("recipe", "With the recipe"),
        papers=(OLAH,),
        function="vgg_viz.interpretability.feature_visualization.optimization:FourierCanvas",
    ),
    Option(
        "pixels",
        "Plain pixels",
        "gradient ascent on each pixel by itself, which reaches higher values with images that "
        "show why regularization is needed",
        old=("plain",),
        function="vgg_viz.interpretability.feature_visualization.optimization:PixelCanvas",
    ),
)
