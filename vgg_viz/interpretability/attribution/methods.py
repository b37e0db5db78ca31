"""Attribution methods, one `AttributionMethod` record each.

To add a method, write its function in this package, its part of the exported script in
`vgg_viz.export.scripts`, and a record here. Controls, links and captions follow from the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vgg_viz.option import Option, Paper, by_name

PACKAGE = "vgg_viz.interpretability.attribution"


@dataclass(frozen=True)
class Term:
    """A summand of the attributed value that is not an attribution, such as the bias terms."""

    field: str  # property of `Attribution`
    label: str  # in the page's table of the sum


@dataclass(frozen=True)
class AttributionMethod(Option):
    """An attribution method: its function, and the properties that the page shows or needs.

    The function is a generator (attribution pass, pixels) -> `Attribution`, which yields its
    number of steps and then after each.
    """

    # Terms that sum, with the attributions, to the value before ReLU. None for an incomplete
    # method, whose attributions have no such sum.
    terms: tuple[Term, ...] = ()
    # The papers show attributions in color. Such a method fails the sanity check, so the page
    # always shows the check beside it.
    in_color: bool = False
    many_passes: bool = False  # such computations have a queue of their own
    needs_positive_value: bool = False


BIASES = Term("bias_sum", "bias terms")
ABSORBED = Term("absorbed", "absorbed by ε")
BASELINE = Term("baseline", "baseline (mean color)")

ATTRIBUTION_METHODS: Mapping[str, AttributionMethod] = by_name(
    AttributionMethod(
        "input_x_gradient",
        "Input × gradient",
        "**Input × gradient.** With the bias terms (*FullGrad*), it sums to the value before ReLU.",
        old=("contribution",),
        function=f"{PACKAGE}.gradients:input_x_gradient",
        papers=(Paper("Srinivas and Fleuret 2019", "https://arxiv.org/abs/1905.00780"),),
        terms=(BIASES,),
    ),
    AttributionMethod(
        "gradient",
        "Gradient",
        "**Gradient** (*saliency*): how much the value changes with a small change of the input.",
        function=f"{PACKAGE}.gradients:gradient",
        papers=(Paper("Simonyan et al. 2013", "https://arxiv.org/abs/1312.6034"),),
    ),
    AttributionMethod(
        "guided_backpropagation",
        "Guided backpropagation",
        "**Guided backpropagation**: the gradient, with negative values set to zero at every ReLU.",
        old=("guided",),
        function=f"{PACKAGE}.gradients:guided_backpropagation",
        papers=(Paper("Springenberg et al. 2014", "https://arxiv.org/abs/1412.6806"),),
        in_color=True,
    ),
    AttributionMethod(
        "deconvnet",
        "Deconvnet",
        "**Deconvnet**: at every ReLU it passes back positive values alone, even through inactive "
        "units.",
        function=f"{PACKAGE}.gradients:deconvnet",
        papers=(Paper("Zeiler and Fergus 2013", "https://arxiv.org/abs/1311.2901"),),
        in_color=True,
    ),
    AttributionMethod(
        "integrated_gradients",
        "Integrated gradients",
        "**Integrated gradients**: the mean gradient along a line from the baseline (the mean "
        "color) to the image, times their difference. It takes 9 points of the line, then 17, 33 "
        "and 65, until the sum is twice within 1% of the value.",
        old=("integrated",),
        function=f"{PACKAGE}.integrated_gradients:integrated_gradients",
        papers=(Paper("Sundararajan et al. 2017", "https://arxiv.org/abs/1703.01365"),),
        terms=(BASELINE,),
        many_passes=True,
    ),
    AttributionMethod(
        "lrp",
        "LRP",
        "**Layer-wise relevance propagation**: each unit passes the value back to its inputs in "
        "proportion to their contributions. Rules: zᴮ at the pixels, γ in blocks 1 to 3, ε in "
        "blocks 4 and 5.",
        function=f"{PACKAGE}.lrp:lrp",
        papers=(
            Paper("Bach et al. 2015", "https://doi.org/10.1371/journal.pone.0130140"),
            Paper("Montavon et al. 2019", "https://doi.org/10.1007/978-3-030-28954-6_10"),
        ),
        terms=(BIASES, ABSORBED),
        needs_positive_value=True,
    ),
)
