"""Head of an own network, of Keras' own layers: logits, their gradients and ablations.

The functions of `evidence` take it in place of VGG19's dense layers. Importing this module
registers it with them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence import LogitGradient, Prediction
from vgg_viz.model.architecture import POOL_SIDE, VGG19
from vgg_viz.model.network import Tensor, tf
from vgg_viz.model.own_networks.own_network import OwnNetwork

BATCH = 28  # ablated copies of the maps, 400 kB each
# Variables of Keras' layers that add to a layer's output, as a bias does.
ADDED = ("bias", "beta", "moving_mean")


class OwnHead:
    """Head of an own network, from the last conv layer's maps to logits; thread-safe."""

    def __init__(self, own: OwnNetwork) -> None:
        """Build the head; raises as `OwnNetwork.build_head`."""
        self.label, self.identity, self.head = own.label, ("head", own.identity), own.head
        self._layers = own.build_head().layers
        self._pools = own.head.start == VGG19.pools[-1].name
        self.added = [
            variable.value
            for layer in self._layers
            for variable in layer.variables
            if variable.name in ADDED
        ]

    def logits(self, maps: Tensor) -> Tensor:
        """Compute logits ``(n, classes)`` from maps, channels last ``(n, 14, 14, 512)``."""
        x = tf.nn.max_pool2d(maps, POOL_SIDE, POOL_SIDE, "VALID") if self._pools else maps
        for layer in self._layers:
            x = layer(x, training=False)
        return x


def channels_last(maps: np.ndarray) -> np.ndarray:
    """Return maps ``(512, 14, 14)`` as a batch for Keras, ``(1, 14, 14, 512)``."""
    return np.moveaxis(maps, 0, -1)[None]


@evidence.predict.register
def _(head: OwnHead, maps: np.ndarray) -> Prediction:
    logits = head.logits(tf.constant(channels_last(maps))).numpy()[0]
    return Prediction(logits, output=head.head.output)


@evidence.logit_drop_by_position.register
def _(head: OwnHead, maps: np.ndarray) -> np.ndarray:
    height, width = maps.shape[1:]
    kept = 1 - np.eye(height * width, dtype=np.float32).reshape(-1, height, width, 1)
    return _drops(head, maps, kept).reshape(height, width, -1)


@evidence.logit_drop_by_map.register
def _(head: OwnHead, maps: np.ndarray) -> np.ndarray:
    return _drops(head, maps, 1 - np.eye(len(maps), dtype=np.float32)[:, None, None])


@evidence.logits_of_kept.register
def _(head: OwnHead, maps: np.ndarray, kept: np.ndarray) -> np.ndarray:
    whole, batches = channels_last(maps), range(0, len(kept), BATCH)
    return np.concatenate(
        [
            head.logits(tf.constant(whole * kept[start : start + BATCH, :, :, None])).numpy()
            for start in batches
        ]
    )


@evidence.logits_of.register
def _(head: OwnHead, copies: np.ndarray) -> np.ndarray:
    return head.logits(tf.constant(np.moveaxis(copies, 1, -1))).numpy()


@evidence.logits_gradient.register
def _(
    head: OwnHead, maps: np.ndarray, prediction: Prediction, weights: np.ndarray
) -> LogitGradient:
    x = tf.constant(channels_last(maps))
    with tf.GradientTape() as tape:
        tape.watch([x, *head.added])
        weighted = head.logits(x)[0] * tf.constant(weights, tf.float32)
    gradient, *others = tape.gradient(weighted, [x, *head.added])
    bias_terms = (
        float(np.sum(slope.numpy() * added.numpy(), dtype=np.float64))
        for slope, added in zip(others, head.added, strict=True)
        if slope is not None
    )
    return LogitGradient(np.moveaxis(gradient.numpy()[0], -1, 0), sum(bias_terms))


def _drops(head: OwnHead, maps: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Compute the logits' drops, ``(n, classes)``; ``kept`` is 0 for what each copy lacks."""

    def batches() -> Iterator[np.ndarray]:
        whole = channels_last(maps)
        for start in range(0, len(kept), BATCH):
            # With the whole maps: products of other sizes may round differently.
            copies = np.concatenate([whole, whole * kept[start : start + BATCH]])
            logits = head.logits(tf.constant(copies)).numpy()
            yield logits[0] - logits[1:]

    return np.concatenate(list(batches()))
