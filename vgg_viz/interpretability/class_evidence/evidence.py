"""From the last conv layer's maps to the 1,000 classes, and back: the answer and its evidence.

    maps (512, 14, 14) -- max pool --> 49 places of 512 -- fc1 --> 4,096 -- fc2 --> 4,096 -->
    1,000 logits -- softmax --> probabilities

The dense layers are read slab by slab (`dense_layers`); a slab of fc1's kernel is what one place
of the pool is multiplied by. So one pass over its 411 MB gives what every place and every channel
brings to fc1, and with it the answer without each of them.

All that is said of a class is said of its logit, the value before the softmax: a probability also
moves with all the other classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vgg_viz.model.architecture import POOL_SIDE, VGG19, DenseLayer
from vgg_viz.model.dense_layers import SLAB_ROWS, DenseWeights, slab_count

FC1, FC2, PREDICTIONS = VGG19.dense_layers
LAST = VGG19.block_ends[-1]


@dataclass(frozen=True)
class Prediction:
    """What the network says to a picture.

    ``logits`` float32 (1000,); ``first`` and ``second`` are fc1's and fc2's values before their
    ReLU, float32 (4096,).
    """

    logits: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def is_sound(self) -> bool:
        """Whether all logits are numbers: weights that are too large make values beyond float32."""
        return bool(np.isfinite(self.logits).all())

    @property
    def probabilities(self) -> np.ndarray:
        """The softmax of the logits, float64 (1000,)."""
        powers = np.exp(self.logits.astype(np.float64) - self.logits.max())
        shares: np.ndarray = powers / powers.sum()
        return shares

    def most_likely(self, count: int) -> list[int]:
        """The classes of the largest logits, largest first; of equal ones the first number."""
        order = np.argsort(-self.logits, kind="stable")
        return [int(index) for index in order[:count]]


@dataclass(frozen=True)
class Gradient:
    """How a class's logit changes with the last conv layer's maps, float32 (512, 14, 14).

    ``biases`` is what the dense layers' biases add to the logit: the network is linear around a
    picture, so that activation times gradient and these make the logit, exactly.
    """

    values: np.ndarray
    biases: float


def answer(dense: DenseWeights, maps: np.ndarray) -> Prediction:
    """What the dense layers make of the last conv layer's maps, float32 (512, 14, 14)."""
    first = dense_output(dense, FC1, places(pool(maps)).reshape(1, -1))
    second, logits = _from_first(dense, first)
    return Prediction(logits[0], first[0], second[0])


