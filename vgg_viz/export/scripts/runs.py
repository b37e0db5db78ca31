"""Runs: what one array of an export is computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vgg_viz.export.scripts import script_code
from vgg_viz.interpretability.attribution.attribution_pass import (
    AttributionSpec,
    padded_receptive_field,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    PARAMETRIZATIONS,
    Parametrization,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Preprocessing

CLASSES = VGG19.dense_layers[-1].units


@dataclass(frozen=True)
class WeightsFile:
    """A network whose weights are in an HDF5 file of Keras' old layout; ``name`` has no folder."""

    name: str


ScriptNetwork = Literal["imagenet", "untrained"] | WeightsFile


@dataclass(frozen=True, eq=False)
class MapsRun:
    """One array of feature maps: what one layer of one network makes of one picture.

    ``name`` is the array's, ``pixels`` the picture, RGB uint8 (224, 224, 3), ``numbers`` the maps'
    numbers, from 1, in the array's order. The preprocessing ``"caffe"`` is VGG19's own: blue,
    green, red, the mean of ImageNet taken off; ``"rgb"`` is 0 to 1 in the order red, green, blue.

    Raises:
        ValueError: a picture of another shape, or numbers that the layer has no maps of.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    layer_name: str
    numbers: Sequence[int]

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        _check_numbers(self.numbers, VGG19.layer(self.layer_name).filters)


@dataclass(frozen=True, eq=False)
class AblationRun(MapsRun):
    """One array of feature maps where maps of an earlier layer are ablated.

    ``ablated`` are the numbers, from 1, of those maps of the layer ``ablated_in`` that are zero.

    Raises:
        ValueError: as for a `MapsRun`; no such maps, or the layer does not come before.
    """

    ablated_in: str
    ablated: Sequence[int]

    def __post_init__(self) -> None:
        """Check what the script could not."""
        super().__post_init__()
        before, after = (VGG19.conv_layer(name) for name in (self.ablated_in, self.layer_name))
        _check_numbers(self.ablated, before.filters)
        if before.conv_number >= after.conv_number:
            raise ValueError(f"expected a conv layer before {after.name}, got {before.name}")


@dataclass(frozen=True)
class FiltersRun:
    """One array of kernels, ``(filters, channels, 3, 3)``, of one layer of one network.

    ``name`` is the array's; ``filters`` and ``channels`` are numbers, from 1, in its order. With
    ``as_colors`` it has pictures, uint8 ``(filters, 3, 3, 3)``, as
    `vgg_viz.model.network.filter_colors` makes them of all three channels.

    Raises:
        ValueError: numbers that the layer has no filters or channels of, or too few for colors.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    filters: Sequence[int]
    channels: Sequence[int]
    as_colors: bool = False

    def __post_init__(self) -> None:
        """Check what the script could not."""
        layer = VGG19.layer(self.layer_name)
        _check_network(self.network)
        _check_numbers(self.filters, layer.filters)
        _check_numbers(self.channels, layer.channels)
        if self.as_colors and list(self.channels) != [1, 2, 3]:
            raise ValueError(f"expected channels 1, 2 and 3, got {list(self.channels)}")


