"""Runs: records of everything that a Keras script needs to compute one exported array.

The maps, filters, channels or classes in an array have the order of the run's numbers. Numbers of
maps, filters and channels start at 1, numbers of classes at 0.
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
    """A VGG19 whose weights come from an HDF5 file in Keras 2's layout, in the script's folder.

    name: the file's name, without a folder.
    """

    name: str


ScriptNetwork = Literal["imagenet", "untrained"] | WeightsFile


@dataclass(frozen=True, eq=False)
class MapsRun:
    """Inputs for an array of one layer's feature maps for one image, float32 ``(maps, h, w)``.

    name: name of the array.
    network: the network, trained or untrained.
    preprocessing: ``"caffe"``, as in training (BGR, ImageNet's mean subtracted), or ``"rgb"``,
        which scales RGB to 0 to 1.
    pixels: the image, RGB uint8 (224, 224, 3).
    layer_name: name of the conv layer.
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
        """Check image, layer and numbers here, since the script does not check them."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        _check_numbers(self.numbers, VGG19.conv_layer(self.layer_name).filters)


@dataclass(frozen=True, eq=False)
class AblationRun(MapsRun):
    """Inputs for an array of feature maps, with maps of an earlier layer ablated (set to zero).

    ablated_in: name of the earlier layer.
    ablated: numbers of the earlier layer's ablated maps.

    Raises:
        ValueError: as for a `MapsRun`, or ``ablated_in`` is not earlier or has no such maps.
    """

    ablated_in: str
    ablated: Sequence[int]

    def __post_init__(self) -> None:
        """Check the ablated maps here, since the script does not check them."""
        super().__post_init__()
        before, after = (VGG19.conv_layer(name) for name in (self.ablated_in, self.layer_name))
        _check_numbers(self.ablated, before.filters)
        if before.conv_number >= after.conv_number:
            raise ValueError(f"expected a conv layer before {after.name}, got {before.name}")


@dataclass(frozen=True)
class FiltersRun:
    """Inputs for an array of one layer's kernels, float32 ``(filters, channels, 3, 3)``.

    name: name of the array.
    network: the network, trained or untrained.
    layer_name: name of the conv layer.
    filters: numbers of the filters.
    channels: numbers of the filters' input channels.
    as_colors: whether the kernels of the three input channels are joined to one color image for
        each filter, uint8 ``(filters, 3, 3, 3)``, as in `vgg_viz.model.network.filter_colors`.

    Raises:
        ValueError: the layer has no such filters or channels, or ``as_colors`` is set for a
            number of channels other than three.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    filters: Sequence[int]
    channels: Sequence[int]
    as_colors: bool = False

    def __post_init__(self) -> None:
        """Check filters and channels here, since the script does not check them."""
        layer = VGG19.conv_layer(self.layer_name)
        _check_network(self.network)
        _check_numbers(self.filters, layer.filters)
        _check_numbers(self.channels, layer.channels)
        if self.as_colors and list(self.channels) != [1, 2, 3]:
            raise ValueError(f"expected channels 1, 2 and 3, got {list(self.channels)}")


@dataclass(frozen=True, eq=False)
class EvidenceRun:
    """Inputs for an array of evidence for classes, by position, float32 ``(classes, 14, 14)``.

    The positions are those of the layer block5_conv4.

    name: name of the array.
    network, preprocessing, pixels: as for a `MapsRun`.
    method: a name in ``EVIDENCE_METHODS``.
    classes: numbers of the classes, from 0 to 999.
    difference: whether to append the evidence for the first class minus that for the second.

    Raises:
        ValueError: the image has another shape, there is no such method or class, or
            ``difference`` is set for other than two classes.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    method: str
    classes: Sequence[int]
    difference: bool = False

    def __post_init__(self) -> None:
        """Check image, method and classes here, since the script does not check them."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        if self.method not in EVIDENCE_METHODS:
            raise ValueError(f"expected {', '.join(EVIDENCE_METHODS)}, got {self.method!r}")
        _check_numbers(self.classes, CLASSES - 1, least=0)
        if self.difference and len(self.classes) != 2:
            raise ValueError(f"expected two classes for a difference, got {list(self.classes)}")


@dataclass(frozen=True, eq=False)
class PatchesRun:
    """Inputs for an array of channels' top-activating image patches, uint8 ``(n, side, side, 3)``.

    The script also computes a second array of the channels' values at these patches. A channel that
    is inactive on all images gets one black patch with value 0.

    name: name of the array of patches.
    network: the network, trained or untrained.
    pictures: the images to search, RGB uint8 (224, 224, 3) each.
    layer_name: name of the conv layer.
    channels: numbers of the channels.
    each: number of patches for each channel; a channel may have fewer.

    Raises:
        ValueError: an image has another shape, there is no image, or no such channel.
    """

    name: str
    network: ScriptNetwork
    pictures: Sequence[np.ndarray]
    layer_name: str
    channels: Sequence[int]
    each: int = 1

    def __post_init__(self) -> None:
        """Check images and channels here, since the script does not check them."""
        for pixels in self.pictures:
            _check_picture(pixels, "caffe")
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.conv_layer(self.layer_name).filters)
        if not self.pictures or self.each < 1:
            raise ValueError(f"expected pictures, and 1 patch or more, got {self.each}")


@dataclass(frozen=True)
class OptimizationScriptRun:
    """Inputs for an array of images optimized for channels, uint8 ``(n, side, side, 3)``.

    The script also computes a second array of the channels' values. It optimizes as
    `optimization.OptimizationRun` does.

    name: name of the array of images.
    network: the network, trained or untrained.
    layer_name: name of the conv layer.
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
        """Check channels, seed and parametrization here; the script does not."""
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.conv_layer(self.layer_name).filters)
        if self.seed < 0:
            raise ValueError(f"expected a seed from 0, got {self.seed}")
        if self.parametrization not in PARAMETRIZATIONS:
            raise ValueError(
                f"expected {' or '.join(PARAMETRIZATIONS)}, got {self.parametrization!r}"
            )


@dataclass(frozen=True, eq=False)
class AttributionRun:
    """Inputs for an array of attributions of one value, float32 ``(n, rows, columns)``.

    A value is attributed to maps of the layer ``spec.back_to`` (``numbers`` from 1), or to the
    blue, green and red channel of the image. Rows and columns are those of the value's receptive
    field, with zeros beyond the image's border. With ``summed``, the array is their sum, ``(1,
    rows, columns)``. With ``as_colors``, it is an image, RGB uint8 ``(1, rows, columns, 3)``, in
    which red, green and blue show the attributions to these channels, with zero as mid-gray. Other
    fields: see `MapsRun`.

    Raises:
        ValueError: the image has another shape, or there is no such value, method or map.
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
        """Check image, value, method and maps here; the script does not."""
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
