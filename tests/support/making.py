"""Pictures made by nobody: what stands in for `OptimizationRun`, without TensorFlow.

    worker = OptimizationWorker(cache, lock, create_run=Workshop().making, batch_size=four)
    worker.request(OptimizationSpec(network_of("mine"), layer, seed, "regularized"), channels)

A picture follows from layer, channel, seed and parametrization, and its colors grow with the steps.
"""

import zlib
from threading import Lock
from types import SimpleNamespace

import numpy as np

from vgg_viz.interpretability.feature_visualization.optimization import OptimizedImage, picture_side
from vgg_viz.serving.optimization_worker import Progress, Snapshot

SIDE = 8
STEPS = 5


class StandInNetwork:
    """What passes for a network, as far as a maker looks at it."""

    def __init__(self, weights):
        self.weights = weights
        self.identity, self.label = weights.identity, weights.label


def network_of(identity):
    """One of weights that are known by that, and by nothing else."""
    return StandInNetwork(SimpleNamespace(identity=identity, label=identity))


def four(layer):
    """How many are made together."""
    return 4


def color(layer, channel, seed, parametrization):
    """The brightest that a finished picture gets, 1 to 255."""
    return zlib.crc32(f"{layer.name} {channel} {seed} {parametrization}".encode()) % 255 + 1


def picture(layer, channel, seed, parametrization, step=STEPS):
    """What a picture is after so many steps: brighter from its left to its right."""
    bright = color(layer, channel, seed, parametrization) * step // STEPS
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[...] = np.linspace(0, bright, SIDE).astype(np.uint8)[None, :, None]
    return pixels


def finished_at_once(maker, subject, channels):
    """Stand in for ``OptimizationWorker.request``: finished pictures, each of its own color."""
    layer, side = subject.layer, picture_side(subject.layer)
    pictures = {}
    for channel in channels:
        bright = color(layer, channel, subject.seed, subject.parametrization)
        pixels = np.full((side, side, 3), bright, np.uint8)
        pictures[channel] = Snapshot(pixels, 10.0 * bright, STEPS, STEPS, finished=True)
    return Progress(pictures, complete=True)


class Workshop:
    """Notes all that is made; ``before_unit(making)`` is called before every unit of work."""

    def __init__(self, before_unit=lambda making: None, steps=STEPS):
        self.begun = []
        self.units = []
        self.before_unit = before_unit
        self.steps = steps
        self._lock = Lock()

    def making(self, network, layer, channels, seed, parametrization):
        making = StandInMaking(self, network, layer, channels, seed, parametrization)
        with self._lock:
            self.begun.append((layer.name, *channels))
        return making


class StandInMaking:
    """The same interface as ``OptimizationRun``; a unit of work is a step."""

    def __init__(self, workshop, network, layer, channels, seed, parametrization):
        self.workshop = workshop
        self.network, self.layer, self.seed, self.parametrization = (
            network,
            layer,
            seed,
            parametrization,
        )
        self.channels = tuple(channels)
        self.step, self.steps = 0, workshop.steps
        self.values = np.zeros(len(self.channels))

    @property
    def finished(self):
        return self.step == self.steps

    def advance(self):
        assert not self.finished, "was finished already"
        self.workshop.before_unit(self)
        self.workshop.units.append((self.layer.name, *self.channels))
        self.step += 1
        self.values = self.values + np.array(self.channels, float)

    def pictures(self):
        return np.stack([self._picture(channel) for channel in self.channels])

    def results(self):
        assert self.finished, "is not finished yet"
        return [
            OptimizedImage(self._picture(channel), float(value), self.steps)
            for channel, value in zip(self.channels, self.values, strict=True)
        ]

    def _picture(self, channel):
        return picture(
            self.layer, channel, self.seed, self.parametrization, self.step * STEPS // self.steps
        )
