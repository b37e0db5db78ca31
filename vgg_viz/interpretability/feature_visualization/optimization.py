"""Optimized images: activation maximization of one channel by gradient ascent.

    parameters -- canvas --> colors -- view --> image -- ReceptiveFieldPass --> value
        ^                                                                         |
        +---- Adam <---- backward through all of it <---- gradient ---------------+

Activation maximization goes back to Erhan et al. (2009); this follows Olah, Mordvintsev and
Schubert, "Feature Visualization" (2017), https://distill.pub/2017/feature-visualization.
**Regularized** images are parametrized by spatial frequencies in decorrelated colors, and the
network sees them under a random small rotation, scaling and shift at each step. **Plain pixels**
images are optimized pixel by pixel. The objective is the channel's value before ReLU, so that an
inactive channel has a gradient too.

The last steps have no transformations, which otherwise blur the smallest images. Each image is the
one with the larger value, of that before and that after these steps.

Apart from the network, all arithmetic is NumPy's, and an image does not depend on the others in its
batch: on one machine, a seed always gives the same bytes.
"""

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vgg_viz.interpretability.feature_visualization.parametrizations import (
    PARAMETRIZATIONS,
    Parametrization,
)
from vgg_viz.interpretability.receptive_field import ReceptiveFieldPass, receptive_fields
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, read_only
from vgg_viz.option import resolve

VERSION = 2  # of the algorithm; a change invalidates stored images

# Steps with random transformations and steps without, and channels of a batch, by block. On two
# cores, an image of block 4 takes 11 s, one of block 5 34 s. Block 1 needs more steps: its best
# pixels are at 0 or 255, and 192 steps end 3% below the best value (regularized: 12%).
STEPS = {1: (384, 96), 2: (192, 48), 3: (192, 24), 4: (96, 12), 5: (72, 9)}
BATCH_SIZES = {1: 16, 2: 16, 3: 16, 4: 2, 5: 1}

CANVAS = 1.25  # side of the canvas, in sides of the image
LARGEST_CANVAS = 128  # pixels; receptive fields of block 5 have 156 to 252

LEARNING_RATE = 0.05
BETAS = (0.9, 0.999)  # decay rates of Adam's moments
EPSILON = 1e-8
DEVIATION = 0.01  # of the initial parameters

ROTATION = np.deg2rad(10)
SCALES = (0.9, 1.1)
SHIFT = (CANVAS - 1) / 2  # in sides of the image: half of the margin

# Decorrelated colors of ImageNet's images, one a column (https://github.com/tensorflow/lucid).
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS /= np.linalg.norm(COLORS, axis=0).max()


@dataclass(frozen=True)
class OptimizationSpec:
    """Network, layer, seed and parametrization of the images to optimize."""

    network: Network
    layer: ConvLayer
    seed: int
    parametrization: Parametrization

    @property
    def key(self) -> Hashable:
        """Key of all properties that determine the optimized images, apart from the channel."""
        return (self.network.identity, self.layer.name, self.seed, self.parametrization)

    def image_key(self, channel: int) -> Hashable:
        """Return the cache key of a channel's finished optimized image."""
        return ("optimized image", self.key, channel)


@dataclass(frozen=True, eq=False)
class OptimizedImage:
    """An image optimized for a channel, during or after its optimization."""

    pixels: np.ndarray  # RGB uint8 (side, side, 3), read-only
    value: float  # the channel's, before ReLU; once finished, for these pixels amid the mean color
    step: int  # number of optimization steps done
    steps: int  # their total number

    @property
    def finished(self) -> bool:
        """Whether the image is final."""
        return self.step == self.steps


def image_side(layer: ConvLayer) -> int:
    """Return the side of a layer's optimized images: its receptive field, or 102 in block 5."""
    return int(LARGEST_CANVAS / CANVAS) if layer.block == 5 else layer.receptive_field


def batch_size(layer: ConvLayer) -> int:
    """Return the number of a layer's channels whose images are optimized together."""
    return BATCH_SIZES[layer.block]


def paste_image(
    pixels: np.ndarray, optimized: np.ndarray, layer: ConvLayer, row: int, column: int
) -> np.ndarray:
    """Paste an optimized image into a copy of another image, where a position's value reads it.

    Both are RGB uint8. The optimized image is centered in the receptive field of the position in
    the layer's map (``row`` and ``column`` from 0), and clipped at the other image's border.
    """
    fields, margin = receptive_fields(layer), (layer.receptive_field - len(optimized)) // 2
    top, left = (fields[position][0] + margin for position in (row, column))
    result = Image.fromarray(pixels)
    result.paste(Image.fromarray(optimized), (left, top))
    return np.asarray(result)


