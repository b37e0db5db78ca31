"""What is shown -> a Python script that makes the same arrays with Keras alone.

A script is one file: a few functions, what is to be made (``make_arrays``) and, for feature maps,
the pictures as the network saw them. It needs Keras with TensorFlow, NumPy and Pillow, nothing of
ours, and writes its arrays to ``reproduced.npz`` under the names they have in the exported NPZ.

Whatever comes from outside stands in it as a comment of printable letters, or as a Python string
of ASCII letters.
"""

import base64
import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from PIL import Image

from vgg_viz import __version__
from vgg_viz.architecture import VGG19
from vgg_viz.exports import check_array_names, plain
from vgg_viz.network import Preprocessing

START = '''"""{title} of VGG19, made again with Keras alone.

    pip install keras tensorflow pillow
    python THIS_FILE                 writes the arrays to reproduced.npz
    python THIS_FILE exported.npz    and says how far they are from the exported ones

With Keras 3.15 and TensorFlow 2.21 on the same processor the arrays are those of VGG Viz. Another
processor, a GPU or another version may add up in another order: the last digits then differ.
"""

'''

IMAGENET = '''
@functools.cache
def imagenet():
    """VGG19 with the weights of ImageNet, which Keras downloads once (80 MB)."""
    return keras.applications.VGG19(
        weights="imagenet", include_top=False, input_shape=(224, 224, 3)
    )
'''

UNTRAINED = '''
@functools.cache
def untrained():
    """VGG19 with seeded random kernels (He et al., 2015) and biases of zero."""
    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(224, 224, 3))
    for index, layer in enumerate(model.layers):
        if layer.weights:
            shape = tuple(layer.kernel.shape)  # (3, 3, channels, filters)
            random = np.random.default_rng([19, index])
            kernel = random.standard_normal(shape, np.float32)
            kernel *= np.float32(np.sqrt(2 / (9 * shape[2])))
            layer.set_weights([kernel, np.zeros(shape[3], np.float32)])
    return model
'''

FROM_FILE = '''
@functools.cache
def from_file(name):
    """VGG19 with the weights of a file, which must lie beside this script under that name."""
    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(224, 224, 3))
    model.load_weights(Path(__file__).parent / name, by_name=True)
    return model
'''

CAFFE = '''
def caffe(pixels):
    """What VGG19 was trained with: blue, green, red, the mean of ImageNet taken off."""
    return keras.applications.vgg19.preprocess_input(pixels.astype("float32"))
'''

RGB = '''
def rgb(pixels):
    """What VGG19 was not trained with: red, green, blue, from 0 to 1."""
    return pixels / np.float32(255)
'''

MAKE_MAPS = '''
def make_maps(model, preprocess, picture, layer, numbers):
    """The maps of these numbers (from 1) after the layer's ReLU, (maps, height, width)."""
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
    submodel = keras.Model(model.input, model.get_layer(layer).output)
    output = submodel.predict_on_batch(preprocess(pixels)[None])[0]
    return np.moveaxis(output, -1, 0)[np.array(numbers) - 1]
'''

READ_FILTERS = '''
def read_filters(model, layer, filters, channels):
    """The kernels of these filters and channels (numbers from 1), (filters, channels, 3, 3)."""
    kernel = model.get_layer(layer).get_weights()[0]  # (3, 3, channels, filters)
    kernel = kernel.transpose(3, 2, 0, 1)
    return kernel[np.array(filters) - 1][:, np.array(channels) - 1]
'''

MAIN = """
def main():
    arrays = make_arrays()
    np.savez("reproduced.npz", **arrays)
    exported = np.load(sys.argv[1]) if len(sys.argv) > 1 else None
    for name, array in arrays.items():
        print(name, array.shape, end="")
        if exported is not None and name in exported:
            difference = np.abs(array.astype("float64") - exported[name]).max()
            print(f": largest difference {difference:g}", end="")
        print()
"""

# Keras' own settings may be others, in keras.json or, for the backend, in the environment.
BACKEND = 'os.environ["KERAS_BACKEND"] = "tensorflow"'
LAYOUT = """
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")
"""

NETWORKS = {"imagenet": IMAGENET, "untrained": UNTRAINED}
PREPROCESSINGS: dict[Preprocessing, str] = {"caffe": CAFFE, "rgb": RGB}


