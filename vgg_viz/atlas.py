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
from collections.abc import Callable, Sequence
from math import ceil
from time import monotonic
from typing import Any

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.fields import FIELDS, LinkError
from vgg_viz.interpretability.feature_visualization.image_store import ImageStore, store_of
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizationSpec,
    batch_size,
)
from vgg_viz.interpretability.feature_visualization.parametrizations import PARAMETRIZATIONS
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import UntrainedWeights, Weights, WeightsError, obtain

DEFAULT_BLOCKS = (1, 2, 3)
# The exit statuses that shells give to Ctrl-C and to a program whose output is not read.
INTERRUPTED, BROKEN_PIPE = 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with its command-line arguments; return the exit status."""
    options = parser().parse_args(arguments)
    try:
        status = run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the output has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return status


def run(options: argparse.Namespace) -> int:
    """Compute the missing images of the chosen layers, or say what prevents it."""
    try:
        weights: Weights = UntrainedWeights() if options.untrained else obtain()
        store = store_of(weights)
        if store is None:
            print("Could not find a writable folder for the images of these weights.")
            return 1
        store.prepare()
        print(f"{weights.label}: {store.folder}")
        network = load_network(weights)
        for layer in map(VGG19.conv_layer, options.layers):
            spec = OptimizationSpec(network, layer, options.seed, options.parametrization)
            compute_missing(store, spec)
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


def compute_missing(store: ImageStore, spec: OptimizationSpec) -> None:
    """Optimize, save and report those images of all channels of a layer that a store lacks.

    Images with an infinite value, or NaN, are left out. An OSError says that one was not saved.
    """
    layer = spec.layer
    channels = range(1, layer.filters + 1)
    missing = [channel for channel in channels if store.read(spec, channel) is None]
    size, start = batch_size(layer), monotonic()
    print_progress(layer, layer.filters - len(missing), 0.0)
    for first in range(0, len(missing), size):
        run = OptimizationRun(spec, missing[first : first + size])
        while not run.finished:
            run.advance()
        store.save(spec, run.images())
        after = missing[first + size :]
        seconds = (monotonic() - start) / (first // size + 1) * ceil(len(after) / size)
        print_progress(layer, layer.filters - len(after), seconds)


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
    """Print the number of channels done and, unless 0, the time left; a terminal shows one line."""
    left = f", {ceil(seconds_left / 60)} min left" if seconds_left else ""
    line, terminal = f"{layer.name}: {done} of {layer.filters}{left}", sys.stdout.isatty()
    end = "\r" if terminal and done < layer.filters else "\n"
    print(f"{line:<60}" if terminal else line, end=end, flush=True)


def parser() -> argparse.ArgumentParser:
    """Create the parser of the program's command-line arguments."""
    description = (__doc__ or "").splitlines()[0]
    result = argparse.ArgumentParser(prog="python -m vgg_viz.atlas", description=description)
    names = [layer.name for layer in VGG19.conv_layers]
    seed, parametrization = FIELDS["seed"].default, FIELDS["parametrization"].default
    result.add_argument(
        "layers",
        nargs="*",
        type=value_of("layer"),
        default=[layer.name for layer in VGG19.conv_layers if layer.block in DEFAULT_BLOCKS],
        metavar="LAYER",
        help=f"conv layers, {names[0]} to {names[-1]}; default: all of blocks 1 to 3",
    )
    result.add_argument(
        "--seed",
        type=value_of("seed"),
        default=seed,
        help=f"seed of the initial images; default: {seed}",
    )
    result.add_argument(
        "--parametrization",
        "--recipe",  # the option's name in earlier versions
        type=value_of("parametrization"),
        default=parametrization,
        metavar="{" + ",".join(PARAMETRIZATIONS) + "}",
    )
    result.add_argument("--untrained", action="store_true", help="use the untrained network")
    return result


def value_of(field: str) -> Callable[[str], object]:
    """Return a conversion of a command-line argument to a value that this field of links allows."""

    def convert(text: str) -> object:
        try:
            return FIELDS[field].read([text])
        except LinkError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


if __name__ == "__main__":
    sys.exit(main())