def logit_drop_by_position(dense: DenseWeights, maps: np.ndarray) -> np.ndarray:
    """What every logit loses with all maps set to zero at a place, float32 (14, 14, 1000).

    A place is one of four that the max pool chooses from: without it, another one may stand in.
    """
    whole = places(pool(maps))
    lost = places_lost(maps)
    full = np.array(dense.bias(FC1))
    less = np.empty((*maps.shape[1:], FC1.units), np.float32)
    for index, (present, away) in enumerate(zip(whole, lost, strict=True)):
        slab = dense.slab(FC1, index)
        full += present @ slab
        row, column = (POOL_SIDE * part for part in divmod(index, maps.shape[2] // POOL_SIDE))
        corner = less[row : row + POOL_SIDE, column : column + POOL_SIDE]
        # Row by row: for four, BLAS would first copy the slab into a layout of its own.
        corner[...] = np.reshape([one @ slab for one in away], corner.shape)
    return _lost(dense, full, less.reshape(-1, FC1.units)).reshape(*maps.shape[1:], -1)


def logit_drop_by_map(dense: DenseWeights, maps: np.ndarray) -> np.ndarray:
    """What every logit loses with one map set to zero, float32 (512, 1000)."""
    full = np.array(dense.bias(FC1))
    less = np.zeros((len(maps), FC1.units), np.float32)
    products = np.empty_like(less)
    for index, present in enumerate(places(pool(maps))):
        slab = dense.slab(FC1, index)
        full += present @ slab
        less += np.multiply(slab, present[:, None], out=products)
    return _lost(dense, full, less)


def gradient(
    dense: DenseWeights, maps: np.ndarray, found: Prediction, class_index: int
) -> Gradient:
    """How a class's logit changes with the maps that the answer was found for.

    At a max pool the first largest in reading order gets the gradient; at a ReLU, what is above
    zero lets it pass.
    """
    after = np.concatenate(
        [dense.slab(PREDICTIONS, index)[:, class_index] for index in range(slab_count(PREDICTIONS))]
    )
    second = after * (found.second > 0)
    first = dense_input(dense, FC2, second) * (found.first > 0)
    pooled = dense_input(dense, FC1, first).reshape(-1, SLAB_ROWS)
    biases = dense.bias(PREDICTIONS)[class_index].astype(np.float64)
    biases += dense.bias(FC2) @ second.astype(np.float64)
    biases += dense.bias(FC1) @ first.astype(np.float64)
    return Gradient(unpool(maps, pooled), float(biases))


def grad_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Each map times its mean gradient, all added up, float32 (h, w), before the paper's ReLU.

    Selvaraju et al., "Grad-CAM" (2017), https://arxiv.org/abs/1610.02391.
    """
    cam: np.ndarray = np.tensordot(gradients.mean(axis=(1, 2)), maps, 1)
    return cam


def hires_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Each value times its own gradient, all maps added up, float32 (h, w).

    Draelos and Carin, "HiResCAM" (2020), https://arxiv.org/abs/2011.08891.
    """
    cam: np.ndarray = (maps * gradients).sum(axis=0)
    return cam


def layer_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Each value times its own gradient where that is positive, float32 (h, w), never negative.

    Jiang et al., "LayerCAM" (2021), https://doi.org/10.1109/TIP.2021.3089943.
    """
    cam: np.ndarray = (maps * np.maximum(gradients, 0)).sum(axis=0)
    return cam


CAMS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "gradcam": grad_cam,
    "hirescam": hires_cam,
    "layercam": layer_cam,
}


def pool(maps: np.ndarray) -> np.ndarray:
    """The largest of each 2 x 2 values, float32 ``(maps, h / 2, w / 2)``."""
    largest: np.ndarray = windows(maps).max(axis=-1)
    return largest


def windows(maps: np.ndarray) -> np.ndarray:
    """The 2 x 2 values that each place of the max pool chooses from, ``(maps, h/2, w/2, 4)``."""
    count, height, width = maps.shape
    parts = maps.reshape(count, height // POOL_SIDE, POOL_SIDE, width // POOL_SIDE, POOL_SIDE)
    return parts.transpose(0, 1, 3, 2, 4).reshape(*parts.shape[:2], parts.shape[3], -1)


def places(pooled: np.ndarray) -> np.ndarray:
    """Maps, ``(maps, h, w)``, as fc1 takes them: place by place, ``(h * w, maps)``."""
    return np.ascontiguousarray(pooled.reshape(len(pooled), -1).T)


def places_lost(maps: np.ndarray) -> np.ndarray:
    """What the pool loses without each of the values that it chooses from.

    Float32 ``(places of the pool, 4, maps)``, never negative: another of the four may stand in.
    """
    parts = windows(maps)
    # A value that is taken away is zero, and after a ReLU none is less.
    others = [np.delete(parts, gone, axis=-1).max(axis=-1) for gone in range(parts.shape[-1])]
    lost = parts.max(axis=-1)[None] - np.maximum(np.stack(others), 0)
    return np.ascontiguousarray(lost.transpose(2, 3, 0, 1).reshape(-1, *lost.shape[:2]))


def unpool(maps: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """Bring what belongs to the pool's places, ``(places, maps)``, to the values it chose.

    Float32 of the shape of the maps; zero where another value was chosen.
    """
    count, height, width = maps.shape
    rows, columns = height // POOL_SIDE, width // POOL_SIDE
    first = windows(maps).argmax(axis=-1)
    result = np.zeros(maps.shape, np.float32)
    channel, row, column = np.indices(first.shape)
    down, right = np.divmod(first, POOL_SIDE)
    values = pooled.T.reshape(count, rows, columns)
    result[channel, POOL_SIDE * row + down, POOL_SIDE * column + right] = values
    return result


def dense_output(dense: DenseWeights, layer: DenseLayer, inputs: np.ndarray) -> np.ndarray:
    """A dense layer's values before what follows it, float32 ``(n, units)``, of ``(n, inputs)``."""
    outputs = np.tile(dense.bias(layer), (len(inputs), 1))
    for index in range(slab_count(layer)):
        rows = slice(index * SLAB_ROWS, (index + 1) * SLAB_ROWS)
        outputs += inputs[:, rows] @ dense.slab(layer, index)
    return outputs


def dense_input(dense: DenseWeights, layer: DenseLayer, gradients: np.ndarray) -> np.ndarray:
    """The gradients at a dense layer's inputs, float32 ``(inputs,)``, of those at its units."""
    return np.concatenate(
        [dense.slab(layer, index) @ gradients for index in range(slab_count(layer))]
    )


def _lost(dense: DenseWeights, full: np.ndarray, less: np.ndarray) -> np.ndarray:
    """What the logits lose where fc1's values ``full`` lack a row of ``less``, ``(n, 1000)``."""
    some = less.any(axis=1)
    # All in one product: another one may round otherwise.
    first = np.concatenate([full[None], less[some]])
    np.subtract(full, first[1:], out=first[1:])
    _, logits = _from_first(dense, first)
    lost = np.zeros((len(less), PREDICTIONS.units), np.float32)
    lost[some] = logits[0] - logits[1:]
    return lost


def _from_first(dense: DenseWeights, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What fc2 and the last layer make of fc1's values before their ReLU, ``(n, 4096)``."""
    second = dense_output(dense, FC2, np.maximum(first, 0))
    return second, dense_output(dense, PREDICTIONS, np.maximum(second, 0))
