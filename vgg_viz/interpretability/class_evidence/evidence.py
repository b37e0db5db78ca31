"""Logits of the 1,000 classes from the last conv layer's maps; their gradients and ablations.

    maps (512, 14, 14) -- max pool --> 49 positions × 512 -- fc1 --> 4,096 -- fc2 --> 4,096 -->
    1,000 logits -- softmax --> probabilities

The dense layers' weights are read in slabs (`dense_layers`). Each slab of fc1's kernel multiplies
one of the 49 pooled positions. So one pass over the kernel's 411 MB yields the prediction and the
effect of ablating every position or map.

Evidence is measured on a class's logit, not its probability: a probability also depends on all
other classes.
"""

from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from vgg_viz.interpretability.decomposition import max_pool
from vgg_viz.model.architecture import POOL_SIDE, VGG19, DenseLayer
from vgg_viz.model.dense_layers import SLAB_ROWS, DenseWeights, slab_count
from vgg_viz.model.own_networks.head import Output

FC1, FC2, PREDICTIONS = VGG19.dense_layers
LAST = VGG19.block_ends[-1]


@dataclass(frozen=True)
class Prediction:
    """Output of the dense layers for one image."""

    logits: np.ndarray  # float32 (classes,)
    # Hidden layers' values before ReLU, float32 (4096,); empty for an own head.
    fc1: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    fc2: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    output: Output = "softmax"  # or "sigmoid": each class by itself

    @property
    def is_finite(self) -> bool:
        """Whether all logits are finite; very large weights overflow float32."""
        return bool(np.isfinite(self.logits).all())

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax or sigmoid of the logits, float64 ``(classes,)``."""
        if self.output == "sigmoid":
            return np.exp(-np.logaddexp(0, -self.logits.astype(np.float64)))
        exponentials = np.exp(self.logits.astype(np.float64) - self.logits.max())
        return exponentials / exponentials.sum()

    def most_likely(self, count: int) -> list[int]:
        """Return the indices of the classes with the largest logits, largest first."""
        return np.argsort(-self.logits, kind="stable")[:count].tolist()


@dataclass(frozen=True)
class LogitGradient:
    """Gradient of a logit, or a sum of logits, with respect to the last conv layer's maps."""

    values: np.ndarray  # float32 (512, 14, 14)
    # Dense layers' biases times their gradients, summed. With activation times gradient, they
    # sum to the logit, because the network is linear around an image.
    bias_terms: float


# Each takes another kind of head, too; see `own_head`.
@singledispatch
def predict(dense: DenseWeights | Any, maps: np.ndarray) -> Prediction:
    """Compute the prediction from the last conv layer's maps, float32 ``(512, 14, 14)``."""
    fc1 = dense_output(dense, FC1, by_position(max_pool(maps)).reshape(1, -1))
    fc2, logits = _from_fc1(dense, fc1)
    return Prediction(logits[0], fc1[0], fc2[0])


@singledispatch
def logits_of(dense: DenseWeights | Any, copies: np.ndarray) -> np.ndarray:
    """Compute all logits for copies of the maps, ``(n, 512, 14, 14)``, float32 ``(n, classes)``."""
    pooled = np.stack([by_position(max_pool(maps)).ravel() for maps in copies])
    return _from_fc1(dense, dense_output(dense, FC1, pooled))[1]


