"""Pictures made by optimization: what a channel answers to most, as far as climbing finds it.

    numbers -- canvas --> colors -- crop --> picture -- ReceptiveFieldPass --> value
       ^                                                                 |
       +---- Adam <---- all of it backwards <---- gradient --------------+

Activation maximization as in Olah, Mordvintsev and Schubert, "Feature Visualization" (2017),
https://distill.pub/2017/feature-visualization. With the **recipe** the numbers are a canvas'
spatial frequencies in colors that photographs do not correlate, and the network sees the canvas
turned, scaled and shifted a little, another way at each step. **Plain** numbers are the pixels.
What is climbed is the value before the ReLU, so that a beginning that the channel is silent about
is no problem.

All of a picture's arithmetic but the network's is NumPy's, in an order that does not depend on the
pictures that are made together with it: the same seed gives the same bytes on one machine.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.interpretability.receptive_field import ReceptiveFieldPass, receptive_fields
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, read_only

VERSION = 1  # of all that follows: another one makes other pictures

# How many steps are taken, and how many channels are made together, in each block. On two cores a
# picture of block 4 takes 10 s, one of block 5 30 s. In block 1 they are cheap: the first layer's
# best pixels are at 0 or 255, and 192 steps stay 3 % of the value away, regularized 12 %.
STEPS = {1: 384, 2: 192, 3: 192, 4: 96, 5: 72}
TOGETHER = {1: 16, 2: 16, 3: 16, 4: 2, 5: 1}

CANVAS = 1.25  # sides of a picture
LARGEST_CANVAS = 128  # pixels: in block 5, where fields have 156 to 252

RATE = 0.05
MOMENTS = (0.9, 0.999)  # Kingma and Ba, "Adam" (2015)
EPSILON = 1e-8
DEVIATION = 0.01  # of the numbers that climbing begins with

TURN = np.deg2rad(10)
SCALES = (0.9, 1.1)

# How the colors of ImageNet's photographs vary together (https://github.com/tensorflow/lucid):
# a column a direction that is independent of the others.
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS /= np.linalg.norm(COLORS, axis=0).max()


@dataclass(frozen=True, eq=False)
class OptimizedImage:
    """A picture that was made for a channel.

    ``pixels`` RGB uint8 (side, side, 3); ``value``: that of the channel before its ReLU, where
    these very pixels lie in the middle of the network's input and all around has the mean color;
    ``steps``: how many were taken.
    """

    pixels: np.ndarray
    value: float
    steps: int


def picture_side(layer: ConvLayer) -> int:
    """How large a layer's pictures are: as its receptive field, but in block 5."""
    largest = layer.receptive_field if layer.block < max(STEPS) else int(LARGEST_CANVAS / CANVAS)
    return min(layer.receptive_field, largest)


def batch_size(layer: ConvLayer) -> int:
    """How many channels of a layer are made together."""
    return TOGETHER[layer.block]


def pasted(
    pixels: np.ndarray, made: np.ndarray, layer: ConvLayer, row: int, column: int
) -> np.ndarray:
    """A picture, RGB uint8 ``(h, w, 3)``, with a made one in the middle of a position's field.

    What reaches beyond the border is cut off. Rows and columns of the layer's map count from 0.
    """
    both = pixels.copy()
    fields, beyond = receptive_fields(layer), (layer.receptive_field - len(made)) // 2
    top, left = (fields[position][0] + beyond for position in (row, column))
    seen = made[max(0, -top) :, max(0, -left) :]
    part = both[max(0, top) : top + len(made), max(0, left) : left + len(made)]
    part[:] = seen[: part.shape[0], : part.shape[1]]
    return both


