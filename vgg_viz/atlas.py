"""Pictures that excite every channel of some layers, made in advance for the page.

    python -m vgg_viz.atlas block3_conv4 block4_conv1

They are put beside the weights, where the page finds them. What is there already is not made again,
so an atlas that was broken off is gone on with. It uses a GPU if TensorFlow sees one. Batches are
those of the page there as well: on one machine a picture has the same bytes whoever makes it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from math import ceil, isfinite
from time import monotonic
from typing import Any

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
    WeightsUnavailable,
    obtain,
)

DEFAULT_BLOCKS = (1, 2, 3)
INTERRUPTED = 130  # the exit status that shells give to Ctrl-C

# Called with the layer, how many of its channels are there, and the seconds that the others take.
Tell = Callable[[ConvLayer, int, float], None]

Make = Callable[[Network, ConvLayer, Sequence[int], int, Parametrization], OptimizationRun]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make an atlas as the arguments say; the exit status."""
    asked = parser().parse_args(arguments)
    try:
        weights: Weights = UntrainedWeights() if asked.untrained else obtain(os.environ)
        store = store_of(weights)
        if store is None:
            print("There is no folder beside the weights that pictures can be kept in.")
            return 1
        store.prepare()
        print(f"{weights.label}: {store.folder}")
        make(store, network_of(weights), asked.layers, asked.seed, asked.parametrization, show)
    except KeyboardInterrupt:
        print("\nStopped. What is finished is kept, and the next atlas goes on from there.")
        return INTERRUPTED
    except WeightsUnavailable as error:
        print("\n".join(error.attempts))
        return 1
    except (OSError, WeightsError) as error:
        print(f"\n{error}")
        return 1
    return 0


def make(
    store: ImageStore,
    network: Network,
    layers: Sequence[ConvLayer],
    seed: int,
    parametrization: Parametrization,
    tell: Tell,
    *,
    making: Make = OptimizationRun,
    batch_size: Callable[[ConvLayer], int] = batch_size,
) -> None:
    """Make what is lacking of these layers' pictures.

    Raises:
        OSError: they cannot be kept.
    """
    for layer in layers:
        series = Series(layer.name, seed, parametrization)
        channels = range(1, layer.filters + 1)
        lacking = [channel for channel in channels if store.read(series, channel) is None]
        size, start = batch_size(layer), monotonic()
        tell(layer, layer.filters - len(lacking), 0.0)
        for first in range(0, len(lacking), size):
            batch = making(network, layer, lacking[first : first + size], seed, parametrization)
            store.save(series, made_by(batch))
            after = lacking[first + size :]
            seconds = (monotonic() - start) / (first // size + 1) * ceil(len(after) / size)
            tell(layer, layer.filters - len(after), seconds)


def made_by(batch: OptimizationRun) -> Mapping[int, OptimizedImage]:
    """Make the pictures of a batch from the first step to the last, without any of no value."""
    while not batch.finished:
        batch.advance()
    return {
        channel: picture
        for channel, picture, value in zip(
            batch.channels, batch.results(), batch.values, strict=True
        )
        if isfinite(picture.value) and isfinite(value)
    }


def network_of(weights: Weights) -> Network:
    """The network, on a GPU if there is one, with all of its single precision."""
    import_keras()
    import tensorflow as tf

    gpus: Sequence[Any] = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    print(f"Made on {'a GPU' if gpus else 'the processor'}.")
    return Network(weights)


def show(layer: ConvLayer, done: int, seconds_left: float) -> None:
    """Print how far a layer is; on a terminal over what was said of it before."""
    left = f", {ceil(seconds_left / 60)} min left" if seconds_left else ""
    line = f"{layer.name}: {done} of {layer.filters}{left}"
    if sys.stdout.isatty():
        print(f"\r{line:<60}", end="" if done < layer.filters else "\n", flush=True)
    else:
        print(line, flush=True)


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    described = (__doc__ or "").splitlines()[0]
    asked = argparse.ArgumentParser(prog="python -m vgg_viz.atlas", description=described)
    names = [layer.name for layer in VGG19.conv_layers]
    usual = [layer for layer in VGG19.conv_layers if layer.block in DEFAULT_BLOCKS]
    asked.add_argument(
        "layers",
        nargs="*",
        type=layer_named,
        default=usual,
        metavar="LAYER",
        help=f"conv layers, {names[0]} to {names[-1]}; all of blocks 1 to 3 if none is given",
    )
    seed = FIELDS["seed"].default
    asked.add_argument("--seed", type=seed_in, default=seed, help=f"what they start from; {seed}")
    asked.add_argument(
        "--parametrization",
        "--recipe",  # its name in earlier versions, as its values' are read
        type=parametrization_in,
        default=FIELDS["parametrization"].default,
        metavar="{" + ",".join(PARAMETRIZATIONS) + "}",
    )
    asked.add_argument("--untrained", action="store_true", help="of the untrained network")
    return asked


def parametrization_in(text: str) -> str:
    """Return the name of the parametrization that an argument means.

    Raises:
        argparse.ArgumentTypeError: there is none of that name.
    """
    try:
        return str(FIELDS["parametrization"].read([text]))
    except LinkError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def seed_in(text: str) -> int:
    """The seed that a link may name as well.

    Raises:
        argparse.ArgumentTypeError: there is no such seed.
    """
    try:
        FIELDS["seed"].read([text])
    except LinkError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return int(text)


def layer_named(name: str) -> ConvLayer:
    """The conv layer of that name.

    Raises:
        argparse.ArgumentTypeError: there is none.
    """
    try:
        return VGG19.conv_layer(name)
    except KeyError as error:
        raise argparse.ArgumentTypeError(str(error.args[0])) from error


if __name__ == "__main__":
    sys.exit(main())
