"""Methods that show the evidence for a class, one record each."""

from collections.abc import Mapping
from typing import Literal

from vgg_viz.option import Option, Options, Paper, by_name

Side = Literal["for", "against"]

SIDES: Mapping[Side, Option] = by_name(
    Option("for", "For", old=("For it",)), Option("against", "Against", old=("Against it",))
)

_MODULE = "vgg_viz.interpretability.class_evidence.class_activation_maps"


# Functions (maps, gradients) -> class activation map; ablation needs no gradient.
EVIDENCE_METHODS: Options = by_name(
    Option(
        "ablation",
        "Ablation",
        "**Ablation** sets all maps to zero at one position, reruns the rest of the network and "
        "shows how much the logit drops. The effects of two positions need not add up.",
        old=("away", "Taking away"),
    ),
    Option(
        "gradcam",
        "Grad-CAM",
        "**Grad-CAM** weights each map by its mean gradient and adds the maps up. The paper keeps "
        "positive values only; here both signs are shown.",
        papers=(Paper("Selvaraju et al. 2017", "https://arxiv.org/abs/1610.02391"),),
        function=f"{_MODULE}:grad_cam",
    ),
    Option(
        "hirescam",
        "HiResCAM",
        "**HiResCAM** multiplies each value by its own gradient and adds the maps up. All "
        "positions and the bias terms sum to the logit.",
        papers=(Paper("Draelos and Carin 2020", "https://arxiv.org/abs/2011.08891"),),
        function=f"{_MODULE}:hires_cam",
    ),
    Option(
        "layercam",
        "LayerCAM",
        "**LayerCAM** is HiResCAM with positive gradients only, so it never shows evidence against "
        "a class.",
        papers=(Paper("Jiang et al. 2021", "https://doi.org/10.1109/TIP.2021.3089943"),),
        function=f"{_MODULE}:layer_cam",
    ),
)
