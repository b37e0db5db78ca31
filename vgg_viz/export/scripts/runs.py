"""Runs: one array of an export, and everything that a script needs to compute it.

Arrays keep the order of the given numbers, which start at 1.
"""

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
    """A network with weights from an HDF5 file in Keras' old layout; ``name`` has no folder."""

    name: str


ScriptNetwork = Literal["imagenet", "untrained"] | WeightsFile


@dataclass(frozen=True, eq=False)
class MapsRun:
    """Feature maps of one layer of a network for one image, float32 ``(maps, h, w)``.

    name: name of the array.
    network: the network.
    preprocessing: ``"caffe"``, as in training (BGR, ImageNet's mean subtracted), or ``"rgb"``,
        which scales RGB to 0 to 1.
    pixels: the image, RGB uint8 (224, 224, 3).
    layer_name: the layer.
    numbers: the maps' numbers.

    Raises:
        ValueError: the image has another shape, or the layer has no such maps.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    layer_name: str
    numbers: Sequence[int]

    def __post_init__(self) -> None:
        """Check the run, since its script does not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        _check_numbers(self.numbers, VGG19.layer(self.layer_name).filters)


@dataclass(frozen=True, eq=False)
class AblationRun(MapsRun):
    """Feature maps with maps of an earlier layer ablated (set to zero).

    ablated_in: the earlier layer.
    ablated: numbers of its ablated maps.

    Raises:
        ValueError: as for a `MapsRun`, or there are no such maps, or that layer is not earlier.
    """

    ablated_in: str
    ablated: Sequence[int]

    def __post_init__(self) -> None:
        """Check the run, since its script does not."""
        super().__post_init__()
        before, after = (VGG19.conv_layer(name) for name in (self.ablated_in, self.layer_name))
        _check_numbers(self.ablated, before.filters)
        if before.conv_number >= after.conv_number:
            raise ValueError(f"expected a conv layer before {after.name}, got {before.name}")


@dataclass(frozen=True)
class FiltersRun:
    """Kernels of one layer of a network, float32 ``(filters, channels, 3, 3)``.

    name: name of the array.
    network: the network.
    layer_name: the layer.
    filters: numbers of the filters.
    channels: numbers of their channels.
    as_colors: whether the three channels become color images, uint8 ``(filters, 3, 3, 3)``, as in
        `vgg_viz.model.network.filter_colors`.

    Raises:
        ValueError: there are no such filters or channels, or not three channels for colors.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    filters: Sequence[int]
    channels: Sequence[int]
    as_colors: bool = False

    def __post_init__(self) -> None:
        """Check the run, since its script does not."""
        layer = VGG19.layer(self.layer_name)
        _check_network(self.network)
        _check_numbers(self.filters, layer.filters)
        _check_numbers(self.channels, layer.channels)
        if self.as_colors and list(self.channels) != [1, 2, 3]:
            raise ValueError(f"expected channels 1, 2 and 3, got {list(self.channels)}")


@dataclass(frozen=True, eq=False)
class EvidenceRun:
    """Evidence for classes at the positions of block5_conv4, float32 ``(classes, 14, 14)``.

    name: name of the array.
    network, preprocessing, pixels: as for a `MapsRun`.
    method: a name in ``EVIDENCE_METHODS``.
    classes: numbers from 0 to 999.
    difference: whether the evidence for the first class minus the second's follows.

    Raises:
        ValueError: the image has another shape, or there is no such method or class.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    method: str
    classes: Sequence[int]
    difference: bool = False

    def __post_init__(self) -> None:
        """Check the run, since its script does not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        if self.method not in EVIDENCE_METHODS:
            raise ValueError(f"expected {', '.join(EVIDENCE_METHODS)}, got {self.method!r}")
        _check_numbers(self.classes, CLASSES - 1, least=0)
        if self.difference and len(self.classes) != 2:
            raise ValueError(f"expected two classes for a difference, got {list(self.classes)}")


@dataclass(frozen=True, eq=False)
class PatchesRun:
    """Top patches of channels, uint8 ``(n, side, side, 3)``, and a second array of their values.

    A channel that is inactive on all images gets a black patch with value 0.

    name: name of the first array.
    network: the network.
    pictures: the images to search, RGB uint8 (224, 224, 3).
    layer_name: the layer.
    channels: numbers of the channels.
    each: number of patches for each channel; a channel may have fewer.

    Raises:
        ValueError: an image has another shape, there is none, or no such channel.
    """

    name: str
    network: ScriptNetwork
    pictures: Sequence[np.ndarray]
    layer_name: str
    channels: Sequence[int]
    each: int = 1

    def __post_init__(self) -> None:
        """Check the run, since its script does not."""
        for pixels in self.pictures:
            _check_picture(pixels, "caffe")
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.layer(self.layer_name).filters)
        if not self.pictures or self.each < 1:
            raise ValueError(f"expected pictures, and 1 patch or more, got {self.each}")


@dataclass(frozen=True)
class OptimizationScriptRun:
    """Optimized images of channels, uint8 ``(n, side, side, 3)``, and a second array of values.

    Computed as by `optimization.OptimizationRun`.

    name: name of the first array.
    network: the network.
    layer_name: the layer.
    channels: numbers of the channels.
    seed: seed of the initial noise.
    parametrization: a name in ``PARAMETRIZATIONS``.

    Raises:
        ValueError: there is no such channel, seed or parametrization.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    channels: Sequence[int]
    seed: int
    parametrization: Parametrization

    def __post_init__(self) -> None:
        """Check the run, since its script does not."""
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
        """Check the run, since its script does not."""
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