class OptimizationRun:
    """Pictures of some channels of a layer while they are made; used by one thread at a time."""

    def __init__(
        self,
        network: Network,
        layer: ConvLayer,
        channels: Sequence[int],
        seed: int,
        parametrization: Parametrization,
    ) -> None:
        """Begin, without any work so far.

        Args:
            network: the network.
            layer: one of its conv layers.
            channels: numbers, from 1.
            seed: another one leads to other pictures.
            parametrization: with the parametrization, or plain pixels.

        Raises:
            ValueError: the layer has no such channel.
        """
        if not channels or not set(channels) <= set(range(1, layer.filters + 1)):
            raise ValueError(f"expected channels from 1 to {layer.filters}, got {channels}")
        self.channels = tuple(channels)
        self.steps = STEPS[layer.block]
        self.step = 0
        self.values = np.full(len(channels), -np.inf, np.float32)
        self._field = ReceptiveFieldPass(network, layer, picture_side(layer))
        self._views = views([seed, layer.conv_number])
        parametrized = Frequencies if parametrization == "regularized" else Pixels
        self._canvas = parametrized(self._field.side)
        begin = [self._canvas.begin([seed, layer.conv_number, one]) for one in channels]
        self._adam = Adam(np.stack(begin))
        self._results: list[OptimizedImage] = []
        self._work = self._climb()

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return bool(self._results)

    def advance(self) -> None:
        """Do one unit of work: a layer's, forwards or backwards; nothing once all is done."""
        next(self._work, None)

    def pictures(self) -> np.ndarray:
        """The pictures as they are now, uint8 ``(n, side, side, 3)``."""
        return rounded(self._canvas.middle(self._canvas.colors(self._adam.numbers)))

    def results(self) -> list[OptimizedImage]:
        """The pictures once they are finished.

        Raises:
            ValueError: they are not.
        """
        if not self._results:
            raise ValueError(f"expected {self.steps} steps, got {self.step}")
        return self._results

    def _climb(self) -> Generator[None, None, None]:
        for step in range(self.steps):
            self.values, gradient = yield from self._uphill()
            self._adam.climb(gradient)
            self.step = step + 1
            yield
        pixels = self.pictures()
        values, _ = yield from self._field.values(pixels.astype(np.float32), self.channels)
        self.values = values
        self._results = [
            OptimizedImage(read_only(picture), float(value), self.steps)
            for picture, value in zip(pixels, values, strict=True)
        ]

    def _uphill(self) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """The values as the network sees the canvases at this step, and their gradients."""
        colors = self._canvas.colors(self._adam.numbers)
        view = self._canvas.view(next(self._views))
        seen = view.of(colors)
        values, gradient = yield from self._field.values(seen, self.channels)
        return values, self._canvas.back(colors, view.back(gradient))


@dataclass(frozen=True)
class Pose:
    """How the network sees a canvas at a step: turned (radians), scaled, shifted (margins)."""

    turn: float
    scale: float
    shift: tuple[float, float]


def views(seed: Sequence[int]) -> Generator[Pose, None, None]:
    """A pose a step, the same for all channels."""
    random = np.random.default_rng(seed)
    while True:
        turn, scale = random.uniform(-TURN, TURN), random.uniform(*SCALES)
        down, right = random.uniform(-0.5, 0.5, 2)
        yield Pose(turn, scale, (down, right))