@singledispatch
def logit_drop_by_position(dense: DenseWeights | Any, maps: np.ndarray) -> np.ndarray:
    """Compute how much each logit drops when all maps are set to zero at one position.

    Maps are float32 ``(512, 14, 14)``, drops by row, column and class float32 ``(14, 14, 1000)``.
    In the max pool after the maps, another position may replace the ablated one.
    """
    pooled = by_position(max_pool(maps))
    drops = pooled_drop(maps)
    fc1 = np.array(dense.bias(FC1))
    fc1_drop = np.empty((*maps.shape[1:], FC1.units), np.float32)
    for index, (position, position_drops) in enumerate(zip(pooled, drops, strict=True)):
        slab = dense.slab(FC1, index)
        fc1 += position @ slab
        row, column = (POOL_SIDE * part for part in divmod(index, maps.shape[2] // POOL_SIDE))
        window = fc1_drop[row : row + POOL_SIDE, column : column + POOL_SIDE]
        # One row at a time: for a product of four rows, BLAS would first copy the whole slab.
        window[...] = np.reshape([drop @ slab for drop in position_drops], window.shape)
    logit_drop = _logit_drop(dense, fc1, fc1_drop.reshape(-1, FC1.units))
    return logit_drop.reshape(*maps.shape[1:], -1)


@singledispatch
def logit_drop_by_map(dense: DenseWeights | Any, maps: np.ndarray) -> np.ndarray:
    """Compute each logit's drop when one of 512 maps is set to zero, float32 ``(512, classes)``."""
    fc1 = np.array(dense.bias(FC1))
    fc1_drop = np.zeros((len(maps), FC1.units), np.float32)
    products = np.empty_like(fc1_drop)
    for index, position in enumerate(by_position(max_pool(maps))):
        slab = dense.slab(FC1, index)
        fc1 += position @ slab
        fc1_drop += np.multiply(slab, position[:, None], out=products)
    return _logit_drop(dense, fc1, fc1_drop)


@singledispatch
def logits_of_kept(dense: DenseWeights | Any, maps: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Compute all logits with some positions only, and zero at the others, ``(n, classes)``.

    Maps are float32 ``(512, 14, 14)``; ``kept`` says for each of n copies which positions stay,
    bool ``(n, 14, 14)``.
    """
    fc1 = np.tile(dense.bias(FC1), (len(kept), 1))
    # Pooled positions, each with the maps' values and the copies' positions in its window.
    values = np.moveaxis(windows(maps), 0, -1).reshape(-1, POOL_SIDE**2, len(maps))
    stays = np.moveaxis(windows(kept), 0, 2).reshape(len(values), len(kept), POOL_SIDE**2)
    for index, (window, stay) in enumerate(zip(values, stays, strict=True)):
        # Few copies differ in a window, so each product is computed once.
        cases, case = np.unique(stay, axis=0, return_inverse=True)
        products = (window * cases[:, :, None]).max(axis=1) @ dense.slab(FC1, index)
        fc1 += products[case]
    return _from_fc1(dense, fc1)[1]


@singledispatch
def logits_gradient(
    dense: DenseWeights | Any, maps: np.ndarray, prediction: Prediction, weights: np.ndarray
) -> LogitGradient:
    """Compute the gradient of a weighted sum of logits with respect to the last conv layer's maps.

    ``prediction`` is that for the maps, float32 ``(512, 14, 14)``; there is a weight for each
    class.
    """
    weights = weights.astype(np.float32)
    fc2 = dense_input_gradient(dense, PREDICTIONS, weights) * (prediction.fc2 > 0)
    fc1 = dense_input_gradient(dense, FC2, fc2) * (prediction.fc1 > 0)
    pooled = dense_input_gradient(dense, FC1, fc1).reshape(-1, SLAB_ROWS)
    bias_terms = dense.bias(PREDICTIONS).astype(np.float64) @ weights
    bias_terms += dense.bias(FC2) @ fc2.astype(np.float64)
    bias_terms += dense.bias(FC1) @ fc1.astype(np.float64)
    return LogitGradient(unpool(maps, pooled), float(bias_terms))


def logit_gradient(
    dense: DenseWeights | Any, maps: np.ndarray, prediction: Prediction, class_index: int
) -> LogitGradient:
    """Compute the gradient of a class's logit with respect to the last conv layer's maps."""
    return logits_gradient(dense, maps, prediction, one_hot(prediction, class_index))


def one_hot(prediction: Prediction, class_index: int) -> np.ndarray:
    """Return a weight of 1 for a class and 0 for the others, float64 ``(classes,)``."""
    weights = np.zeros(len(prediction.logits))
    weights[class_index] = 1
    return weights


def windows(maps: np.ndarray) -> np.ndarray:
    """Return the 2 × 2 windows of maps that a max pool reads, ``(maps, h / 2, w / 2, 4)``."""
    count, height, width = maps.shape
    parts = maps.reshape(count, height // POOL_SIDE, POOL_SIDE, width // POOL_SIDE, POOL_SIDE)
    return parts.transpose(0, 1, 3, 2, 4).reshape(*parts.shape[:2], parts.shape[3], -1)


def by_position(pooled: np.ndarray) -> np.ndarray:
    """Reorder pooled maps ``(maps, h, w)`` as layer fc1 reads them: ``(h * w, maps)``."""
    return np.ascontiguousarray(pooled.reshape(len(pooled), -1).T)


def pooled_drop(maps: np.ndarray) -> np.ndarray:
    """Compute pooled values' drops if one of a window is 0, float32 ``(positions, 4, maps)``."""
    parts = windows(maps)
    others = [np.delete(parts, ablated, axis=-1).max(axis=-1) for ablated in range(parts.shape[-1])]
    # The ablated value is zero, and no other value is below zero after the ReLU.
    drops = parts.max(axis=-1)[None] - np.maximum(np.stack(others), 0)
    return np.ascontiguousarray(drops.transpose(2, 3, 0, 1).reshape(-1, *drops.shape[:2]))


def unpool(maps: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """Route the gradients of pooled values, ``(positions, maps)``, to the first maximum of each."""
    chosen = windows(maps).argmax(axis=-1)
    gradients = np.zeros(maps.shape, np.float32)
    channel, row, column = np.indices(chosen.shape)
    down, right = np.divmod(chosen, POOL_SIDE)
    values = pooled.T.reshape(chosen.shape)
    gradients[channel, POOL_SIDE * row + down, POOL_SIDE * column + right] = values
    return gradients


def dense_output(dense: DenseWeights, layer: DenseLayer, inputs: np.ndarray) -> np.ndarray:
    """Compute a dense layer's output ``(n, units)`` before its activation."""
    outputs = np.tile(dense.bias(layer), (len(inputs), 1))
    for index in range(slab_count(layer)):
        rows = slice(index * SLAB_ROWS, (index + 1) * SLAB_ROWS)
        outputs += inputs[:, rows] @ dense.slab(layer, index)
    return outputs


def dense_input_gradient(
    dense: DenseWeights, layer: DenseLayer, gradients: np.ndarray
) -> np.ndarray:
    """Compute the gradient of a dense layer's inputs from that of its units, both float32."""
    slabs = (dense.slab(layer, index) for index in range(slab_count(layer)))
    return np.concatenate([slab @ gradients for slab in slabs])


def _logit_drop(dense: DenseWeights, fc1: np.ndarray, fc1_drop: np.ndarray) -> np.ndarray:
    """Compute the drop of all logits for each of ``n`` drops of fc1's values before ReLU."""
    changed = fc1_drop.any(axis=1)
    # In one product with the unablated values: products of other sizes may round differently.
    rows = np.concatenate([fc1[None], fc1_drop[changed]])
    np.subtract(fc1, rows[1:], out=rows[1:])
    _, logits = _from_fc1(dense, rows)
    logit_drop = np.zeros((len(fc1_drop), PREDICTIONS.units), np.float32)
    logit_drop[changed] = logits[0] - logits[1:]
    return logit_drop


def _from_fc1(dense: DenseWeights, fc1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute fc2's values before ReLU, and the logits, from fc1's before ReLU, ``(n, 4096)``."""
    fc2 = dense_output(dense, FC2, np.maximum(fc1, 0))
    return fc2, dense_output(dense, PREDICTIONS, np.maximum(fc2, 0))
