"""Stand-ins for `OptimizationRun` and its network, without TensorFlow.

    spec = OptimizationSpec(network_of("mine"), layer, seed, "regularized")
    monkeypatch.setattr(optimization_worker, "OptimizationRun", Workshop().create_run)

An image is determined by layer, channel, seed and parametrization; it gets brighter with each step.
"""

import zlib
from threading import Lock

import numpy as np

from vgg_viz.interpretability.feature_visualization.optimization import OptimizedImage, image_side
from vgg_viz.model.network import read_only
from vgg_viz.serving.optimization_worker import Progress

SIDE = 8
STEPS = 5


class StandInWeights:
    """Weights that have an identity and a label only."""

    def __init__(self, identity):
        self.identity = self.label = identity


class StandInNetwork:
    """Network with weights that have an identity and a label only."""

    def __init__(self, weights):
        self.weights = weights
        self.identity, self.label = weights.identity, weights.label


def network_of(identity):
    """Return a stand-in network of this identity and label."""
    return StandInNetwork(StandInWeights(identity))


def four(layer):
    """Return the batch size 4 for all layers."""
    return 4


def color(spec, channel):
    """Return the brightest pixel of a finished image, 1 to 255."""
    text = f"{spec.layer.name} {channel} {spec.seed} {spec.parametrization}"
    return zlib.crc32(text.encode()) % 255 + 1


def picture(spec, channel, step=STEPS):
    """Return the image after a number of steps, a ramp from dark to bright."""
    ramp = np.linspace(0, color(spec, channel) * step // STEPS, SIDE).astype(np.uint8)
    return read_only(np.broadcast_to(ramp[None, :, None], (SIDE, SIDE, 3)).copy())


def finished_at_once(worker, spec, channels):
    """Stand in for ``OptimizationWorker.request``: finished images of one color each."""
    side = image_side(spec.layer)
    images = {}
    for channel in channels:
        bright = color(spec, channel)
        pixels = np.full((side, side, 3), bright, np.uint8)
        images[channel] = OptimizedImage(pixels, 10.0 * bright, STEPS, STEPS)
    return Progress(images)


class Workshop:
    """Factory of runs that records them; calls ``before_unit(run)`` before each unit of work."""

    def __init__(self, before_unit=lambda run: None, steps=STEPS):
        self.started = []
        self.units = []
        self.before_unit = before_unit
        self.steps = steps
        self._lock = Lock()

    def create_run(self, spec, channels):
        run = StandInRun(self, spec, channels)
        with self._lock:
            self.started.append((spec.layer.name, *channels))
        return run


class StandInRun:
    """Run with the interface of ``OptimizationRun``; a unit of work is one step."""

    def __init__(self, workshop, spec, channels):
        self.workshop, self.spec = workshop, spec
        self.channels = tuple(channels)
        self.step, self.steps = 0, workshop.steps
        self.values = np.zeros(len(self.channels))

    @property
    def finished(self):
        return self.step == self.steps

    def advance(self):
        assert not self.finished, "the run is finished"
        self.workshop.before_unit(self)
        self.workshop.units.append((self.spec.layer.name, *self.channels))
        self.step += 1
        self.values = self.values + np.array(self.channels, float)

    def images(self):
        step = self.step * STEPS // self.steps
        return {
            channel: OptimizedImage(
                picture(self.spec, channel, step), float(value), self.step, self.steps
            )
            for channel, value in zip(self.channels, self.values, strict=True)
            if np.isfinite(value)
        }
