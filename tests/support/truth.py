"""Expected values of the page, computed from its own networks."""

from functools import lru_cache

import numpy as np

from tests.support.maps import BiasedWeights
from tests.support.photographs import load_image, sample_bytes
from vgg_viz.export.mosaic import FIRST_LEVEL, LEVELS
from vgg_viz.fields import FIELDS
from vgg_viz.interpretability.map_statistics import statistics
from vgg_viz.model.architecture import VGG19, DenseLayer
from vgg_viz.model.dense_layers import SLAB_ROWS, UntrainedDense
from vgg_viz.ui.state.shared_instance import shared

LAYER = VGG19.layer("block3_conv1")
NEVER_ACTIVE = (2, 7, 100)  # the numbers of that layer's maps that no picture wakes
MAPS = {"view": "Feature maps", "layer": LAYER.title}
GAP = 1.01  # levels: what rounding may do


class StandIn(BiasedWeights):
    """Stand-in for the trained network, with three filters that are never active."""

    label, identity = "ImageNet", "stand-in"

    def read(self, layer_name):
        kernel, bias = super().read(layer_name)
        if layer_name == LAYER.name:
            bias[np.array(NEVER_ACTIVE) - 1] = -1e9
        return kernel[..., ::-1].copy(), bias


class OfAFile(StandIn):
    """Stand-in for the network of a host's own file."""

    label, identity = "weights of *mine*.h5", "of a file"


class Overflowing(StandIn):
    """Weights with which activations overflow float32 in the second block."""

    identity = "overflowing"

    def read(self, layer_name):
        kernel, bias = super().read(layer_name)
        return (kernel * np.float32(1e20) if "conv2" in layer_name else kernel), bias


class Truth:
    """Feature maps of the page's networks; the networks have tests of their own."""

    def __init__(self):
        names = ("cat", "raccoon")
        self.pictures = {name: load_image(sample_bytes(name)) for name in names}
        self.cached = {}

    def maps(self, layer_name, picture="cat", network="imagenet", preprocessing="caffe"):
        """Return a layer's maps of a picture, float32 (n, h, w)."""
        key = (layer_name, picture, network, preprocessing)
        if key not in self.cached:
            built = shared().loaders[network].network().result()
            built = built.preprocessed(preprocessing)
            self.cached[key] = built.feature_maps(self.pictures[picture], layer_name)
        return self.cached[key]


def ordered(maps, order, count):
    """Return the numbers, from 1, of the first maps in an order."""
    return (statistics(maps).order(order)[:count] + 1).tolist()


def number(text):
    """Return the number that the page shows as this text."""
    return float(text.replace("−", "-").replace(",", ""))


def silent(maps):
    """Return the numbers of the inactive maps."""
    return [number for number, map_ in enumerate(maps, start=1) if not (map_ > 0).any()]


def assert_shown(tiles, values, low=None, high=None):
    """Check that tiles show values (n, s, s), from ``low`` to ``high``, or each on its own."""
    low = values.min(axis=(1, 2)) if low is None else np.broadcast_to(low, len(values))
    high = values.max(axis=(1, 2)) if high is None else np.broadcast_to(high, len(values))
    assert len(tiles) == len(values)
    for tile, map_, least, most in zip(tiles, values, low, high, strict=True):
        levels = np.asarray(tile, np.float64) - FIRST_LEVEL
        share = (map_ - least) / (most - least) if most > least else np.zeros_like(map_)
        assert np.abs(levels - share * (LEVELS - 1)).max() <= GAP


COMPARED = {
    "picture": ("Cat", "Raccoon"),
    "network": ("ImageNet", "Untrained"),
    "preprocessing": ("Right: BGR − mean", "Wrong: RGB / 255"),
}
SUBJECTS = {
    "picture": ("ImageNet · Cat (stretched)", "ImageNet · Raccoon (stretched)"),
    "network": ("ImageNet · Cat (stretched)", "untrained · Cat (stretched)"),
    "preprocessing": (
        "ImageNet · Cat (stretched)",
        "ImageNet · Cat (stretched) · RGB / 255 instead of BGR − mean",
    ),
}


def both(truth, kind):
    other = {
        "picture": {"picture": "raccoon"},
        "network": {"network": "untrained"},
        "preprocessing": {"preprocessing": "rgb"},
    }[kind]
    return truth.maps(LAYER.name), truth.maps(LAYER.name, **other)


CONTROLS = ("selectbox", "button_group", "slider", "number_input", "text_input", "toggle")


def controls_of(page):
    """Return the controls of a page that a link can set, by their names."""
    every = [part for kind in CONTROLS for part in page.get(kind)]
    return {part.key: part for part in every if part.key in FIELDS}


WORDS = ("title", "header", "subheader", "markdown", "caption", "info", "text", "success", "code")


def fingerprint(page):
    """Return everything that a page shows, and the values of its controls."""
    words = [(part.type, part.value) for kind in WORDS for part in page.get(kind)]
    held_now = {name: page.session_state[name] for name in controls_of(page)}
    for name, value in held_now.items():
        # Streamlit takes `?view=` for a choice of nothing; the page is then that of the default.
        if value is None:
            held_now[name] = FIELDS[name].default
    data = page.payloads
    # Beside the link to copy, it has what the address bar keeps, such as invalid values.
    del data["copy-link"]
    return words, held_now, data, page.link


@lru_cache
def cheap_rows(units: int) -> np.ndarray:
    """Return the rows of a kernel, drawn once."""
    random = np.random.default_rng(units)
    return random.standard_normal((SLAB_ROWS, units), dtype=np.float32) / 50


class CheapDense(UntrainedDense):
    """Cheap dense layers with biases."""

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        return cheap_slab(self, layer, index)

    def bias(self, layer: DenseLayer) -> np.ndarray:
        return np.linspace(-1, 1, layer.units, dtype=np.float32)


def cheap_slab(_: object, layer: DenseLayer, index: int) -> np.ndarray:
    """Stand in for `UntrainedDense.slab`, which draws 124 million numbers each time."""
    return np.roll(cheap_rows(layer.units), 37 * index, axis=1)