@dataclass(frozen=True)
class WeightsFile:
    """A network whose weights are in an HDF5 file of Keras' old layout; ``name`` has no folder."""

    name: str


ScriptNetwork = Literal["imagenet", "untrained"] | WeightsFile


@dataclass(frozen=True, eq=False)
class MapsRun:
    """One array of feature maps: what one layer of one network makes of one picture.

    ``name`` is the array's, ``pixels`` the picture, RGB uint8 (224, 224, 3), ``numbers`` the maps'
    numbers, from 1, in the array's order. The preprocessing ``"caffe"`` is VGG19's own: blue,
    green, red, the mean of ImageNet taken off; ``"rgb"`` is 0 to 1 in the order red, green, blue.

    Raises:
        ValueError: a picture of another shape, or numbers that the layer has no maps of.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    layer_name: str
    numbers: Sequence[int]

    def __post_init__(self) -> None:
        """Check what the script could not."""
        expected = (VGG19.input_side, VGG19.input_side, 3)
        if self.pixels.dtype != np.uint8 or self.pixels.shape != expected:
            got = f"{self.pixels.dtype} {self.pixels.shape}"
            raise ValueError(f"expected a picture, uint8 {expected}, got {got}")
        if self.preprocessing not in ("caffe", "rgb"):
            raise ValueError(f"expected caffe or rgb, got {self.preprocessing!r}")
        _check_network(self.network)
        _check_numbers(self.numbers, VGG19.layer(self.layer_name).filters)


@dataclass(frozen=True)
class FiltersRun:
    """One array of kernels, ``(filters, channels, 3, 3)``, of one layer of one network.

    ``name`` is the array's; ``filters`` and ``channels`` are numbers, from 1, in its order.

    Raises:
        ValueError: numbers that the layer has no filters or channels of.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    filters: Sequence[int]
    channels: Sequence[int]

    def __post_init__(self) -> None:
        """Check what the script could not."""
        layer = VGG19.layer(self.layer_name)
        _check_network(self.network)
        _check_numbers(self.filters, layer.filters)
        _check_numbers(self.channels, layer.channels)


