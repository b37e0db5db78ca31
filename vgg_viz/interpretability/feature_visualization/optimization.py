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

Apart from the network, all arithmetic is NumPy's, and an image does not depend on the others in its
batch: on one machine, a seed always gives the same bytes.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.interpretability.receptive_field import ReceptiveFieldPass, receptive_fields
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, read_only

VERSION = 1  # of the algorithm; a change invalidates stored images

# Steps, and channels of a batch, by block. On two cores, an image of block 4 takes 10 s, one of
# block 5 30 s. Block 1 needs more steps: its best pixels are at 0 or 255, and 192 steps end 3%
# below the best value (regularized: 12%).
STEPS = {1: 384, 2: 192, 3: 192, 4: 96, 5: 72}
BATCH_SIZES = {1: 16, 2: 16, 3: 16, 4: 2, 5: 1}

CANVAS = 1.25  # side of the canvas, in sides of the image
LARGEST_CANVAS = 128  # pixels; receptive fields of block 5 have 156 to 252

LEARNING_RATE = 0.05
BETAS = (0.9, 0.999)  # decay rates of Adam's moments
EPSILON = 1e-8
DEVIATION = 0.01  # of the initial parameters

ROTATION = np.deg2rad(10)
SCALES = (0.9, 1.1)

# Decorrelated colors of ImageNet's images, one a column (https://github.com/tensorflow/lucid).
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS /= np.linalg.norm(COLORS, axis=0).max()


@dataclass(frozen=True, eq=False)
class OptimizedImage:
    """An image optimized for a channel.

    pixels: RGB uint8 ``(side, side, 3)``.
    value: the channel's value before ReLU, for these pixels centered in an image of mean color.
    steps: number of optimization steps.
    """

    pixels: np.ndarray
    value: float
    steps: int


def image_side(layer: ConvLayer) -> int:
    """Return the side in pixels of the images optimized for a layer's channels.

    It is the layer's receptive field, but at most 102 in block 5, whose receptive fields are
    larger.
    """
    largest = layer.receptive_field if layer.block < max(STEPS) else int(LARGEST_CANVAS / CANVAS)
    return min(layer.receptive_field, largest)


def batch_size(layer: ConvLayer) -> int:
    """Return the number of a layer's channels whose images are optimized together."""
    return BATCH_SIZES[layer.block]


def paste_image(
    pixels: np.ndarray, optimized: np.ndarray, layer: ConvLayer, row: int, column: int
) -> np.ndarray:
    """Paste an optimized image into another image, centered in the receptive field of a position.

    Args:
        pixels: RGB image to paste into, uint8 ``(h, w, 3)``; not changed.
        optimized: optimized image, uint8 ``(side, side, 3)``; clipped at the other's border.
        layer: conv layer of the position.
        row: row in the layer's map, from 0.
        column: column in the layer's map, from 0.
    """
    result, side = pixels.copy(), len(optimized)
    fields, margin = receptive_fields(layer), (layer.receptive_field - side) // 2
    top, left = (fields[position][0] + margin for position in (row, column))
    target = result[max(0, top) : top + side, max(0, left) : left + side]
    source = optimized[max(0, -top) :, max(0, -left) :]
    target[:] = source[: target.shape[0], : target.shape[1]]
    return result


class OptimizationRun:
    """Optimization of one image for each of some channels of a layer; not thread-safe."""

    def __init__(
        self,
        network: Network,
        layer: ConvLayer,
        channels: Sequence[int],
        seed: int,
        parametrization: Parametrization,
    ) -> None:
        """Draw the initial images, without computing any step.

        Args:
            network: the network.
            layer: one of its conv layers.
            channels: numbers of the channels, from 1.
            seed: seed of the initial images and of the random transformations.
            parametrization: ``"regularized"`` or ``"pixels"``.

        Raises:
            ValueError: a channel does not exist.
        """
        if not channels or not set(channels) <= set(range(1, layer.filters + 1)):
            raise ValueError(f"expected channels from 1 to {layer.filters}, got {channels}")
        self.channels = tuple(channels)
        self.steps = STEPS[layer.block]
        self.step = 0
        self.values = np.full(len(channels), -np.inf, np.float32)
        self._field = ReceptiveFieldPass(network, layer, image_side(layer))
        self._poses = random_poses([seed, layer.conv_number])
        canvas = FourierCanvas if parametrization == "regularized" else PixelCanvas
        self._canvas = canvas(self._field.side)
        initial = [self._canvas.initial([seed, layer.conv_number, one]) for one in channels]
        self._adam = Adam(np.stack(initial))
        self._results: list[OptimizedImage] = []
        self._work = self._optimize()

    @property
    def finished(self) -> bool:
        """Whether the last optimization step is done."""
        return bool(self._results)

    def advance(self) -> None:
        """Run one layer of the current step forward or backward; do nothing after the last step."""
        next(self._work, None)

    def images(self) -> np.ndarray:
        """Return the current images, one per channel, uint8 ``(n, side, side, 3)``."""
        return to_pixels(self._canvas.crop(self._canvas.colors(self._adam.parameters)))

    def results(self) -> list[OptimizedImage]:
        """Return the finished images, in the order of the channels.

        Raises:
            ValueError: the optimization is not finished.
        """
        if not self._results:
            raise ValueError(f"expected {self.steps} steps, got {self.step}")
        return self._results

    def _optimize(self) -> Generator[None, None, None]:
        for step in range(self.steps):
            self.values, gradient = yield from self._values_and_gradient()
            self._adam.ascend(gradient)
            self.step = step + 1
            yield
        pixels = self.images()
        values, _ = yield from self._field.values(pixels.astype(np.float32), self.channels)
        self.values = values
        self._results = [
            OptimizedImage(read_only(image), float(value), self.steps)
            for image, value in zip(pixels, values, strict=True)
        ]

    def _values_and_gradient(self) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """Compute each channel's value for a random view, and the gradient of all parameters."""
        colors = self._canvas.colors(self._adam.parameters)
        view = self._canvas.view(next(self._poses))
        values, gradient = yield from self._field.values(view.sample(colors), self.channels)
        return values, self._canvas.backward(colors, view.backward(gradient))


