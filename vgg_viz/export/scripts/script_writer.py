"""Writer of Python scripts that compute exported arrays again, with Keras alone.

A script is one file. It has a few functions, the arrays to compute (``make_arrays``) and, except
for filters and optimized images, the network's input images. It needs Keras with TensorFlow, NumPy
and Pillow, but not this package. It writes its arrays to ``reproduced.npz``, under their names in
the exported NPZ file.

Text from outside enters a script only as a comment of printable letters, or as an ASCII string.
"""

import base64
import io
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from inspect import getsource
from types import MappingProxyType

import numpy as np
from PIL import Image

from vgg_viz import __version__
from vgg_viz.export.formats import Export
from vgg_viz.export.plain_text import plain
from vgg_viz.export.scripts import script_code
from vgg_viz.export.scripts.runs import (
    AblationRun,
    AttributionRun,
    EvidenceRun,
    FiltersRun,
    MapsRun,
    OptimizationScriptRun,
    PatchesRun,
    Run,
    ScriptNetwork,
    WeightsFile,
)
from vgg_viz.export.tables import check_array_names
from vgg_viz.interpretability.attribution.attribution_pass import padded_receptive_field
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.optimization import batch_size, image_side
from vgg_viz.interpretability.feature_visualization.top_patches import min_distance
from vgg_viz.interpretability.receptive_field import image_stages, receptive_fields
from vgg_viz.model.architecture import VGG19
from vgg_viz.option import resolve


def encode_script(export: Export) -> bytes:
    """Return the Keras script that computes an export's arrays, as UTF-8."""
    runs, grids = export.runs(), export.grids()
    captions = [grid.caption for grid in grids]
    # Two runs that are shown as one grid are shown as their difference.
    difference = grids[0].name if len(runs) > len(grids) else ""
    return write_script(runs, caption=captions, link=export.link, difference=difference).encode()


def write_script(
    runs: Sequence[Run], *, caption: Sequence[str] = (), link: str = "", difference: str = ""
) -> str:
    """Write the Keras script that computes the arrays of these runs, all of one kind.

    Arguments and errors are those of `maps_script`; only for feature maps may ``difference`` be
    set.
    """
    writers: Mapping[type[Run], Callable[..., str]] = {
        FiltersRun: filters_script,
        EvidenceRun: evidence_script,
        PatchesRun: patches_script,
        OptimizationScriptRun: optimization_script,
        AttributionRun: attribution_script,
    }
    for kind, writer in writers.items():
        if chosen := [run for run in runs if isinstance(run, kind)]:
            return writer(chosen, caption=caption, link=link)
    maps = [run for run in runs if isinstance(run, MapsRun)]
    return maps_script(maps, caption=caption, link=link, difference=difference)