class OptimizationRun:
    """Optimization of one image for each of some channels of a layer; not thread-safe.

    Channels are numbered from 1; a ValueError says if one does not exist. ``values`` are the
    channels' values before ReLU, for the images that the network saw last.
    """

    def __init__(self, spec: OptimizationSpec, channels: Sequence[int]) -> None:
        layer = spec.layer
        if not channels or not set(channels) <= set(range(1, layer.filters + 1)):
            raise ValueError(f"expected channels from 1 to {layer.filters}, got {channels}")
        self.channels = tuple(channels)
        self._transformed, upright = STEPS[layer.block]
        self.steps = self._transformed + upright
        self.step = 0
        self.values = np.zeros(len(channels), np.float32)
        self._field = ReceptiveFieldPass(spec.network, layer, image_side(layer))
        canvas = resolve(PARAMETRIZATIONS[spec.parametrization].function)
        self._canvas: PixelCanvas = canvas(self._field.side)
        seed = [spec.seed, layer.conv_number]
        self._random = np.random.default_rng(seed)
        generators = [np.random.default_rng([*seed, channel]) for channel in channels]
        initial = [each.normal(0, DEVIATION, self._canvas.shape) for each in generators]
        self._adam = Adam(np.stack(initial).astype(np.float32))
        self._best: tuple[np.ndarray, np.ndarray] | None = None  # images, and their values
        self._work = self._optimize()

    @property
    def finished(self) -> bool:
        """Whether the last optimization step is done."""
        return self.step == self.steps

    def advance(self) -> None:
        """Run one layer of the current step forward or backward; do nothing after the last step."""
        next(self._work, None)

    def images(self) -> dict[int, OptimizedImage]:
        """Return the current images by channel, without those of an infinite or undefined value."""
        return {
            channel: OptimizedImage(pixels, float(value), self.step, self.steps)
            for channel, pixels, value in zip(
                self.channels, self._pixels(), self.values, strict=True
            )
            if np.isfinite(value)
        }

    def _pixels(self) -> np.ndarray:
        """Return the current images, or the best ones at the end, uint8 ``(n, side, side, 3)``."""
        if self.finished and self._best:
            return self._best[0]
        colors = self._canvas.crop(self._canvas.colors(self._adam.parameters))
        return read_only(np.rint(colors).astype(np.uint8))

    def _optimize(self) -> Generator[None, None, None]:
        """Take all steps; the last one ends with the values of the best, rounded images."""
        for step in range(1, self.steps + 1):
            colors = self._canvas.colors(self._adam.parameters)
            is_upright = step > self._transformed
            view = self._canvas.upright() if is_upright else self._canvas.view(self._random)
            values, gradient = yield from self._field.values(view.sample(colors), self.channels)
            self._adam.ascend(self._canvas.backward(colors, view.backward(gradient)))
            if step in (self._transformed, self.steps):
                self._best = _, values = yield from self._better()
                # The random transformations have made Adam's steps small.
                self._adam = Adam(self._adam.parameters)
            self.values, self.step = values, step
            yield

    def _better(self) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """Return the better of the current and the best images so far, and their values."""
        pixels = self._pixels()
        values, _ = yield from self._field.values(pixels.astype(np.float32), self.channels)
        if self._best:
            is_better = values > self._best[1]
            pixels = np.where(is_better[:, None, None, None], pixels, self._best[0])
            values = np.where(is_better, values, self._best[1])
        return read_only(pixels), values


class View:
    """Image that the network sees of a canvas: bilinear samples at points ``(side, side)``."""

    def __init__(self, rows: np.ndarray, columns: np.ndarray, canvas_side: int) -> None:
        self._side, self._canvas_side, last = len(rows), canvas_side, canvas_side - 1
        rows, columns = rows.clip(0, last), columns.clip(0, last)
        top, left = (np.minimum(each.astype(np.intp), last - 1) for each in (rows, columns))
        down, right = rows - top, columns - left
        corners = [(top + dy) * canvas_side + left + dx for dy in (0, 1) for dx in (0, 1)]
        weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        self._indices = np.stack(corners).reshape(4, -1)
        self._weights = np.stack(weights).reshape(4, -1).astype(np.float32)

    def sample(self, canvases: np.ndarray) -> np.ndarray:
        """Sample images, float ``(n, side, side, 3)``, from canvases ``(n, canvas, canvas, 3)``."""
        flat = canvases.reshape(len(canvases), -1, 3)
        pairs = zip(self._indices, self._weights, strict=True)
        samples = sum(flat[:, indices] * weights[:, None] for indices, weights in pairs)
        return np.asarray(samples).reshape(-1, self._side, self._side, 3)

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of the canvases from the gradient of the sampled images."""
        count, side = len(gradient), self._canvas_side
        parts = gradient.reshape(count, -1, 3).transpose(0, 2, 1)
        gradients = np.empty((count, 3, side**2), gradient.dtype)
        for image, color in np.ndindex(count, 3):
            weights = (self._weights * parts[image, color]).ravel()
            gradients[image, color] = np.bincount(self._indices.ravel(), weights, side**2)
        return gradients.transpose(0, 2, 1).reshape(count, side, side, 3)


class PixelCanvas:
    """Canvas that is the image itself, parametrized by its pixels; it is never transformed."""

    def __init__(self, side: int) -> None:
        self.side = self.canvas_side = side
        self.shape: tuple[int, ...] = (side, side, 3)  # of one image's parameters

    def colors(self, parameters: np.ndarray) -> np.ndarray:
        """Compute canvases from parameters, RGB 0 to 255, float32 ``(n, canvas, canvas, 3)``."""
        return to_colors(parameters)

    def backward(self, colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of the parameters from the canvases' colors and their gradient."""
        return to_colors_gradient(colors, gradient)

    def view(self, random: np.random.Generator) -> View:
        """Return the network's view of the canvas, shared by all images of a step."""
        return self.upright()

    def upright(self) -> View:
        """Return a view of the canvas' center without any transformation."""
        first = (self.canvas_side - self.side) // 2
        rows, columns = first + np.indices((self.side, self.side), dtype=float)
        return View(rows, columns, self.canvas_side)

    def crop(self, colors: np.ndarray) -> np.ndarray:
        """Crop the images, ``(n, side, side, 3)``, from the centers of the canvases."""
        first = (self.canvas_side - self.side) // 2
        center = slice(first, first + self.side)
        return colors[:, center, center]