@dataclass(frozen=True)
class Pose:
    """Random transformation of a canvas: rotation in radians, scale, and shift in margins."""

    rotation: float
    scale: float
    shift: tuple[float, float]


def random_poses(seed: Sequence[int]) -> Generator[Pose, None, None]:
    """Yield a random pose for each optimization step, shared by all channels."""
    random = np.random.default_rng(seed)
    while True:
        rotation, scale = random.uniform(-ROTATION, ROTATION), random.uniform(*SCALES)
        down, right = random.uniform(-0.5, 0.5, 2)
        yield Pose(rotation, scale, (down, right))


class View:
    """Image that the network sees of a canvas: bilinear sampling, and its gradient."""

    def __init__(self, rows: np.ndarray, columns: np.ndarray, canvas_side: int) -> None:
        """Prepare to sample a canvas at given points.

        Args:
            rows: row of each point, float ``(side, side)``, clamped to the canvas.
            columns: column of each point, float ``(side, side)``, clamped to the canvas.
            canvas_side: side of the canvas in pixels.
        """
        last = canvas_side - 1
        rows, columns = rows.clip(0, last), columns.clip(0, last)
        top = np.minimum(rows.astype(np.intp), max(last - 1, 0))
        left = np.minimum(columns.astype(np.intp), max(last - 1, 0))
        down, right = rows - top, columns - left
        self._side, self._canvas_side = len(rows), canvas_side
        self._indices = np.stack(
            [
                (np.minimum(top + dy, last) * canvas_side + np.minimum(left + dx, last)).ravel()
                for dy in (0, 1)
                for dx in (0, 1)
            ]
        )
        weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        self._weights = np.stack([weight.ravel() for weight in weights]).astype(np.float32)

    def sample(self, canvases: np.ndarray) -> np.ndarray:
        """Sample images, float ``(n, side, side, 3)``, from canvases ``(n, canvas, canvas, 3)``."""
        flat = canvases.reshape(len(canvases), -1, 3)
        samples = sum(
            flat[:, indices] * weights[:, None]
            for indices, weights in zip(self._indices, self._weights, strict=True)
        )
        return np.asarray(samples).reshape(-1, self._side, self._side, 3)

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of the canvases from the gradient of the sampled images."""
        count, size = len(gradient), self._canvas_side**2
        parts = gradient.reshape(count, -1, 3).transpose(0, 2, 1)
        indices = self._indices.ravel()
        gradients = np.empty((count, 3, size), gradient.dtype)
        for image, color in np.ndindex(count, 3):
            weights = (self._weights * parts[image, color]).ravel()
            gradients[image, color] = np.bincount(indices, weights, size)
        side = self._canvas_side
        return gradients.transpose(0, 2, 1).reshape(count, side, side, 3)


class FourierCanvas:
    """Canvas larger than the image, parametrized by Fourier coefficients of decorrelated colors."""

    def __init__(self, side: int) -> None:
        """Prepare canvases for images of ``side`` pixels."""
        self.side = side
        # The same margin on all sides: the image is the canvas' center.
        self.canvas_side = wide = side + 2 * int(np.ceil((CANVAS - 1) * side / 2))
        frequencies = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))
        # Amplitudes as in photographs, inversely proportional to the frequency; the divisor 4 makes
        # the first steps small.
        self._scale = wide / np.maximum(frequencies, 1 / wide) / 4
        # Multiplicity of each frequency in the whole spectrum, of which half is stored.
        self._multiplicity = np.full(frequencies.shape[1], 2.0)
        self._multiplicity[0] = 1
        if wide % 2 == 0:
            self._multiplicity[-1] = 1

    def initial(self, seed: Sequence[int]) -> np.ndarray:
        """Draw one canvas' initial parameters, float32 ``(3, canvas, canvas // 2 + 1, 2)``."""
        random = np.random.default_rng(seed)
        shape = (3, *self._scale.shape, 2)
        return random.normal(0, DEVIATION, shape).astype(np.float32)

    def colors(self, parameters: np.ndarray) -> np.ndarray:
        """Compute canvases from parameters, RGB 0 to 255, float32 ``(n, canvas, canvas, 3)``."""
        spectrum = (parameters[..., 0] + 1j * parameters[..., 1]) * self._scale
        waves = np.fft.irfft2(spectrum, (self.canvas_side, self.canvas_side))
        mixed = np.moveaxis(waves, 1, -1) @ COLORS.T
        return to_colors(mixed)

    def backward(self, colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of the parameters from the gradient of the canvases.

        Args:
            colors: the canvases, as `colors` returned them.
            gradient: gradient of the canvases.
        """
        mixed = to_colors_gradient(colors, gradient)
        spectrum = np.fft.rfft2(np.moveaxis(mixed @ COLORS, -1, 1))
        spectrum *= self._scale * self._multiplicity / self.canvas_side**2
        return np.stack([spectrum.real, spectrum.imag], axis=-1)

    def view(self, pose: Pose) -> View:
        """Return the view of the canvas under a random transformation."""
        center, margin = (self.canvas_side - 1) / 2, (CANVAS - 1) * self.side
        steps = pose.scale * (np.arange(self.side) - (self.side - 1) / 2)
        sine, cosine = np.sin(pose.rotation), np.cos(pose.rotation)
        down, right = steps[:, None], steps
        rows = center + margin * pose.shift[0] + cosine * down - sine * right
        columns = center + margin * pose.shift[1] + sine * down + cosine * right
        return View(rows, columns, self.canvas_side)

    def crop(self, colors: np.ndarray) -> np.ndarray:
        """Crop the images, ``(n, side, side, 3)``, from the centers of the canvases."""
        first = (self.canvas_side - self.side) // 2
        center = slice(first, first + self.side)
        return colors[:, center, center]


class PixelCanvas:
    """Canvas that is the image itself, parametrized by its pixels; it is never transformed."""

    def __init__(self, side: int) -> None:
        """Prepare canvases for images of ``side`` pixels."""
        self.side = side

    def initial(self, seed: Sequence[int]) -> np.ndarray:
        """Draw one image's initial parameters, float32 ``(side, side, 3)``."""
        random = np.random.default_rng(seed)
        return random.normal(0, DEVIATION, (self.side, self.side, 3)).astype(np.float32)

    def colors(self, parameters: np.ndarray) -> np.ndarray:
        """Compute images from their parameters, RGB 0 to 255, float32 ``(n, side, side, 3)``."""
        return to_colors(parameters)

    def backward(self, colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of the parameters from the gradient of the images.

        Args:
            colors: the images, as `colors` returned them.
            gradient: gradient of the images.
        """
        return to_colors_gradient(colors, gradient)

    def view(self, pose: Pose) -> View:
        """Return the view of the full image, whatever the pose."""
        steps = np.arange(self.side, dtype=float)
        rows, columns = np.meshgrid(steps, steps, indexing="ij")
        return View(rows, columns, self.side)

    def crop(self, colors: np.ndarray) -> np.ndarray:
        """Return the canvases unchanged, since they are the images."""
        return colors


class Adam:
    """Gradient ascent with the Adam optimizer.

    Kingma and Ba, "Adam" (2015), https://arxiv.org/abs/1412.6980.
    """

    def __init__(self, parameters: np.ndarray) -> None:
        """Start from a copy of the initial parameters."""
        self.parameters = parameters.copy()
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
    colors: np.ndarray = (255 / (1 + np.exp(-values))).astype(np.float32)
    return colors


def to_colors_gradient(colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Compute the gradient of the arguments of `to_colors` from the gradient of its results.

    Args:
        colors: results of `to_colors`.
        gradient: their gradient.
    """
    sigmoid = colors / 255
    result: np.ndarray = gradient * (255 * sigmoid * (1 - sigmoid))
    return result


def to_pixels(colors: np.ndarray) -> np.ndarray:
    """Round color values from 0 to 255 to uint8 pixels."""
    pixels: np.ndarray = np.rint(colors).astype(np.uint8)
    return pixels
