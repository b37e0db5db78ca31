"""What is shown -> a Python script that makes the same arrays with Keras alone.

A script is one file: a few functions, what is to be made (``make_arrays``) and, but for filters,
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
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.optimization import batch_size, picture_side
from vgg_viz.interpretability.feature_visualization.top_patches import min_distance
from vgg_viz.interpretability.receptive_field import image_stages, receptive_fields
from vgg_viz.model.architecture import VGG19


def encode_script(export: Export) -> bytes:
    """Return the script that computes the arrays of an export with Keras alone."""
    runs, grids = export.runs(), export.grids()
    captions = [grid.caption for grid in grids]
    # Two runs that are shown as one grid are shown as their difference.
    difference = grids[0].name if len(runs) > len(grids) else ""
    return write_script(runs, caption=captions, link=export.link, difference=difference).encode()


def write_script(
    runs: Sequence[Run], *, caption: Sequence[str] = (), link: str = "", difference: str = ""
) -> str:
    """Write the script that makes the arrays of these runs, all of one kind.

    The arguments and errors are those of `maps_script`; only maps have that difference.
    """
    of_filters = [run for run in runs if isinstance(run, FiltersRun)]
    if of_filters:
        return filters_script(of_filters, caption=caption, link=link)
    evidence = [run for run in runs if isinstance(run, EvidenceRun)]
    if evidence:
        return evidence_script(evidence, caption=caption, link=link)
    of_patches = [run for run in runs if isinstance(run, PatchesRun)]
    if of_patches:
        return patches_script(of_patches, caption=caption, link=link)
    made = [run for run in runs if isinstance(run, OptimizationScriptRun)]
    if made:
        return made_script(made, caption=caption, link=link)
    attributed = [run for run in runs if isinstance(run, AttributionRun)]
    if attributed:
        return attribution_script(attributed, caption=caption, link=link)
    of_maps = [run for run in runs if isinstance(run, MapsRun)]
    return maps_script(of_maps, caption=caption, link=link, difference=difference)


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
    _check_names([run.name for run in runs])
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        network, *seen = _input(run, pictures)
        arguments = [_ablated(run, network), *seen, ascii(run.layer_name), _numbers(run.numbers)]
        calls[run.name] = _call("make_maps", arguments)
    quiet = [script_code.ABLATED] if any(isinstance(run, AblationRun) for run in runs) else []
    return _script(
        _start("Feature maps", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [
            *_network_functions(runs),
            *quiet,
            *_preprocessing_functions(runs),
            script_code.MAKE_MAPS,
        ],
        calls,
        list(pictures),
        _difference(runs, difference),
    )


def evidence_script(
    runs: Sequence[EvidenceRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the script that makes these arrays of evidence, float32 ``(classes, 14, 14)``.

    It makes the 1,000 logits as well: ``logits``, or one array for each picture in each network,
    named after its first run. The arguments and errors are those of `maps_script`.
    """
    pictures: dict[bytes, int] = {}
    calls, answers = {}, dict[str, str]()
    for run in runs:
        seen = _input(run, pictures)
        method = [] if run.method == "ablation" else [run.method]
        function = "activation_maps" if method else "without_places"
        call = _call(function, [*seen, *method, _numbers(run.classes)])
        calls[run.name] = f"with_difference({call})" if run.difference else call
        answers.setdefault(_call("answer", seen), f"{run.name}_logits")
    if len(answers) == 1:
        answers = dict.fromkeys(answers, "logits")
    _check_names([run.name for run in runs] + list(answers.values()))
    return _script(
        _start("Evidence for classes", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [
            *_network_functions(runs, script_code.WHOLE_NETWORKS),
            *_preprocessing_functions(runs),
            *_evidence_functions(runs),
        ],
        calls | {name: call for call, name in answers.items()},
        list(pictures),
    )


def patches_script(
    runs: Sequence[PatchesRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the script that makes these arrays of patches, and of each the values: ``NAME_value``.

    The arguments and errors are those of `maps_script`.
    """
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        seen = [pictures.setdefault(_base64_png(one), len(pictures)) for one in run.pictures]
        arguments = [_network(run.network), *_places(run), f"pictures={_tuple(seen)}"]
        calls[run.name] = _call("patches", [*arguments, *_geometry(run)])
        calls[f"{run.name}_value"] = _call("values", arguments)
    _check_names(list(calls))
    return _script(
        _start("The strongest patches", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [*_network_functions(runs), script_code.CAFFE, script_code.STRONGEST_PATCHES],
        calls,
        list(pictures),
    )


def made_script(
    runs: Sequence[OptimizationScriptRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the script that makes these pictures, and of each the values: ``NAME_value``.

    The arguments and errors are those of `maps_script`.
    """
    calls: dict[str, str] = {}
    for run in runs:
        call = _call("make_pictures", _climbing(run))
        calls |= {run.name: f"{call}[0]", f"{run.name}_value": f"{call}[1]"}
    _check_names(list(calls))
    used = {run.parametrization for run in runs}
    canvases = [
        code for parametrization, code in script_code.CANVASES.items() if parametrization in used
    ]
    return _script(
        _start("Made pictures", caption, link, further=script_code.MADE_FURTHER),
        ["functools", "os", "sys"],
        [*_network_functions(runs), script_code.MAKE_PICTURES, *canvases],
        calls,
        [],
    )


def attribution_script(
    runs: Sequence[AttributionRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the script that reproduces these arrays of attributions.

    For complete methods it also prints the sum. The arguments and errors are those of
    `maps_script`.
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
            *dict.fromkeys(ATTRIBUTION_METHODS[run.spec.method].script for run in runs),
            *_color_functions(runs),
        ],
        calls,
        list(pictures),
    )


def filters_script(
    runs: Sequence[FiltersRun], *, caption: Sequence[str] = (), link: str = ""
) -> str:
    """Write the script that reads these arrays of kernels, float32 ``(filters, channels, 3, 3)``.

    The arguments and errors are those of `maps_script`.
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
    further: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Put a script together: imports, functions, what is to be made, and the pictures last."""
    imports = [*(f"import {module}" for module in modules)]
    if script_code.FROM_FILE in functions or script_code.WHOLE_FROM_FILE in functions:
        imports.append("from pathlib import Path")
    imports += ["", script_code.BACKEND, "", "import keras", "import numpy as np"]
    if any("tf." in function for function in functions):
        imports.append("import tensorflow as tf")
    if pictures:
        imports.append("from PIL import Image")
    entries = "".join(f"        {name!a}: {call},\n" for name, call in calls.items())
    lines = "".join(f"    arrays[{name!a}] = {value}\n" for name, value in further.items())
    make_arrays = (
        f"\ndef make_arrays():\n    arrays = {{\n{entries}    }}\n{lines}    return arrays\n"
    )
    beginning = start + "\n".join(imports) + "\n" + script_code.LAYOUT
    parts = [beginning, *functions, script_code.MAIN, make_arrays]
    if pictures:
        parts.append(_pictures(pictures))
    return "\n".join([*parts, '\nif __name__ == "__main__":\n    main()\n'])


def _start(title: str, caption: Sequence[str], link: str, *, further: str = "") -> str:
    """The docstring, in words of our own, and the words from outside as comments."""
    # The docstring comes first: in a file's first two lines a comment may set its encoding.
    lines = [f"Written by VGG Viz {__version__}", *caption, link]
    comments = [f"# {plain(line)}" for line in lines if plain(line)]
    return script_code.START.format(title=title, further=further) + "\n".join(comments) + "\n\n"


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


def _network_functions(
    runs: Sequence[Run], functions: Mapping[str, str] = MappingProxyType(script_code.NETWORKS)
) -> list[str]:
    """The functions that build the networks of these runs, each once."""
    networks = [run.network for run in runs]
    used = {"file" if isinstance(network, WeightsFile) else network for network in networks}
    return [code for name, code in functions.items() if name in used]


def _preprocessing_functions(runs: Sequence[MapsRun | EvidenceRun | AttributionRun]) -> list[str]:
    used = {run.preprocessing for run in runs}
    return [code for name, code in script_code.PREPROCESSINGS.items() if name in used]


def _evidence_functions(runs: Sequence[EvidenceRun]) -> list[str]:
    used = {run.method for run in runs}
    cams = [code for name, code in script_code.CAMS.items() if name in used]
    functions = [script_code.HALVES, script_code.ANSWER]
    functions += [script_code.WITHOUT_PLACES] if "ablation" in used else []
    functions += [script_code.ACTIVATION_MAPS, *cams] if cams else []
    differs = any(run.difference for run in runs)
    return [*functions, script_code.WITH_DIFFERENCE] if differs else functions


def _input(run: MapsRun | EvidenceRun | AttributionRun, pictures: dict[bytes, int]) -> list[str]:
    """The first arguments: network, preprocessing, picture; a new picture joins ``pictures``."""
    index = pictures.setdefault(_base64_png(run.pixels), len(pictures))
    return [_network(run.network), run.preprocessing, f"PICTURES[{index}]"]


def _ablated(run: MapsRun, network: str) -> str:
    """The same network, or one where maps are ablated."""
    if not isinstance(run, AblationRun):
        return network
    return f"ablated({network}, {run.ablated_in!a}, {_tuple(run.ablated)})"


def _attribution(run: AttributionRun) -> list[str]:
    """Arguments for the value, the layer to attribute it to, the method and the array."""
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


def _places(run: PatchesRun) -> list[str]:
    """What says which places are wanted."""
    layer = VGG19.conv_layer(run.layer_name)
    return [
        ascii(layer.name),
        _tuple(run.channels),
        f"each={run.each}",
        f"apart={min_distance(layer)}",
    ]


def _geometry(run: PatchesRun) -> list[str]:
    """What a place of the layer's maps sees of a picture."""
    layer = VGG19.conv_layer(run.layer_name)
    first = receptive_fields(layer)[0][0]
    return [f"first={first}", f"stride={layer.stride}", f"side={layer.receptive_field}"]


def _climbing(run: OptimizationScriptRun) -> list[str]:
    """What says which pictures are made, and how."""
    layer = VGG19.conv_layer(run.layer_name)
    side = picture_side(layer)
    canvas = {"regularized": "Frequencies", "pixels": "Pixels"}[run.parametrization]
    arguments = [
        _network(run.network),
        ascii(layer.name),
        _tuple(run.channels),
        canvas,
        f"side={side}",
        f"seeds=({int(run.seed)}, {layer.conv_number})",
        f"steps={optimization.STEPS[layer.block]}",
        f"together={batch_size(layer)}",
    ]
    if side < layer.receptive_field:
        way = image_stages(layer, side)
        reach = ", ".join(str((*stage.input_area.rows, *stage.padded_area.rows)) for stage in way)
        arguments.append("\n".join(textwrap.wrap(f"reach=({reach})", 80, subsequent_indent=" ")))
    return arguments


def _difference(runs: Sequence[MapsRun], name: str) -> dict[str, str]:
    """One array more, if it has a name: the second run's minus the first's."""
    return {name: f"arrays[{runs[1].name!a}] - arrays[{runs[0].name!a}]"} if name else {}


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


def _tuple(numbers: Sequence[int]) -> str:
    """The same in what a cache can have for a key."""
    return _numbers(numbers).replace("[", "(").replace("]", ")")


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


def _check_names(names: Sequence[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected one array or more, each of its own name, got {names}")
    check_array_names(names)