class View:
    """A square of pixels of a canvas, wherever it lies, by bilinear interpolation; and back."""

    def __init__(self, rows: np.ndarray, columns: np.ndarray, canvas_side: int) -> None:
        """Look at these places of a canvas, float ``(side, side)``; its rim goes on beyond it."""
        last = canvas_side - 1
        rows, columns = rows.clip(0, last), columns.clip(0, last)
        top = np.minimum(rows.astype(np.intp), max(last - 1, 0))
        left = np.minimum(columns.astype(np.intp), max(last - 1, 0))
        down, right = rows - top, columns - left
        self._side, self._canvas_side = len(rows), canvas_side
        self._places = np.stack(
            [
                (np.minimum(top + dy, last) * canvas_side + np.minimum(left + dx, last)).ravel()
                for dy in (0, 1)
                for dx in (0, 1)
            ]
        )
        shares = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        self._shares = np.stack([share.ravel() for share in shares]).astype(np.float32)

    def of(self, canvases: np.ndarray) -> np.ndarray:
        """What is seen of canvases (n, canvas, canvas, 3): float ``(n, side, side, 3)``."""
        flat = canvases.reshape(len(canvases), -1, 3)
        seen = sum(
            flat[:, places] * share[:, None]
            for places, share in zip(self._places, self._shares, strict=True)
        )
        return np.asarray(seen).reshape(-1, self._side, self._side, 3)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient with respect to the canvases, of that with respect to what is seen."""
        count, size = len(gradient), self._canvas_side**2
        parts = gradient.reshape(count, -1, 3).transpose(0, 2, 1)
        places = self._places.ravel()
        found = np.empty((count, 3, size), gradient.dtype)
        for picture, color in np.ndindex(count, 3):
            shares = (self._shares * parts[picture, color]).ravel()
            found[picture, color] = np.bincount(places, shares, size)
        side = self._canvas_side
        return found.transpose(0, 2, 1).reshape(count, side, side, 3)


class Frequencies:
    """A canvas as the frequencies of three colors that do not go together in photographs."""

    def __init__(self, side: int) -> None:
        """Make canvases for pictures of ``side`` pixels."""
        self.side = side
        # As far beyond the picture on all sides: its middle is the canvas' middle.
        self.canvas_side = wide = side + 2 * int(np.ceil((CANVAS - 1) * side / 2))
        frequencies = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))
        # Each as strong as in photographs, where half the frequency has twice the amplitude; the
        # 4 makes the first steps small.
        self._scale = wide / np.maximum(frequencies, 1 / wide) / 4
        # How often each stands in the whole spectrum, of which half is kept.
        self._times = np.full(frequencies.shape[1], 2.0)
        self._times[0] = 1
        if wide % 2 == 0:
            self._times[-1] = 1

    def begin(self, seed: Sequence[int]) -> np.ndarray:
        """The numbers that climbing begins with, float32 ``(3, canvas, canvas // 2 + 1, 2)``."""
        random = np.random.default_rng(seed)
        shape = (3, *self._scale.shape, 2)
        return random.normal(0, DEVIATION, shape).astype(np.float32)

    def colors(self, numbers: np.ndarray) -> np.ndarray:
        """The canvases, RGB from 0 to 255, float32 ``(n, canvas, canvas, 3)``."""
        spectrum = (numbers[..., 0] + 1j * numbers[..., 1]) * self._scale
        waves = np.fft.irfft2(spectrum, (self.canvas_side, self.canvas_side))
        mixed = np.moveaxis(waves, 1, -1) @ COLORS.T
        return squashed(mixed)

    def back(self, colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The gradient with respect to the numbers, of that with respect to the canvases."""
        mixed = unsquashed(colors, gradient)
        spectrum = np.fft.rfft2(np.moveaxis(mixed @ COLORS, -1, 1))
        spectrum *= self._scale * self._times / self.canvas_side**2
        return np.stack([spectrum.real, spectrum.imag], axis=-1)

    def view(self, pose: Pose) -> View:
        """The canvas as it is seen in that pose."""
        center, margin = (self.canvas_side - 1) / 2, (CANVAS - 1) * self.side
        steps = pose.scale * (np.arange(self.side) - (self.side - 1) / 2)
        sine, cosine = np.sin(pose.turn), np.cos(pose.turn)
        down, right = steps[:, None], steps
        rows = center + margin * pose.shift[0] + cosine * down - sine * right
        columns = center + margin * pose.shift[1] + sine * down + cosine * right
        return View(rows, columns, self.canvas_side)

    def middle(self, colors: np.ndarray) -> np.ndarray:
        """The canvases' middle, which is the picture."""
        first = (self.canvas_side - self.side) // 2
        which = slice(first, first + self.side)
        return colors[:, which, which]


class Pixels:
    """A canvas that is the picture, pixel by pixel, and is seen as it is."""

    def __init__(self, side: int) -> None:
        """Make canvases for pictures of ``side`` pixels."""
        self.side = side

    def begin(self, seed: Sequence[int]) -> np.ndarray:
        """The numbers that climbing begins with, float32 ``(side, side, 3)``."""
        random = np.random.default_rng(seed)
        return random.normal(0, DEVIATION, (self.side, self.side, 3)).astype(np.float32)

    def colors(self, numbers: np.ndarray) -> np.ndarray:
        """The canvases, RGB from 0 to 255, float32 ``(n, side, side, 3)``."""
        return squashed(numbers)

    def back(self, colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The gradient with respect to the numbers, of that with respect to the canvases."""
        return unsquashed(colors, gradient)

    def view(self, pose: Pose) -> View:
        """The canvas as it is, whatever the pose."""
        steps = np.arange(self.side, dtype=float)
        rows, columns = np.meshgrid(steps, steps, indexing="ij")
        return View(rows, columns, self.side)

    def middle(self, colors: np.ndarray) -> np.ndarray:
        """The whole."""
        return colors


class Adam:
    """Climbs: the optimizer of Kingma and Ba, "Adam: A Method for Stochastic Optimization"."""

    def __init__(self, numbers: np.ndarray) -> None:
        """Begin at these numbers, which are left as they are."""
        self.numbers = numbers.copy()
        self._mean, self._square = np.zeros_like(numbers), np.zeros_like(numbers)
        self._steps = 0

    def climb(self, gradient: np.ndarray) -> None:
        """Take a step uphill."""
        self._steps += 1
        first, second = MOMENTS
        self._mean = first * self._mean + (1 - first) * gradient
        self._square = second * self._square + (1 - second) * gradient**2
        mean = self._mean / (1 - first**self._steps)
        square = self._square / (1 - second**self._steps)
        step = RATE * mean / (np.sqrt(square) + EPSILON)
        self.numbers = (self.numbers + step).astype(np.float32)


def squashed(numbers: np.ndarray) -> np.ndarray:
    """Any numbers as colors from 0 to 255, float32."""
    colors: np.ndarray = (255 / (1 + np.exp(-numbers))).astype(np.float32)
    return colors


def unsquashed(colors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The gradient with respect to numbers, of that with respect to their `squashed` colors."""
    shares = colors / 255
    changed: np.ndarray = gradient * (255 * shares * (1 - shares))
    return changed


def rounded(colors: np.ndarray) -> np.ndarray:
    """Colors from 0 to 255 as pixels, uint8."""
    pixels: np.ndarray = np.rint(colors).astype(np.uint8)
    return pixels
