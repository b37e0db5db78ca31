"""Where one number of a feature map comes from.

    picture or previous maps -- layer_input --> (channels, h, w) -- explain --> the number

Plain arrays in, tiles first: maps ``(maps, height, width)``, a filter ``(channels, 3, 3)``. A
position is a row and a column of a layer's own map, counted from 0. Nothing here runs the network:
its arithmetic is done again, slowly and in float64, for a single number.
"""

import operator
from dataclasses import dataclass

import numpy as np

from vgg_viz.model.architecture import KERNEL_SIDE, POOL_SIDE, VGG19, Architecture, ConvLayer, Layer
from vgg_viz.model.network import MEAN_BGR, preprocess

RELATIVE_TOLERANCE = 1e-4
# Below this share of what was added up, a sum is what cancellation has left; see `Explanation`.
CANCELLED = 0.01


@dataclass(frozen=True, eq=False)
class Explanation:
    """One number of a conv layer, taken apart.

    ``patch`` float32 (channels, 3, 3): what the filter lies on, zero beyond the border;
    ``inside`` bool (3, 3): which of its positions are not padding;
    ``products`` float64 (channels, 3, 3): patch times filter;
    ``contributions`` float64 (channels,): the products summed per input channel;
    ``bias``; ``total``: all contributions and the bias; ``result``: ``total`` after ReLU;
    ``computed``: what the network made of it.
    """

    patch: np.ndarray
    inside: np.ndarray
    products: np.ndarray
    contributions: np.ndarray
    bias: float
    total: float
    result: float
    computed: float

    @property
    def tolerance(self) -> float:
        """How far ``result`` and ``computed`` may be apart: 1e-4 of the number itself.

        Where positive and negative products cancel to less than a hundredth of their magnitudes'
        sum, it is 1e-4 of that hundredth instead. The network adds up to 4608 products in float32,
        and the rounding error of a sum follows what is added, not what is left (Higham, "The
        Accuracy of Floating Point Summation", 1993). Measured on all 16 layers, untrained and in
        blocks 1 to 3 trained, it reaches 2.5e-7 of the magnitudes' sum, a quarter of what is
        allowed here, but 2e-2 of a result near zero.
        """
        magnitude = float(np.abs(self.products).sum()) + abs(self.bias)
        return RELATIVE_TOLERANCE * max(abs(self.computed), CANCELLED * magnitude)

    @property
    def agrees(self) -> bool:
        """Whether the arithmetic shown leads to the number that the network computed."""
        return abs(self.result - self.computed) <= self.tolerance

    def strongest(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The channels of the largest positive and of the largest negative contributions.

        Two int arrays of up to ``count`` indices, strongest first; channels that add nothing are in
        neither.
        """
        order = np.argsort(-self.contributions, kind="stable")
        signs = np.sign(self.contributions[order])
        return order[signs > 0][:count], order[signs < 0][::-1][:count]


def previous_conv(layer: Layer, architecture: Architecture = VGG19) -> ConvLayer | None:
    """The conv layer before a conv layer; ``None`` before the first.

    Raises:
        ValueError: the layer is not a conv layer.
    """
    number = _conv(layer).conv_number
    return architecture.conv_layers[number - 2] if number > 1 else None


def layer_input(
    layer: Layer,
    pixels: np.ndarray,
    previous_maps: np.ndarray | None,
    architecture: Architecture = VGG19,
) -> np.ndarray:
    """What a conv layer works on, float32 ``(channels, height, width)``.

    For the first layer the preprocessed picture: blue, green, red, the mean taken off. For all
    others the previous conv layer's maps, max-pooled if the layer is the first of its block; they
    may be the very memory that came in.

    Args:
        layer: a conv layer.
        pixels: RGB, uint8 (224, 224, 3).
        previous_maps: those of `previous_conv`, after ReLU; not looked at for the first layer.
        architecture: the network that the layer belongs to.

    Raises:
        ValueError: the layer is not a conv layer, or the maps are not of the previous one's shape.
    """
    previous = previous_conv(layer, architecture)
    if previous is None:
        return np.moveaxis(preprocess(pixels)[0], -1, 0)
    previous_maps = _checked(previous, previous_maps)
    maps = _pool(previous_maps) if previous.block != layer.block else previous_maps
    single: np.ndarray = maps.astype(np.float32, copy=False)
    return single


def receptive_fields(layer: Layer) -> list[tuple[int, int]]:
    """What a conv layer's maps see of the picture along one side, the other side being the same.

    For every position the first input pixel that it depends on and the one after the last. Beyond
    the picture's border, where a field may begin or end, the network has nothing but the zeros of
    its padding. Exact for pictures whose side all the pools divide evenly, as 224 is.

    Raises:
        ValueError: the layer is not a conv layer.
    """
    layer = _conv(layer)
    first = int(layer.offset - (layer.receptive_field - 1) / 2)
    starts = [first + position * layer.stride for position in range(layer.output_shape[0])]
    return [(start, start + layer.receptive_field) for start in starts]


def explain(
    layer_input: np.ndarray,
    kernel: np.ndarray,
    bias: float,
    computed: float,
    row: int,
    column: int,
) -> Explanation:
    """Do the arithmetic of one number of a conv layer again, in float64.

    Args:
        layer_input: as from `layer_input`, float32 ``(channels, height, width)``.
        kernel: one filter, ``(channels, 3, 3)``.
        bias: that filter's bias.
        computed: the network's number there, after ReLU.
        row: the number's row in its map.
        column: the number's column in its map.

    Raises:
        ValueError: the filter does not fit the input.
        IndexError: there is no such position.
    """
    expected = (len(layer_input), KERNEL_SIDE, KERNEL_SIDE)
    if kernel.shape != expected:
        raise ValueError(f"expected a filter {expected}, got {kernel.shape}")
    row, column = _position(row, column, *layer_input.shape[1:])
    patch, inside = _patch(layer_input, row, column)
    products = patch.astype(np.float64) * kernel
    contributions = products.sum(axis=(1, 2))
    total = float(contributions.sum()) + float(bias)
    return Explanation(
        patch=patch,
        inside=inside,
        products=products,
        contributions=contributions,
        bias=float(bias),
        total=total,
        result=max(total, 0.0),
        computed=float(computed),
    )


def source_position(
    layer: Layer,
    previous_maps: np.ndarray | None,
    kernel: np.ndarray,
    channel: int,
    row: int,
    column: int,
    architecture: Architecture = VGG19,
) -> tuple[int, int] | None:
    """Walk back a layer: where the largest product of one input channel comes from.

    Args:
        layer: the conv layer whose number is looked at.
        previous_maps: those of `previous_conv`; not looked at for the first layer.
        kernel: what the number's filter does with that channel, ``(3, 3)``.
        channel: the input channel, which is also the number of the previous layer's map.
        row: the number's row in its map.
        column: the number's column in its map.
        architecture: the network that the layer belongs to.

    Returns:
        Row and column in the previous conv layer's own map: of the product with the largest
        magnitude and, through a max pool, of the maximum. The first in reading order if several
        are equal. ``None`` for the first layer, and where all nine products are zero.

    Raises:
        ValueError: the layer is not a conv layer, or an array is of another shape than expected.
        IndexError: there is no such position or channel.
    """
    previous = previous_conv(layer, architecture)
    row, column = _position(row, column, *layer.output_shape[:2])
    if not 0 <= channel < layer.channels:
        raise IndexError(f"expected a channel from 0 to {layer.channels - 1}, got {channel}")
    if kernel.shape != (KERNEL_SIDE, KERNEL_SIDE):
        raise ValueError(f"expected a kernel {(KERNEL_SIDE, KERNEL_SIDE)}, got {kernel.shape}")
    if previous is None:
        return None
    source = _checked(previous, previous_maps)[channel : channel + 1]
    pooled = previous.block != layer.block
    patch, _ = _patch(_pool(source) if pooled else source, row, column)
    products = np.abs(patch[0].astype(np.float64) * kernel)
    if not products.any():
        return None
    down, right = _largest(products)
    row, column = row + down - KERNEL_SIDE // 2, column + right - KERNEL_SIDE // 2
    return _before_pool(source[0], row, column) if pooled else (row, column)


def pixel_colors(patch: np.ndarray) -> np.ndarray:
    """Turn a patch of the network's input, ``(3, h, w)``, back to RGB pixels, uint8 ``(h, w, 3)``.

    Undoes `network.preprocess`. The padding's zeros become the mean color: that is what
    the network takes them for.

    Raises:
        ValueError: the patch has not three channels.
    """
    if patch.ndim != 3 or len(patch) != 3:
        raise ValueError(f"expected a patch (3, height, width), got shape {patch.shape}")
    colors = np.moveaxis(patch, 0, -1) + np.array(MEAN_BGR)
    shown: np.ndarray = np.rint(colors[..., ::-1]).clip(0, 255).astype(np.uint8)
    return shown


def _patch(maps: np.ndarray, row: int, column: int) -> tuple[np.ndarray, np.ndarray]:
    """What lies under a filter: ``(n, 3, 3)``, zero beyond the border, and where inside it is."""
    height, width = maps.shape[1:]
    steps = np.arange(KERNEL_SIDE) - KERNEL_SIDE // 2
    rows, columns = (row + steps)[:, None], column + steps
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    values = maps[:, rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return np.where(inside, values, values.dtype.type(0)), inside


def _pool(maps: np.ndarray) -> np.ndarray:
    """The 2 x 2 max pool between two blocks; an odd last row or column is dropped, as in Keras."""
    height, width = (side // POOL_SIDE * POOL_SIDE for side in maps.shape[1:])
    top, bottom = (maps[:, start:height:POOL_SIDE, :width] for start in range(POOL_SIDE))
    rows = np.maximum(top, bottom)
    pooled: np.ndarray = np.maximum(rows[:, :, ::POOL_SIDE], rows[:, :, 1::POOL_SIDE])
    return pooled


def _before_pool(map_: np.ndarray, row: int, column: int) -> tuple[int, int]:
    """Where in a map ``(h, w)`` its max pool found the value of that position."""
    top, left = POOL_SIDE * row, POOL_SIDE * column
    down, right = _largest(map_[top : top + POOL_SIDE, left : left + POOL_SIDE])
    return top + down, left + right


def _largest(values: np.ndarray) -> tuple[int, int]:
    """Row and column of the largest value; the first in reading order if several are equal."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    return int(row), int(column)


def _conv(layer: Layer) -> ConvLayer:
    if not isinstance(layer, ConvLayer):
        raise ValueError(f"expected a conv layer, got {layer.name} ({layer.kind})")
    return layer


def _checked(layer: Layer, maps: np.ndarray | None) -> np.ndarray:
    height, width, filters = layer.output_shape
    got = None if maps is None else maps.shape
    if maps is None or got != (filters, height, width):
        raise ValueError(f"expected maps of {layer.name}, {(filters, height, width)}, got {got}")
    return maps


def _position(row: int, column: int, height: int, width: int) -> tuple[int, int]:
    """The position in Python's own numbers, once it is known to be on the map."""
    row, column = operator.index(row), operator.index(column)
    if not (0 <= row < height and 0 <= column < width):
        raise IndexError(
            f"expected a row from 0 to {height - 1} and a column from 0 to {width - 1}, "
            f"got {row} and {column}"
        )
    return row, column
