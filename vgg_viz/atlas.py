"""Optimized images for all channels of some layers, computed in advance for the page.

    python -m vgg_viz.atlas block3_conv4 block4_conv1

Images are stored beside the weights, where the page finds them. Existing images are not computed
again, so an interrupted run can be resumed. A GPU is used if TensorFlow finds one. Batch sizes are
those of the page: on one machine, an image has the same bytes whether this program or the page
computes it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from math import ceil, isfinite
from time import monotonic
from typing import Any

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.interpretability.feature_visualization.image_store import ImageStore, Series, store_of
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizedImage,
    batch_size,
)
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    PARAMETRIZATIONS,
    Parametrization,
)
from vgg_viz.links import FIELDS, LinkError
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import (
    UntrainedWeights,
    Weights,
    WeightsError,
    obtain,
)

DEFAULT_BLOCKS = (1, 2, 3)
INTERRUPTED = 130  # the exit status that shells give to Ctrl-C

# Callback: layer, number of its finished channels, estimated seconds for the others.
Report = Callable[[ConvLayer, int, float], None]

CreateRun = Callable[[Network, ConvLayer, Sequence[int], int, Parametrization], OptimizationRun]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with its command-line arguments; return the exit status."""
    options = parser().parse_args(arguments)
    try:
        weights: Weights = UntrainedWeights() if options.untrained else obtain(os.environ)
        store = store_of(weights)
        if store is None:
            print("Could not find a writable folder for the images of these weights.")
            return 1
        store.prepare()
        print(f"{weights.label}: {store.folder}")
        network = load_network(weights)
        compute_missing(
            store, network, options.layers, options.seed, options.parametrization, print_progress
        )
    except KeyboardInterrupt:
        print("\nStopped. Finished images are saved; the next run resumes here.")
        return INTERRUPTED
    except FileUnavailable as error:
        print("\n".join(error.attempts))
        return 1
    except (OSError, WeightsError) as error:
        print(f"\n{error}")
        return 1
    return 0


def compute_missing(
    store: ImageStore,
    network: Network,
    layers: Sequence[ConvLayer],
    seed: int,
    parametrization: Parametrization,
    report: Report,
    *,
    create_run: CreateRun = OptimizationRun,
    batch_size: Callable[[ConvLayer], int] = batch_size,
) -> None:
    """Optimize and save those images of some conv layers that an image store lacks.

    Args:
        store: store to read and save images.
        network: network whose channels the images are optimized for.
        layers: conv layers, all of whose channels get an image.
        seed: seed of the initial images.
        parametrization: ``"regularized"`` or ``"pixels"``.
        report: callback for the progress: layer, number of its finished channels, estimated seconds
            for the others.
        create_run: replaces `OptimizationRun` in tests.
        batch_size: replaces the page's batch sizes in tests.

    Raises:
        OSError: an image could not be saved.
    """
    for layer in layers:
        series = Series(layer.name, seed, parametrization)
        channels = range(1, layer.filters + 1)
        missing = [channel for channel in channels if store.read(series, channel) is None]
        size, start = batch_size(layer), monotonic()
        report(layer, layer.filters - len(missing), 0.0)
        for first in range(0, len(missing), size):
            run = create_run(network, layer, missing[first : first + size], seed, parametrization)
            store.save(series, finished_images(run))
            after = missing[first + size :]
            seconds = (monotonic() - start) / (first // size + 1) * ceil(len(after) / size)
            report(layer, layer.filters - len(after), seconds)


def finished_images(run: OptimizationRun) -> Mapping[int, OptimizedImage]:
    """Run an optimization to its end; return its images by channel.

    Images with an infinite value, or NaN, are left out.
    """
    while not run.finished:
        run.advance()
    return {
        channel: image
        for channel, image, value in zip(run.channels, run.results(), run.values, strict=True)
        if isfinite(image.value) and isfinite(value)
    }


def load_network(weights: Weights) -> Network:
    """Build the network, on a GPU if there is one, in full float32 precision instead of TF32."""
    import_keras()
    import tensorflow as tf

    gpus: Sequence[Any] = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    print(f"Computing on {'a GPU' if gpus else 'the CPU'}.")
    return Network(weights)


def print_progress(layer: ConvLayer, done: int, seconds_left: float) -> None:
    """Print the progress on a layer; on a terminal, overwrite the line printed before.

    Args:
        layer: layer whose channels get images.
        done: number of its channels that have an image.
        seconds_left: estimated time for the other channels; 0 if unknown or finished.
    """
    left = f", {ceil(seconds_left / 60)} min left" if seconds_left else ""
    line = f"{layer.name}: {done} of {layer.filters}{left}"
    if sys.stdout.isatty():
        print(f"\r{line:<60}", end="" if done < layer.filters else "\n", flush=True)
    else:
        print(line, flush=True)


def parser() -> argparse.ArgumentParser:
    """Create the parser of the program's command-line arguments."""
    description = (__doc__ or "").splitlines()[0]
    result = argparse.ArgumentParser(prog="python -m vgg_viz.atlas", description=description)
    names = [layer.name for layer in VGG19.conv_layers]
    default_layers = [layer for layer in VGG19.conv_layers if layer.block in DEFAULT_BLOCKS]
    result.add_argument(
        "layers",
        nargs="*",
        type=layer_argument,
        default=default_layers,
        metavar="LAYER",
        help=f"conv layers, {names[0]} to {names[-1]}; default: all of blocks 1 to 3",
    )
    seed = FIELDS["seed"].default
    result.add_argument(
        "--seed",
        type=seed_argument,
        default=seed,
        help=f"seed of the initial images; default: {seed}",
    )
    result.add_argument(
        "--parametrization",
        "--recipe",  # the option's name in earlier versions
        type=parametrization_argument,
        default=FIELDS["parametrization"].default,
        metavar="{" + ",".join(PARAMETRIZATIONS) + "}",
    )
    result.add_argument("--untrained", action="store_true", help="use the untrained network")
    return result


def parametrization_argument(text: str) -> str:
    """Convert a command-line argument to the name of a parametrization; old names are accepted.

    Raises:
        argparse.ArgumentTypeError: no parametrization has this name.
    """
    try:
        return str(FIELDS["parametrization"].read([text]))
    except LinkError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def seed_argument(text: str) -> int:
    """Convert a command-line argument to a seed that is valid in links.

    Raises:
        argparse.ArgumentTypeError: the text is not a valid seed.
    """
    try:
        FIELDS["seed"].read([text])
    except LinkError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return int(text)


def layer_argument(name: str) -> ConvLayer:
    """Convert a command-line argument, a layer name, to the conv layer.

    Raises:
        argparse.ArgumentTypeError: no conv layer has this name.
    """
    try:
        return VGG19.conv_layer(name)
    except KeyError as error:
        raise argparse.ArgumentTypeError(str(error.args[0])) from error


if __name__ == "__main__":
    sys.exit(main())
