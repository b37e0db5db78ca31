"""Drawing and forward passes without a browser, compared with a notebook and Keras."""

import gc
import sys
from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np

from tests.bench import notebook
from tests.bench.measure import (
    Effort,
    Row,
    attempt,
    bounded,
    faster,
    interleaved,
    middle,
    timed,
    within,
)
from tests.support.photographs import load_image, sample_bytes
from tests.support.weights_files import ReferenceWeights, reference_folder
from vgg_viz.export.mosaic import mosaic, near_square, png
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network, network_input, tiles_first
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.model.weights import UntrainedWeights, Weights
from vgg_viz.samples import SAMPLES
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.views.filters_view import LARGEST_TILE
from vgg_viz.ui.widgets.grid import PAGE_WIDTH, Grid, Placement, draw, metadata

BLOCK_MAPS = 64
MAXIMUM_BYTES = 10**6
LAST = VGG19.conv_layers[-1].name


def rows(effort: Effort) -> Iterator[Row]:
    """Measure drawing, new images and sizes."""
    network = Network(best_weights())
    # As the app does: otherwise every garbage collection scans all of TensorFlow's objects.
    gc.collect()
    gc.freeze()
    yield attempt(f"{effort.maps} maps as one image", lambda: many_maps(network, effort))
    yield attempt("16 × 16 filters as one image", lambda: many_filters(effort))
    yield attempt("New image to five block grids", lambda: new_picture(network, effort))
    yield from page_weights(network, effort)


def best_weights() -> Weights:
    """Return the reference weights if available, else untrained ones."""
    reference = ReferenceWeights()
    return reference if reference.path.exists() else UntrainedWeights()


def many_maps(network: Network, effort: Effort) -> Row:
    """Measure drawing the maps of block5_conv4, float32 (512, 14, 14), as a PNG in memory."""
    maps = network.feature_maps(cat(), LAST)[: effort.maps]
    clocks = {
        "notebook": timed(lambda: notebook.feature_maps(maps)),
        "ours": timed(lambda: grid(maps)),
    }
    seconds = measured(effort.drawings, clocks)
    what = f"{len(maps)} maps of {LAST} as one image; baseline: the notebook"
    return faster(what, seconds["notebook"], seconds["ours"], at_least=100)


def many_filters(effort: Effort) -> Row:
    """Measure drawing filters of block1_conv2, float32 (16, 16, 3, 3), as a PNG in memory."""
    count = effort.filters
    filters = tiles_first(best_weights().read("block1_conv2")[0])[:count, :count]
    clocks = {
        "notebook": timed(lambda: notebook.filters(filters)),
        "ours": timed(lambda: filter_grid(filters)),
    }
    seconds = measured(effort.drawings, clocks)
    what = f"{count} × {count} filters as one image; baseline: the notebook"
    return faster(what, seconds["notebook"], seconds["ours"], at_least=100)


def new_picture(network: Network, effort: Effort) -> Row:
    """Measure the time from pixels, uint8 (224, 224, 3), to the five block grids as sent.

    Baseline: one forward pass from the preprocessed batch to the last convolution's output.
    """
    pictures = cycle([load_image(sample_bytes(sample.name)) for sample in SAMPLES])
    passes = bare_passes(network, PREPROCESSINGS["caffe"].apply(cat())[None])
    clocks = {name: timed(run) for name, run in passes.items()}
    clocks["ours"] = timed(lambda: block_grids(network, next(pictures)))
    seconds = measured(effort.passes, clocks)
    quickest = min(passes, key=lambda name: middle(seconds[name]))
    what = "new image (decoded pixels) to the five block grids; baseline: one forward pass"
    return within(what, seconds[quickest], seconds["ours"], at_most=1.5, note=quickest)


def page_weights(network: Network, effort: Effort) -> Iterator[Row]:
    """Measure the total size of the five block grids as sent: headers and PNGs.

    Yields rows for the largest sample and, if available, the walkthrough's bird; prints the others.
    """
    samples = SAMPLES[: effort.samples]
    totals = {sample.title: page_weight(network, sample_bytes(sample.name)) for sample in samples}
    for title, total in totals.items():
        print(f"  five block grids, {title}: {total:,} bytes", file=sys.stderr)
    largest = max(totals, key=totals.__getitem__)
    shown = {f"{largest}, the largest of the samples": totals[largest]}
    bird = reference_folder() / "bird.jpg"
    if bird.exists():
        shown["the walkthrough's bird"] = page_weight(network, bird.read_bytes())
    for title, total in shown.items():
        what = (
            f"five block grids over the wire, {PAGE_WIDTH} pixels wide, lossless: {title} "
            f"({network.label})"
        )
        yield bounded(what, total, MAXIMUM_BYTES, f"{total / 10**6:.3f} MB", "1 MB (10⁶ bytes)")


def page_weight(network: Network, picture: bytes) -> int:
    """Return the size of an image file's five block grids, in bytes."""
    return sum(map(len, block_grids(network, load_image(picture))))


def bare_passes(network: Network, batch: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Return forward passes of Keras' VGG19 with these weights, by name."""
    import keras
    import tensorflow as tf

    whole = keras.applications.VGG19(include_top=False, weights=None, input_shape=(224, 224, 3))
    for layer in VGG19.conv_layers:
        whole.get_layer(layer.name).set_weights(network.model.get_layer(layer.name).get_weights())
    model = keras.Model(whole.input, whole.get_layer(LAST).output)
    signature = tf.TensorSpec(batch.shape, tf.float32)
    function = tf.function(lambda x: model(x, training=False), [signature])
    concrete = function.get_concrete_function()
    return {
        "`predict_on_batch`": lambda: model.predict_on_batch(batch),
        "concrete function": lambda: concrete(tf.constant(batch)).numpy(),
    }


def block_grids(network: Network, pixels: np.ndarray) -> list[bytes]:
    """Return the data of the Blocks view's five mosaics, with default controls."""
    source, grids = network_input(pixels), []
    for end, pool in zip(VGG19.block_ends, VGG19.pools, strict=True):
        maps, source = network.run((end.name, pool.name), source)
        grids.append(sent(maps))
    return grids


def sent(maps: np.ndarray) -> bytes:
    """Return the data of a mosaic of a layer's first maps: a header, then a PNG."""
    shown = maps[:BLOCK_MAPS]
    numbers = range(1, len(shown) + 1)
    titles = [str(number) for number in numbers]
    tiles, place = (
        Grid(shown, titles, numbers, "", value_range=ValueRange.of_maps(maps)),
        Placement("grid", print),
    )
    payload, _ = draw(tiles, place, metadata(tiles, place), lambda _, compute: compute())
    return payload


def grid(maps: np.ndarray) -> bytes:
    """Draw maps at the page's width, as PNG bytes."""
    canvas, *_ = mosaic(maps, near_square(len(maps)), PAGE_WIDTH)
    return png(canvas)


def filter_grid(filters: np.ndarray) -> bytes:
    """Draw filters ``(filters, channels, 3, 3)`` as PNG bytes."""
    columns = filters.shape[1]
    width = min(PAGE_WIDTH, columns * LARGEST_TILE)
    canvas, *_ = mosaic(filters.reshape(-1, *filters.shape[2:]), columns, width)
    return png(canvas)


def cat() -> np.ndarray:
    """Return the pixels of the first sample."""
    return load_image(sample_bytes(SAMPLES[0].name))


def measured(repetitions: int, clocks: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Read the clocks alternately, after a warm-up that loads fonts and traces functions."""
    interleaved(1, clocks)
    return interleaved(repetitions, clocks)
