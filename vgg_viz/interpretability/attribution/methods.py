"""Attribution methods, one record each."""

from collections.abc import Mapping
from dataclasses import dataclass

from vgg_viz.option import Option, by_name


@dataclass(frozen=True)
class AttributionMethod(Option):
    """One attribution method."""


ATTRIBUTION_METHODS: Mapping[str, AttributionMethod] = by_name(
    AttributionMethod("input_x_gradient", "Input × gradient", old=("contribution",)),
    AttributionMethod("gradient", "Gradient"),
    AttributionMethod("guided_backpropagation", "Guided backpropagation", old=("guided",)),
    AttributionMethod("deconvnet", "Deconvnet"),
    AttributionMethod("integrated_gradients", "Integrated gradients", old=("integrated",)),
)
