"""A VGG19 that Keras has saved: its weights, found and checked, and its head.

Other modules need only this one:

    network = open_network(Path("my_model.keras"))
    network.read("block3_conv2")      # kernel and bias, as `vgg_viz.model.weights.Weights`
    network.found                     # for the caption: "a model in HDF5; VGG19 found in …"
    network.preprocessing             # "caffe", "rgb", "signed", or None: the viewer chooses
    network.head.obstacle             # "" or what cannot be followed
    network.build_head()              # Keras model from maps to logits
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vgg_viz.downloads.file_kinds import recognize
from vgg_viz.downloads.keras_files import fingerprint_of
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.file_guards import WeightsError, as_weights_error, check_finite, turn, unexpected
from vgg_viz.model.network import LayerWeights
from vgg_viz.model.own_networks.configuration import (
    CannotFollow,
    ConfiguredLayer,
    back_to_input,
    chain_from,
    follow,
)
from vgg_viz.model.own_networks.convolutions import check_plan, find_convolutions
from vgg_viz.model.own_networks.head import Head, build_head, own_head, read_head
from vgg_viz.model.own_networks.recorded_preprocessing import input_side, recorded_preprocessing
from vgg_viz.model.own_networks.saved_file import (
    SavedFile,
    SavedLayer,
    Source,
    StoredArray,
    open_saved,
)
from vgg_viz.model.own_networks.trial import check_in_child
from vgg_viz.model.preprocessing import Preprocessing

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnNetwork:
    """VGG19's weights in a file that Keras has saved, read layer by layer and not kept."""

    name: str  # for captions and lists, such as "my_model"
    identity: Hashable  # MD5 of the file's content
    found: str  # how and where VGG19 was found, for captions
    head: Head
    preprocessing: Preprocessing | None  # recorded in the file; None if it records none
    input_side: int | None  # pixels of the images that the model was built for
    source: Source = field(repr=False, compare=False)
    arrays: Mapping[str, tuple[StoredArray, StoredArray]] = field(repr=False, compare=False)
    turned: bool = field(default=False, compare=False)  # see `file_guards.is_turned`

    @property
    def label(self) -> str:
        """Name of the weights in captions."""
        return self.name

    def read(self, layer_name: str) -> LayerWeights:
        """Return a conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32.

        Raises a `WeightsError` if the file is missing, damaged or has changed since it was opened.
        """
        VGG19.conv_layer(layer_name)
        kernel, bias = (self.read_array(array) for array in self.arrays[layer_name])
        return (turn(kernel) if self.turned else kernel), bias

    def read_array(self, array: StoredArray) -> np.ndarray:
        """Read an array of the head as float32; raises as `read`."""
        try:
            with _errors(self.source, self.name):
                try:
                    with open_saved(self.source) as file:
                        numbers = file.read(array)
                finally:
                    # After reading, so that the numbers come from the file that is checked. Another
                    # content also explains why an array could not be read.
                    self.check_unchanged()
        except WeightsError as error:
            # As text, since a kept log record must not keep the traceback's frames alive.
            _log.warning("%s: %s", self.name, str(error))
            raise
        return numbers

    def check_unchanged(self) -> None:
        """Raise an ``OSError`` if the file is missing, ``WeightsError`` if its content changed."""
        if isinstance(self.source, Path) and digest_of(self.source) != self.identity:
            raise WeightsError("expected the contents that it had when it was found, got others")

    def build_head(self) -> keras.Model:
        """Build the head of Keras' own layers, from maps ``(1, h, w, 512)`` to logits ``(1, n)``.

        Raises a ``ValueError`` if the head cannot be followed.
        """
        return build_head(self.head, self.read_array)


def open_network(source: Source, name: str = "") -> OwnNetwork:
    """Open a file of a network that Keras has saved, after checking all conv layers.

    ``source`` is a path or a file's content; ``name`` defaults to the path's name without its
    ending. Raises a `WeightsError` that says what does not fit: layer, expected and found shape.
    """
    name = name or (source.name if isinstance(source, Path) else "file")
    with _errors(source, name):
        digest = digest_of(source)
        check_in_child(source)
        with open_saved(source) as file:
            network = _network(file, source, name, digest)
            for layer in VGG19.conv_layers:
                for kind, array in zip(("kernel", "bias"), network.arrays[layer.name], strict=True):
                    check_finite(layer.name, kind, file.read(array))
    return network


def digest_of(source: Source) -> str:
    """Return the MD5 of a file's content; raise a ``WeightsError`` for a folder."""
    if isinstance(source, Path):
        if source.is_dir():
            raise unexpected(recognize(source))
        return fingerprint_of(source)
    return hashlib.md5(source, usedforsecurity=False).hexdigest()


def _errors(source: Source, name: str) -> Any:
    return as_weights_error(name, str(source) if isinstance(source, Path) else "")


def _network(file: SavedFile, source: Source, name: str, digest: str) -> OwnNetwork:
    layers = file.layers()
    configured, obstacle = _configured(file.configuration)
    saved, how = find_convolutions(layers, configured)
    by_place = {place: layer for layer in configured for place in layer.places}
    convs = [by_place[layer.place] for layer in saved if layer.place in by_place]
    recorded = len(convs) == len(saved)
    if recorded:
        check_plan(convs)
    loss = str(file.training.get("loss"))
    head = _head(layers, convs[-1] if recorded else None, configured, loss, obstacle)
    if isinstance(source, bytes) and head.parameters > len(source):
        # HDF5 stores no numbers that were never written, and packs equal ones.
        head = Head(obstacle=f"a head of {head.parameters:,} parameters in a smaller file")
    return OwnNetwork(
        name,
        digest,
        f"{file.layout}; VGG19 found {_inside(convs)}{how}",
        head,
        recorded_preprocessing(convs[0]) if recorded else None,
        input_side(convs[0]) if recorded else None,
        source,
        {
            layer.name: (one.arrays[0], one.arrays[1])
            for layer, one in zip(VGG19.conv_layers, saved, strict=True)
        },
        file.turned,
    )


def _configured(configuration: Mapping[str, Any] | None) -> tuple[list[ConfiguredLayer], str]:
    """Return a model's layers in order, or none and why they are unknown; see `Head.obstacle`."""
    if configuration is None:
        return [], "a file of weights alone, which does not record the layers"
    try:
        return back_to_input(follow(configuration)), ""
    except CannotFollow as error:
        return [], str(error)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return [], f"a model of the class {configuration.get('class_name')}"


def _inside(convs: Sequence[ConfiguredLayer]) -> str:
    """Return the name of the outermost model in which VGG19 is nested, for captions."""
    outermost = {conv.places[1].split("/")[0] for conv in convs}
    return f"in the layer {outermost.pop()}, " if len(outermost) == 1 else ""


def _head(
    layers: Sequence[SavedLayer],
    last: ConfiguredLayer | None,
    configured: Sequence[ConfiguredLayer],
    loss: str,
    obstacle: str,
) -> Head:
    """Read what follows the last conv layer or, if no layers are recorded, VGG19's own head."""
    by_name = {layer.name: layer for layer in layers}
    try:
        if last:
            chain = chain_from(last, configured)
        elif all(layer.name in by_name for layer in VGG19.dense_layers):
            chain = own_head(by_name)
        else:
            return Head(obstacle=obstacle or "the order of this model's layers")
    except CannotFollow as error:
        return Head(obstacle=str(error))
    return read_head(chain, {layer.place: layer for layer in layers}, loss=loss)