class FourierCanvas(PixelCanvas):
    """Canvas larger than the image, parametrized by Fourier coefficients of decorrelated colors."""

    def __init__(self, side: int) -> None:
        self.side = side
        # The same margin on all sides: the image is the canvas' center.
        self.canvas_side = wide = side + 2 * int(np.ceil((CANVAS - 1) * side / 2))
        frequencies = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))
        self.shape = (3, *frequencies.shape, 2)
        # Amplitudes as in photographs, inversely proportional to the frequency; the divisor 4 makes
        # the first steps small.
        self._scale = wide / np.maximum(frequencies, 1 / wide) / 4
        # Multiplicity of each frequency in the whole spectrum, of which half is stored.
        self._multiplicity = np.full(frequencies.shape[1], 2.0)
        self._multiplicity[[0, -1] if wide % 2 == 0 else 0] = 1

    def colors(self, parameters: np.ndarray) -> np.ndarray:
        """Compute canvases by an inverse Fourier transform."""
        spectrum = (parameters[..., 0] + 1j * parameters[..., 1]) * self._scale
        waves = np.fft.irfft2(spectrum, (self.canvas_side, self.canvas_side))
        return to_colors(np.moveaxis(waves, 1, -1) @ COLORS.T)

    def backward(self, colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of the parameters from the canvases' colors and their gradient."""
        mixed = to_colors_gradient(colors, gradient)
        spectrum = np.fft.rfft2(np.moveaxis(mixed @ COLORS, -1, 1))
        spectrum *= self._scale * self._multiplicity / self.canvas_side**2
        return np.stack([spectrum.real, spectrum.imag], axis=-1)

    def view(self, random: np.random.Generator) -> View:
        """Return the network's view of the canvas under a random transformation."""
        rotation, scale = random.uniform(-ROTATION, ROTATION), random.uniform(*SCALES)
        down, right = (self.canvas_side - 1) / 2 + SHIFT * self.side * random.uniform(-1, 1, 2)
        steps = scale * (np.arange(self.side) - (self.side - 1) / 2)
        sine, cosine = np.sin(rotation), np.cos(rotation)
        rows = down + cosine * steps[:, None] - sine * steps
        columns = right + sine * steps[:, None] + cosine * steps
        return View(rows, columns, self.canvas_side)


class Adam:
    """Gradient ascent: Kingma and Ba, "Adam" (2015), https://arxiv.org/abs/1412.6980."""

    def __init__(self, parameters: np.ndarray) -> None:
        self.parameters = parameters
        self._mean, self._square = np.zeros_like(parameters), np.zeros_like(parameters)
        self._steps = 0

    def ascend(self, gradient: np.ndarray) -> None:
        """Take one step that increases the objective."""
        self._steps += 1
        first, second = BETAS
        self._mean = first * self._mean + (1 - first) * gradient
        self._square = second * self._square + (1 - second) * gradient**2
        mean = self._mean / (1 - first**self._steps)
        square = self._square / (1 - second**self._steps)
        step = LEARNING_RATE * mean / (np.sqrt(square) + EPSILON)
        self.parameters = (self.parameters + step).astype(np.float32)


def to_colors(values: np.ndarray) -> np.ndarray:
    """Map real numbers to color values from 0 to 255 by a sigmoid, float32.

    >>> to_colors(np.array([-9.0, 0.0, 9.0])).round().tolist()
    [0.0, 128.0, 255.0]
    """
    return np.asarray(255 / (1 + np.exp(-values)), np.float32)


def to_colors_gradient(colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Compute the gradient of the arguments of `to_colors` from its results and their gradient."""
    sigmoid = colors / 255
    return np.asarray(gradient * (255 * sigmoid * (1 - sigmoid)))