def maps_script(
    runs: Sequence[MapsRun],
    *,
    caption: Sequence[str] = (),
    link: str = "",
    difference: str = "",
) -> str:
    """Write the script that makes these arrays of feature maps, float32 ``(maps, h, w)``.

    Args:
        runs: one an array.
        difference: the name of one array more, the second run's minus the first's; none if empty.
        caption: what the arrays are, in lines of words; may come from outside.
        link: the view that they are shown in; may come from outside, too.

    Raises:
        ValueError: there is no run, or an array's name cannot be used or is there twice.
    """
    _check_names(runs)
    minus = f"arrays[{runs[1].name!a}] - arrays[{runs[0].name!a}]" if difference else ""
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        index = pictures.setdefault(_base64_png(run.pixels), len(pictures))
        arguments = [run.preprocessing, f"PICTURES[{index}]"]
        arguments += [ascii(run.layer_name), _numbers(run.numbers)]
        calls[run.name] = _call("make_maps", [_network(run.network), *arguments])
    used = {run.preprocessing for run in runs}
    preprocessings = [code for name, code in PREPROCESSINGS.items() if name in used]
    return _script(
        _start("Feature maps", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [*_network_functions(runs), *preprocessings, MAKE_MAPS, MAIN],
        calls,
        list(pictures),
        {difference: minus} if difference else {},
    )


def filters_script(
    runs: Sequence[FiltersRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the script that reads these arrays of kernels, float32 ``(filters, channels, 3, 3)``.

    The arguments and errors are those of `maps_script`.
    """
    _check_names(runs)
    calls = {}
    for run in runs:
        numbers = [_numbers(run.filters), _numbers(run.channels)]
        arguments = [_network(run.network), ascii(run.layer_name), *numbers]
        calls[run.name] = _call("read_filters", arguments)
    return _script(
        _start("Filters", caption, link),
        ["functools", "os", "sys"],
        [*_network_functions(runs), READ_FILTERS, MAIN],
        calls,
        [],
    )


def _script(
    start: str,
    modules: Sequence[str],
    functions: Sequence[str],
    calls: Mapping[str, str],
    pictures: Sequence[bytes],
    further: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Put a script together: imports, functions, what is to be made, and the pictures last."""
    imports = [*(f"import {module}" for module in modules)]
    if FROM_FILE in functions:
        imports.append("from pathlib import Path")
    imports += ["", BACKEND, "", "import keras", "import numpy as np"]
    if pictures:
        imports.append("from PIL import Image")
    entries = "".join(f"        {name!a}: {call},\n" for name, call in calls.items())
    lines = "".join(f"    arrays[{name!a}] = {value}\n" for name, value in further.items())
    make_arrays = (
        f"\ndef make_arrays():\n    arrays = {{\n{entries}    }}\n{lines}    return arrays\n"
    )
    parts = [start + "\n".join(imports) + "\n" + LAYOUT, *functions, make_arrays]
    if pictures:
        parts.append(_pictures(pictures))
    return "\n".join([*parts, '\nif __name__ == "__main__":\n    main()\n'])


def _start(title: str, caption: Sequence[str], link: str) -> str:
    """The docstring, in words of our own, and the words from outside as comments."""
    # The docstring comes first: in a file's first two lines a comment may set its encoding.
    lines = [f"Written by VGG Viz {__version__}", *caption, link]
    comments = [f"# {plain(line)}" for line in lines if plain(line)]
    return START.format(title=title) + "\n".join(comments) + "\n\n"


def _network(network: ScriptNetwork) -> str:
    """The call that builds a network."""
    if isinstance(network, WeightsFile):
        return f"from_file({beside_script(network.name)!a})"
    return f"{network}()"


def beside_script(name: str) -> str:
    """The name that a weights file must have beside the script: its own, wherever Keras reads it.

    Keras goes by a name's ending: the old layout is read from ``.h5`` and ``.hdf5`` only, and
    ``.weights.h5`` is another layout.
    """
    name = re.split(r"[/\\]", name)[-1]
    read = name.endswith((".h5", ".hdf5")) and not name.endswith(".weights.h5")
    return name if read else f"{name}.h5"


def _network_functions(runs: Sequence[MapsRun | FiltersRun]) -> list[str]:
    """The functions that build the networks of these runs, each once."""
    networks = [run.network for run in runs]
    functions = [code for name, code in NETWORKS.items() if name in networks]
    files = any(isinstance(network, WeightsFile) for network in networks)
    return [*functions, FROM_FILE] if files else functions


def _call(function: str, arguments: Sequence[str]) -> str:
    """A call with an argument a line, indented for its place in ``make_arrays``."""
    lines = textwrap.indent(",\n".join(arguments), " " * 12)
    return f"{function}(\n{lines},\n        )"


def _numbers(numbers: Sequence[int]) -> str:
    """Numbers as a range where they follow one another, else as a list."""
    first, last = int(numbers[0]), int(numbers[-1])
    if [int(number) for number in numbers] == [*range(first, last + 1)]:
        return f"range({first}, {last + 1})"
    listed = ", ".join(str(int(number)) for number in numbers)
    return "\n".join(textwrap.wrap(f"[{listed}]", 80, subsequent_indent=" "))


def _base64_png(pixels: np.ndarray) -> bytes:
    """A picture as PNG, which loses nothing, in base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue())


def _pictures(pictures: Sequence[bytes]) -> str:
    """The list of the pictures, RGB, as the network saw them."""
    texts = ["\n".join(textwrap.wrap(picture.decode(), 96)) for picture in pictures]
    entries = "".join(f'    """\n{text}\n""",\n' for text in texts)
    return f"\n# The pictures as the network saw them: PNG in base64.\nPICTURES = [\n{entries}]\n"


def _check_network(network: ScriptNetwork) -> None:
    if not isinstance(network, WeightsFile) and network not in NETWORKS:
        raise ValueError(f"expected {', '.join(NETWORKS)} or a WeightsFile, got {network!r}")


def _check_names(runs: Sequence[MapsRun | FiltersRun]) -> None:
    names = [run.name for run in runs]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected one array or more, each of its own name, got {names}")
    check_array_names(names)


def _check_numbers(numbers: Sequence[int], most: int) -> None:
    if not len(numbers) or not set(numbers) <= set(range(1, most + 1)):
        raise ValueError(f"expected numbers from 1 to {most}, got {list(numbers)}")
