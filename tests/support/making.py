"""Stand-ins for `OptimizationRun` and its network, without TensorFlow.

    worker = OptimizationWorker(cache, lock, create_run=Workshop().create_run, batch_size=four)
    worker.request(OptimizationSpec(network_of("mine"), layer, seed, "regularized"), channels)

An image is determined by layer, channel, seed and parametrization; it gets brighter with each step.
"""

import zlib
from threading import Lock
from types import SimpleNamespace

import numpy as np

from vgg_viz.interpretability.feature_visualization.optimization import OptimizedImage, image_side
from vgg_viz.serving.optimization_worker import Progress, Snapshot

SIDE = 8
STEPS = 5


class StandInNetwork:
    """Network with weights that have an identity and a label only."""

    def __init__(self, weights):
        self.weights = weights
        self.identity, self.label = weights.identity, weights.label


def network_of(identity):
    """Return a stand-in network of this identity and label."""
    return StandInNetwork(SimpleNamespace(identity=identity, label=identity))


def four(layer):
    """Return the batch size 4 for all layers."""
    return 4


def color(layer, channel, seed, parametrization):
    """Return the brightest pixel of a finished image, 1 to 255."""
    return zlib.crc32(f"{layer.name} {channel} {seed} {parametrization}".encode()) % 255 + 1


def picture(layer, channel, seed, parametrization, step=STEPS):
    """Return the image after a number of steps, a ramp from dark to bright."""
    bright = color(layer, channel, seed, parametrization) * step // STEPS
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[...] = np.linspace(0, bright, SIDE).astype(np.uint8)[None, :, None]
    return pixels


def finished_at_once(worker, spec, channels):
    """Stand in for ``OptimizationWorker.request``: finished images of one color each."""
    layer, side = spec.layer, image_side(spec.layer)
    snapshots = {}
    for channel in channels:
        bright = color(layer, channel, spec.seed, spec.parametrization)
        pixels = np.full((side, side, 3), bright, np.uint8)
        snapshots[channel] = Snapshot(pixels, 10.0 * bright, STEPS, STEPS, finished=True)
    return Progress(snapshots, complete=True)


class Workshop:
    """Factory of runs that records them; calls ``before_unit(run)`` before each unit of work."""

    def __init__(self, before_unit=lambda run: None, steps=STEPS):
        self.started = []
        self.units = []
        self.before_unit = before_unit
        self.steps = steps
        self._lock = Lock()

    def create_run(self, network, layer, channels, seed, parametrization):
        run = StandInRun(self, network, layer, channels, seed, parametrization)
        with self._lock:
            self.started.append((layer.name, *channels))
        return run


class StandInRun:
    """Run with the interface of ``OptimizationRun``; a unit of work is one step."""

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
        assert not self.finished, "the run is finished"
        self.workshop.before_unit(self)
        self.workshop.units.append((self.layer.name, *self.channels))
        self.step += 1
        self.values = self.values + np.array(self.channels, float)

    def images(self):
        return np.stack([self._image(channel) for channel in self.channels])

    def results(self):
        assert self.finished, "the run is not finished"
        return [
            OptimizedImage(self._image(channel), float(value), self.steps)
            for channel, value in zip(self.channels, self.values, strict=True)
        ]

    def _image(self, channel):
        return picture(
            self.layer, channel, self.seed, self.parametrization, self.step * STEPS // self.steps
        )