def maps_script(
    runs: Sequence[MapsRun],
    *,
    caption: Sequence[str] = (),
    link: str = "",
    difference: str = "",
) -> str:
    """Write the Keras script that computes arrays of feature maps, float32 ``(maps, h, w)``.

    Args:
        runs: one for each array.
        caption: lines that describe the arrays; may come from outside.
        link: URL of the view that shows the arrays; may come from outside.
        difference: name of one more array, the second run's minus the first's; empty for none.

    Raises:
        ValueError: there is no run, or the name of an array is invalid or repeated.
    """
    _check_names([run.name for run in runs])
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        network, *image = _input(run, pictures)
        arguments = [_ablated(run, network), *image, ascii(run.layer_name), _numbers(run.numbers)]
        calls[run.name] = _call("feature_maps", arguments)
    ablated = [script_code.ABLATED] if any(isinstance(run, AblationRun) for run in runs) else []
    return _script(
        _start("Feature maps", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [
            *_network_functions(runs),
            *ablated,
            *_preprocessing_functions(runs),
            script_code.FEATURE_MAPS,
        ],
        calls,
        list(pictures),
        _difference(runs, difference),
    )


def evidence_script(
    runs: Sequence[EvidenceRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the Keras script that computes evidence for classes, float32 ``(classes, 14, 14)``.

    The script also computes the 1,000 logits, as the array ``logits``. With several images or
    networks it computes one such array for each, named after its first run. Arguments and errors
    are those of `maps_script`.
    """
    pictures: dict[bytes, int] = {}
    calls, predictions = {}, dict[str, str]()
    for run in runs:
        inputs = _input(run, pictures)
        cam = EVIDENCE_METHODS[run.method].script_function
        function = "class_activation_maps" if cam else "position_ablation"
        call = _call(function, [*inputs, *[cam] * bool(cam), _numbers(run.classes)])
        calls[run.name] = f"with_difference({call})" if run.difference else call
        predictions.setdefault(_call("predict", inputs), f"{run.name}_logits")
    if len(predictions) == 1:
        predictions = dict.fromkeys(predictions, "logits")
    _check_names([run.name for run in runs] + list(predictions.values()))
    return _script(
        _start("Evidence for classes", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [
            *_network_functions(runs, script_code.WHOLE_NETWORKS),
            *_preprocessing_functions(runs),
            *_evidence_functions(runs),
        ],
        calls | {name: call for call, name in predictions.items()},
        list(pictures),
    )


def patches_script(
    runs: Sequence[PatchesRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the Keras script that finds top patches; the array ``NAME_value`` has their values.

    Arguments and errors are those of `maps_script`.
    """
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        indices = [pictures.setdefault(_base64_png(one), len(pictures)) for one in run.pictures]
        arguments = [_network(run.network), *_patch_search(run), f"pictures={_tuple(indices)}"]
        calls[run.name] = _call("patches", [*arguments, *_receptive_field(run)])
        calls[f"{run.name}_value"] = _call("values", arguments)
    _check_names(list(calls))
    return _script(
        _start("Top patches", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [*_network_functions(runs), script_code.CAFFE, script_code.TOP_PATCHES],
        calls,
        list(pictures),
    )


def optimization_script(
    runs: Sequence[OptimizationScriptRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the Keras script that optimizes images; the array ``NAME_value`` has their values.

    Arguments and errors are those of `maps_script`.
    """
    calls: dict[str, str] = {}
    for run in runs:
        call = _call("optimize_images", _optimization(run))
        calls |= {run.name: f"{call}[0]", f"{run.name}_value": f"{call}[1]"}
    _check_names(list(calls))
    used = {run.parametrization for run in runs}
    canvases = [code for name, code in script_code.CANVASES.items() if name in used]
    return _script(
        _start("Optimized images", caption, link, note=script_code.OPTIMIZATION_NOTE),
        ["functools", "os", "sys"],
        [*_network_functions(runs), script_code.OPTIMIZE_IMAGES, *canvases],
        calls,
        [],
    )


def attribution_script(
    runs: Sequence[AttributionRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the Keras script that computes the arrays of these attribution runs.

    For complete methods (whose attributions sum to the value), it also prints the sum. Arguments
    and errors are those of `maps_script`.
    """
    _check_names([run.name for run in runs])
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        call = _call("attribution", [*_input(run, pictures), *_attribution(run)])
        calls[run.name] = f"as_colors({call}[None])" if run.as_colors else call
    return _script(
        _start("Attribution of a value", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [
            *_network_functions(runs),
            *_preprocessing_functions(runs),
            script_code.ATTRIBUTION,
            *dict.fromkeys(script_code.METHODS[run.spec.method] for run in runs),
            *_color_functions(runs),
        ],
        calls,
        list(pictures),
    )


def filters_script(
    runs: Sequence[FiltersRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the Keras script that reads kernels, float32 ``(filters, channels, 3, 3)``.

    Arguments and errors are those of `maps_script`.
    """
    _check_names([run.name for run in runs])
    calls = {}
    for run in runs:
        numbers = [_numbers(run.filters), _numbers(run.channels)]
        arguments = [_network(run.network), ascii(run.layer_name), *numbers]
        call = _call("read_filters", arguments)
        calls[run.name] = f"as_colors({call})" if run.as_colors else call
    return _script(
        _start("Filters", caption, link),
        ["functools", "os", "sys"],
        [*_network_functions(runs), script_code.READ_FILTERS, *_color_functions(runs)],
        calls,
        [],
    )


def _color_functions(runs: Sequence[FiltersRun] | Sequence[AttributionRun]) -> list[str]:
    return [script_code.AS_COLORS] if any(run.as_colors for run in runs) else []


def _script(
    start: str,
    modules: Sequence[str],
    functions: Sequence[str],
    calls: Mapping[str, str],
    pictures: Sequence[bytes],
    differences: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Compose a script from its start, imports, functions, ``make_arrays`` and images."""
    imports = [*(f"import {module}" for module in modules)]
    if script_code.FROM_FILE in functions or script_code.WHOLE_FROM_FILE in functions:
        imports.append("from pathlib import Path")
    imports += ["", script_code.BACKEND, "", "import keras", "import numpy as np"]
    if any("tf." in function for function in functions):
        imports.append("import tensorflow as tf")
    if pictures:
        imports.append("from PIL import Image")
    entries = "".join(f"        {name!a}: {call},\n" for name, call in calls.items())
    lines = "".join(f"    arrays[{name!a}] = {value}\n" for name, value in differences.items())
    make_arrays = (
        f"\ndef make_arrays():\n    arrays = {{\n{entries}    }}\n{lines}    return arrays\n"
    )
    beginning = start + "\n".join(imports) + "\n" + script_code.LAYOUT
    parts = [beginning, *functions, script_code.MAIN, make_arrays]
    if pictures:
        parts.append(_pictures(pictures))
    return "\n".join([*parts, '\nif __name__ == "__main__":\n    main()\n'])


def _start(title: str, caption: Sequence[str], link: str, *, note: str = "") -> str:
    """Return the first lines of a script: its docstring, and text from outside as comments."""
    # The docstring comes first: a comment in the first two lines could set the file's encoding.
    lines = [f"Written by VGG Viz {__version__}", *caption, link]
    comments = [f"# {plain(line)}" for line in lines if plain(line)]
    return script_code.START.format(title=title, note=note) + "\n".join(comments) + "\n\n"


def _network(network: ScriptNetwork) -> str:
    """Return the script's function call that builds a network."""
    if isinstance(network, WeightsFile):
        return f"from_file({beside_script(network.name)!a})"
    return f"{network}()"


def beside_script(name: str) -> str:
    """Return the file name under which Keras can read a weights file placed beside the script.

    Keras reads the layout of Keras 2 only from ``.h5`` and ``.hdf5``; ``.weights.h5`` is another
    layout.

    >>> beside_script("vgg19.hdf5"), beside_script("vgg19.weights.h5")
    ('vgg19.hdf5', 'vgg19.weights.h5.h5')
    """
    name = re.split(r"[/\\]", name)[-1]
    is_read = name.endswith((".h5", ".hdf5")) and not name.endswith(".weights.h5")
    return name if is_read else f"{name}.h5"


def _network_functions(
    runs: Sequence[Run], functions: Mapping[str, str] = MappingProxyType(script_code.NETWORKS)
) -> list[str]:
    """Return the source of the functions that build the networks of these runs, each once."""
    networks = [run.network for run in runs]
    used = {"file" if isinstance(network, WeightsFile) else network for network in networks}
    return [code for name, code in functions.items() if name in used]


def _preprocessing_functions(runs: Sequence[MapsRun | EvidenceRun | AttributionRun]) -> list[str]:
    used = {run.preprocessing for run in runs}
    return [code for name, code in script_code.PREPROCESSINGS.items() if name in used]


def _evidence_functions(runs: Sequence[EvidenceRun]) -> list[str]:
    used = {run.method for run in runs}
    methods = [method for name, method in EVIDENCE_METHODS.items() if name in used]
    # The page's own functions: plain NumPy, which needs nothing else of this package.
    cams = [f"\n{getsource(resolve(one.function))}" for one in methods if one.function]
    functions = [script_code.HALVES, script_code.PREDICT]
    functions += [script_code.POSITION_ABLATION] if "ablation" in used else []
    functions += [script_code.CLASS_ACTIVATION_MAPS, *cams] if cams else []
    differs = any(run.difference for run in runs)
    return [*functions, script_code.WITH_DIFFERENCE] if differs else functions


def _input(run: MapsRun | EvidenceRun | AttributionRun, pictures: dict[bytes, int]) -> list[str]:
    """Return network, preprocessing and image as arguments of a function call in the script.

    An image that is not in ``pictures`` yet is added, as PNG in base64, with its index.
    """
    index = pictures.setdefault(_base64_png(run.pixels), len(pictures))
    return [_network(run.network), run.preprocessing, f"PICTURES[{index}]"]


def _ablated(run: MapsRun, network: str) -> str:
    """Return the script's expression for a network, with maps ablated if the run ablates any."""
    if not isinstance(run, AblationRun):
        return network
    return f"ablated({network}, {run.ablated_in!a}, {_tuple(run.ablated)})"


def _attribution(run: AttributionRun) -> list[str]:
    """Return arguments of the script's attribution call: value, layer, method and array."""
    spec, area = run.spec, padded_receptive_field(run.spec)
    summed = ["summed=True"] if run.summed else []
    return [
        ascii(spec.layer.name),
        f"position=({spec.channel}, {spec.row + 1}, {spec.column + 1})",
        f"back_to={spec.back_to!a}",
        f"method={ATTRIBUTION_METHODS[spec.method].script_function}",
        f"rows={tuple(area.rows)}",
        f"columns={tuple(area.columns)}",
        f"numbers={_numbers(run.numbers)}",
        *summed,
    ]


def _patch_search(run: PatchesRun) -> list[str]:
    """Return arguments of the script's patch search: layer, channels, number and distance."""
    layer = VGG19.conv_layer(run.layer_name)
    return [
        ascii(layer.name),
        _tuple(run.channels),
        f"each={run.each}",
        f"distance={min_distance(layer)}",
    ]


def _receptive_field(run: PatchesRun) -> list[str]:
    """Return arguments of the script's patch search that locate the receptive fields."""
    layer = VGG19.conv_layer(run.layer_name)
    first = receptive_fields(layer)[0][0]
    return [f"first={first}", f"stride={layer.stride}", f"side={layer.receptive_field}"]


def _optimization(run: OptimizationScriptRun) -> list[str]:
    """Return arguments of the script's optimization call: channels, seed and settings."""
    layer = VGG19.conv_layer(run.layer_name)
    side = image_side(layer)
    canvas = {"regularized": "Frequencies", "pixels": "Pixels"}[run.parametrization]
    arguments = [
        _network(run.network),
        ascii(layer.name),
        _tuple(run.channels),
        canvas,
        f"side={side}",
        f"seeds=({int(run.seed)}, {layer.conv_number})",
        f"steps={optimization.STEPS[layer.block]}",
        f"batch={batch_size(layer)}",
    ]
    if side < layer.receptive_field:
        stages = image_stages(layer, side)
        areas = ", ".join(str((*one.input_area.rows, *one.padded_area.rows)) for one in stages)
        arguments.append("\n".join(textwrap.wrap(f"areas=({areas})", 80, subsequent_indent=" ")))
    return arguments


def _difference(runs: Sequence[MapsRun], name: str) -> dict[str, str]:
    """Return the script's expression for the second run's array minus the first's, by ``name``.

    Returns an empty mapping if ``name`` is empty.
    """
    return {name: f"arrays[{runs[1].name!a}] - arrays[{runs[0].name!a}]"} if name else {}


def _call(function: str, arguments: Sequence[str]) -> str:
    """Return a function call of the script, one argument per line, indented for ``make_arrays``."""
    lines = textwrap.indent(",\n".join(arguments), " " * 12)
    return f"{function}(\n{lines},\n        )"


def _numbers(numbers: Sequence[int]) -> str:
    """Return Python code for these numbers: a range if they are consecutive, else a list."""
    first, last = int(numbers[0]), int(numbers[-1])
    if [int(number) for number in numbers] == [*range(first, last + 1)]:
        return f"range({first}, {last + 1})"
    listed = ", ".join(str(int(number)) for number in numbers)
    return "\n".join(textwrap.wrap(f"[{listed}]", 80, subsequent_indent=" "))


def _tuple(numbers: Sequence[int]) -> str:
    """Return Python code for these numbers: a range or a tuple, both hashable for caches."""
    return _numbers(numbers).replace("[", "(").replace("]", ")")


def _base64_png(pixels: np.ndarray) -> bytes:
    """Encode an image as PNG, without loss, in base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue())


def _pictures(pictures: Sequence[bytes]) -> str:
    """Return the script's code for the list of the network's input images, RGB."""
    texts = ["\n".join(textwrap.wrap(picture.decode(), 96)) for picture in pictures]
    entries = "".join(f'    """\n{text}\n""",\n' for text in texts)
    return f"\n# The images as the network sees them: PNG in base64.\nPICTURES = [\n{entries}]\n"


def _check_names(names: Sequence[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected one or more arrays with different names, got {names}")
    check_array_names(names)