@dataclass(frozen=True, eq=False)
class EvidenceRun:
    """One array of evidence for classes: what each place of block5_conv4 brings to their logits.

    ``method`` is ``"ablation"`` (the logit minus that without the place), ``"gradcam"``,
    ``"hirescam"`` or ``"layercam"``, ``classes`` are numbers from 0 to 999, in the array's order;
    with ``difference`` there is one more, that of the first class minus that of the second. The
    rest is as for a `MapsRun`.

    Raises:
        ValueError: a picture of another shape, no such method, or no such classes.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    method: str
    classes: Sequence[int]
    difference: bool = False

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        if self.method not in EVIDENCE_METHODS:
            raise ValueError(f"expected {', '.join(EVIDENCE_METHODS)}, got {self.method!r}")
        _check_numbers(self.classes, CLASSES - 1, least=0)
        if self.difference and len(self.classes) != 2:
            raise ValueError(f"expected two classes for a difference, got {list(self.classes)}")


@dataclass(frozen=True, eq=False)
class PatchesRun:
    """One array of patches, uint8 ``(n, side, side, 3)``, and one of the maps' values there.

    Of each of these channels (numbers from 1) of a layer the ``each`` places where it is strongest
    over all of these pictures, one a picture first: see `top_patches.rank_patches`. One that has
    fewer has fewer patches; one that is silent on all of them has a black one, whose value is 0.

    Raises:
        ValueError: pictures of another shape, or none, or no such channels.
    """

    name: str
    network: ScriptNetwork
    pictures: Sequence[np.ndarray]
    layer_name: str
    channels: Sequence[int]
    each: int = 1

    def __post_init__(self) -> None:
        """Check what the script could not."""
        for pixels in self.pictures:
            _check_picture(pixels, "caffe")
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.layer(self.layer_name).filters)
        if not self.pictures or self.each < 1:
            raise ValueError(f"expected pictures, and 1 patch or more, got {self.each}")


@dataclass(frozen=True)
class OptimizationScriptRun:
    """One array of made pictures, uint8 ``(n, side, side, 3)``, and one of their values.

    Of each of these channels (numbers from 1) of a layer that which `optimization.OptimizationRun`
    makes from this seed.

    Raises:
        ValueError: no such channels, seed or recipe.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    channels: Sequence[int]
    seed: int
    parametrization: Parametrization

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.layer(self.layer_name).filters)
        if self.seed < 0:
            raise ValueError(f"expected a seed from 0, got {self.seed}")
        if self.parametrization not in PARAMETRIZATIONS:
            raise ValueError(
                f"expected {' or '.join(PARAMETRIZATIONS)}, got {self.parametrization!r}"
            )


@dataclass(frozen=True, eq=False)
class AttributionRun:
    """One array of attributions of a value, float32 ``(n, rows, columns)``.

    It has these maps (``numbers`` from 1) of the layer ``spec.back_to``, or blue, green and red,
    within the value's receptive field, and zeros beyond the border. With ``summed`` it has their
    sum, ``(1, rows, columns)``. With ``as_colors``, it shows blue, green and red, in that order, as
    RGB uint8 ``(1, rows, columns, 3)`` with zero at mid-gray. The rest is as for a `MapsRun`.

    Raises:
        ValueError: an image of another shape, or no such value, method or maps.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    spec: AttributionSpec
    numbers: Sequence[int]
    summed: bool = False
    as_colors: bool = False

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        padded_receptive_field(self.spec)
        if self.spec.method not in ATTRIBUTION_METHODS:
            got = self.spec.method
            raise ValueError(f"expected {', '.join(ATTRIBUTION_METHODS)}, got {got!r}")
        _check_numbers(self.numbers, VGG19.layer(self.spec.back_to).output_shape[2])


Run = MapsRun | FiltersRun | EvidenceRun | PatchesRun | OptimizationScriptRun | AttributionRun


def _check_picture(pixels: np.ndarray, preprocessing: Preprocessing) -> None:
    expected = (VGG19.input_side, VGG19.input_side, 3)
    if pixels.dtype != np.uint8 or pixels.shape != expected:
        got = f"{pixels.dtype} {pixels.shape}"
        raise ValueError(f"expected a picture, uint8 {expected}, got {got}")
    if preprocessing not in script_code.PREPROCESSINGS:
        raise ValueError(f"expected caffe or rgb, got {preprocessing!r}")


def _check_network(network: ScriptNetwork) -> None:
    if not isinstance(network, WeightsFile) and network not in ("imagenet", "untrained"):
        raise ValueError(f"expected imagenet, untrained or a WeightsFile, got {network!r}")


def _check_numbers(numbers: Sequence[int], most: int, least: int = 1) -> None:
    if not len(numbers) or not set(numbers) <= set(range(least, most + 1)):
        raise ValueError(f"expected numbers from {least} to {most}, got {list(numbers)}")
