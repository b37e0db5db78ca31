"""Writer of the Keras scripts that compute exported arrays again.

A script is its template with other parameters, and with ``vgg19.py`` in place of its imports. Text
from outside enters it only as a comment of printable letters, or as an ASCII string literal.
"""

import ast
import base64
import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vgg_viz import __version__
from vgg_viz.export.formats import Export
from vgg_viz.export.plain_text import plain
from vgg_viz.export.tables import check_array_names
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, Weights

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, eq=False)
class Run:
    """Inputs from which a script computes one array."""

    template: str  # name of the script in `templates`
    name: str  # name of the array
    # Keyword arguments of the template's function: text, numbers, images (RGB uint8 in the size of
    # the network's input), and sequences of these.
    arguments: Mapping[str, object]


def script_weights(weights: Weights) -> str:
    """Return the weights as a script names them: "imagenet", "untrained" or a file's name.

    Keras reads the layout of Keras 2 from ``.h5`` and ``.hdf5``, but not from ``.weights.h5``.
    """
    if not isinstance(weights, StoredWeights):
        return "untrained"
    if weights.label == IMAGENET_LABEL:
        return "imagenet"
    name = weights.path.name
    is_read = name.endswith((".h5", ".hdf5")) and not name.endswith(".weights.h5")
    return name if is_read else f"{name}.h5"


def encode_script(export: Export) -> bytes:
    """Return the Keras script that computes an export's arrays, as UTF-8."""
    runs, grids = export.runs(), export.grids()
    captions = [grid.caption for grid in grids]
    # Two runs that are shown as one grid are shown as their difference.
    difference = grids[0].name if len(runs) > len(grids) else ""
    return write_script(runs, caption=captions, link=export.link, difference=difference).encode()


def write_script(
    runs: Sequence[Run], *, caption: Iterable[str] = (), link: str = "", difference: str = ""
) -> str:
    """Write the script that computes the arrays of these runs, all of one template.

    Caption and link become comments. ``difference`` names one more array of feature maps: the
    second run's minus the first's.

    Raises:
        ValueError: the name of an array is invalid.
    """
    check_array_names([run.name for run in runs])
    images: list[str] = []
    arrays = [f"    {_text(run.name)}: {_arguments(run, images)},\n" for run in runs]
    template = (TEMPLATES / f"{runs[0].template}.py").read_text("utf-8")
    template = _with_value(template, "IMAGES", f"[\n{''.join(images)}]")
    template = _with_value(template, "DIFFERENCE", _text(difference))
    template = _with_value(template, "ARRAYS", f"{{\n{''.join(arrays)}}}")
    # Two empty lines, the first in a file, are before its first function.
    beginning, functions = template.split("\n\n\n", 1)
    _, title, imports = beginning.split('"""', 2)
    shared_beginning, shared = (TEMPLATES / "vgg19.py").read_text("utf-8").split("\n\n\n", 1)
    _, usage, shared_imports = shared_beginning.split('"""', 2)
    # The docstring comes first: a comment in the first two lines could set the file's encoding.
    docstring = f'"""{title.rstrip()}' + usage[usage.index("\n") :] + '"""\n'
    comments = [f"Written by VGG Viz {__version__}", *map(plain, [*caption, link])]
    lines = [f"# {comment}" for comment in comments if comment]
    parameters = imports[imports.index("\n", imports.index("from vgg19 import")) :]
    parts = [docstring, *lines, shared_imports, parameters, "\n", shared, "\n", functions]
    return "\n".join(parts)


def _with_value(template: str, parameter: str, value: str) -> str:
    """Replace the value of a template's parameter by Python code, if there is this parameter."""
    lines = template.split("\n")
    for node in ast.parse(template).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == parameter:
            lines[node.lineno - 1 : node.end_lineno] = [f"{parameter} = {value}"]
    return "\n".join(lines)


def _arguments(run: Run, images: list[str]) -> str:
    """Return Python code for a run's arguments; append the images that it needs."""
    items = run.arguments.items()
    lines = [f"        {_text(name)}: {_literal(value, images)},\n" for name, value in items]
    return f"{{\n{''.join(lines)}    }}"


def _literal(value: Any, images: list[str]) -> str:
    """Return Python code for a text, a number, an image's index, or a sequence of these."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | int | np.integer):
        return str(value)
    if isinstance(value, np.ndarray) and value.ndim == 3:
        image = _image(value)
        images += [] if image in images else [image]
        return str(images.index(image))
    items = [_literal(item, images) for item in value]
    if len(items) > 3 and all(map(str.isdigit, items)):
        consecutive = range(int(items[0]), int(items[-1]) + 1)
        if items == list(map(str, consecutive)):
            return str(consecutive)
    return "\n".join(textwrap.wrap(f"[{', '.join(items)}]", 80, subsequent_indent=" " * 12))


def _text(text: str) -> str:
    """Return an ASCII string literal, in double quotes if it needs no escapes."""
    literal = ascii(text)
    return f'"{text}"' if literal == f"'{text}'" and '"' not in text else literal


def _image(pixels: np.ndarray) -> str:
    """Return Python code for an image: PNG in base64, as an entry of a list."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    text = base64.b64encode(buffer.getvalue()).decode()
    lines = [f'    b"{text[start : start + 88]}"\n' for start in range(0, len(text), 88)]
    return f"{''.join(lines)}    ,\n"
