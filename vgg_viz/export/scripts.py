"""Export as a Python script that computes the exported arrays again, with Keras alone.

``templates/`` has one script for each kind of array, which runs as it is. An exported script is its
template with other parameters, and with ``vgg19.py`` in place of its imports. Text from outside
enters it only as a comment of printable letters, or as an ASCII string literal.
"""

import ast
import base64
import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np
from PIL import Image

from vgg_viz import __version__
from vgg_viz.export.formats import Export
from vgg_viz.export.formats import Run as Run  # the views import it from here
from vgg_viz.export.plain_text import plain
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.own_networks.head import Head
from vgg_viz.model.own_networks.own_network import OwnNetwork
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, Weights

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class OwnFile:
    """File of an own network, from which a script reads the conv layers and the head."""

    name: str  # without its folder
    places: Mapping[str, object]  # of its arrays, as the scripts' ``FILES`` has them


def head_places(head: Head) -> dict[str, object]:
    """Return a head for a script: its layers as Keras has them, the places of their arrays."""
    layers: list[tuple[str, dict[str, object], list[str]]] = []
    if head.start == VGG19.pools[-1].name:
        layers.append(("MaxPooling2D", {}, []))
    for layer in head.layers:
        layers.append((layer.kind, dict(layer.settings), [array.path for array in layer.arrays]))
    return {"head": layers, "output": head.output}


def script_weights(weights: Weights, *, with_head: bool = False) -> str | OwnFile:
    """Return the weights as a script names them: "imagenet", "untrained" or a file.

    Keras reads the layout of Keras 2 from ``.h5`` and ``.hdf5``, but not from ``.weights.h5``.
    """
    if isinstance(weights, OwnNetwork):
        assert isinstance(weights.source, Path)  # the page offers no script for an uploaded file
        layers = {name: [one.path for one in arrays] for name, arrays in weights.arrays.items()}
        head = head_places(weights.head) if with_head else {}
        return OwnFile(weights.source.name, {"turned": weights.turned, "layers": layers, **head})
    if not isinstance(weights, StoredWeights):
        return "untrained"
    if weights.label == IMAGENET_LABEL:
        return "imagenet"
    name = weights.path.name
    is_read = name.endswith((".h5", ".hdf5")) and not name.endswith(".weights.h5")
    return name if is_read else f"{name}.h5"


def encode_script(export: Export) -> bytes:
    """Return the Keras script that computes an export's arrays, as UTF-8."""
    captions = [grid.caption for grid in export.grids()]
    return write_script(export.runs(), [*captions, export.link]).encode()


def write_script(runs: Sequence[Run], comments: Iterable[str] = ()) -> str:
    """Write the script that computes the arrays of these runs, all of one template."""
    images: list[bytes] = []
    arrays = {
        run.name: {name: _plain(value, images) for name, value in run.arguments.items()}
        for run in runs
    }
    values = [value for run in runs for value in run.arguments.values()]
    files = {one.name: one.places for one in values if isinstance(one, OwnFile)}
    template = _with_values(f"{runs[0].template}.py", {"IMAGES": images, "ARRAYS": arrays})
    title, rest = template.split("from vgg19 import *\n\n")
    # Two empty lines, the first in a file, are before its first function.
    parameters, functions = rest.split("\n\n\n", 1)
    _, usage, shared = _with_values("vgg19.py", {"FILES": files}).split('"""', 2)
    shared_imports, shared_functions = shared.split("\n\n\n", 1)
    # The docstring comes first: a comment in the first two lines could set the file's encoding.
    docstring = title.rstrip('\n"') + usage[usage.index("\n") :] + '"""\n'
    comments = [f"Written by VGG Viz {__version__}", *map(plain, comments)]
    lines = [f"# {comment}" for comment in comments if comment]
    code = [shared_imports, f"\n{parameters}\n\n", f"{shared_functions}\n", functions]
    return "\n".join([docstring, *lines, *code])


def _with_values(template: str, values: Mapping[str, object]) -> str:
    """Return a template's text with other values of its parameters, as ASCII code."""
    text = (TEMPLATES / template).read_text("utf-8")
    lines = text.split("\n")
    for node in reversed(ast.parse(text).body):  # so that the lines before keep their numbers
        if isinstance(node, ast.Assign) and (name := ast.unparse(node.targets[0])) in values:
            code = pformat(values[name], width=90, compact=True, sort_dicts=False)
            code = textwrap.indent(code, " " * 9).encode("ascii", "backslashreplace").decode()
            lines[node.lineno - 1 : node.end_lineno] = [f"{name} = {code.lstrip()}"]
    return "\n".join(lines)


def _plain(value: Any, images: list[bytes]) -> object:
    """Return a run's argument as plain Python values, with an image as its index in ``images``."""
    if isinstance(value, OwnFile):
        return value.name
    dimensions = np.ndim(value)
    if dimensions == 4:
        return [_plain(image, images) for image in value]
    if dimensions == 3:
        buffer = io.BytesIO()
        Image.fromarray(value).save(buffer, "PNG", optimize=True)
        image = base64.b64encode(buffer.getvalue())
        images += [] if image in images else [image]
        return images.index(image)
    if dimensions == 0:
        return value
    numbers = np.asarray(value).tolist()
    consecutive = range(numbers[0], numbers[0] + len(numbers))
    return consecutive if len(numbers) > 3 and numbers == [*consecutive] else numbers
