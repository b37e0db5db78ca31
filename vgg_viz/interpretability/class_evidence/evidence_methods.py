"""Methods that show the evidence for a class, one record each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vgg_viz.option import Option, by_name

Side = Literal["for", "against"]

SIDES: Mapping[Side, Option] = by_name(
    Option("for", "For", old=("For it",)), Option("against", "Against", old=("Against it",))
)


@dataclass(frozen=True)
class EvidenceMethod(Option):
    """One method that shows the evidence for a class.

    function: place of the function (maps, gradients) -> class activation map; none for ablation,
        which needs no gradient.
    """

    function: str = ""


_MODULE = "vgg_viz.interpretability.class_evidence.evidence"

EVIDENCE_METHODS: Mapping[str, EvidenceMethod] = by_name(
    EvidenceMethod("ablation", "Ablation", old=("away", "Taking away")),
    EvidenceMethod("gradcam", "Grad-CAM", function=f"{_MODULE}:grad_cam"),
    EvidenceMethod("hirescam", "HiResCAM", function=f"{_MODULE}:hires_cam"),
    EvidenceMethod("layercam", "LayerCAM", function=f"{_MODULE}:layer_cam"),
)
