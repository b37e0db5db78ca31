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
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from PIL import Image

from vgg_viz import __version__
from vgg_viz.export import script_code
from vgg_viz.export.plain_text import plain
from vgg_viz.export.tables import check_array_names
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, reach
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.decomposition import receptive_fields
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.optimization import batch_size, picture_side
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    PARAMETRIZATIONS,
    Parametrization,
)
from vgg_viz.interpretability.feature_visualization.top_patches import distance
from vgg_viz.interpretability.receptive_field import stages
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Preprocessing

CLASSES = VGG19.dense_layers[-1].units


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
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        _check_numbers(self.numbers, VGG19.layer(self.layer_name).filters)


@dataclass(frozen=True, eq=False)
class AblationRun(MapsRun):
    """One array of feature maps where maps of an earlier layer are ablated.

    ``ablated`` are the numbers, from 1, of those maps of the layer ``ablated_in`` that are zero.

    Raises:
        ValueError: as for a `MapsRun`; no such maps, or the layer does not come before.
    """

    ablated_in: str
    ablated: Sequence[int]

    def __post_init__(self) -> None:
        """Check what the script could not."""
        super().__post_init__()
        before, after = (VGG19.conv_layer(name) for name in (self.ablated_in, self.layer_name))
        _check_numbers(self.ablated, before.filters)
        if before.conv_number >= after.conv_number:
            raise ValueError(f"expected a conv layer before {after.name}, got {before.name}")


@dataclass(frozen=True)
class FiltersRun:
    """One array of kernels, ``(filters, channels, 3, 3)``, of one layer of one network.

    ``name`` is the array's; ``filters`` and ``channels`` are numbers, from 1, in its order. With
    ``as_colors`` it has pictures, uint8 ``(filters, 3, 3, 3)``, as
    `vgg_viz.model.network.filter_colors` makes them of all three channels.

    Raises:
        ValueError: numbers that the layer has no filters or channels of, or too few for colors.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    filters: Sequence[int]
    channels: Sequence[int]
    as_colors: bool = False

    def __post_init__(self) -> None:
        """Check what the script could not."""
        layer = VGG19.layer(self.layer_name)
        _check_network(self.network)
        _check_numbers(self.filters, layer.filters)
        _check_numbers(self.channels, layer.channels)
        if self.as_colors and list(self.channels) != [1, 2, 3]:
            raise ValueError(f"expected channels 1, 2 and 3, got {list(self.channels)}")


@dataclass(frozen=True, eq=False)
class EvidenceRun:
    """One array of evidence for classes: what each place of block5_conv4 brings to their logits.

    ``method`` is ``"ablation"`` (the logit minus that without the place), ``"gradcam"``,
    ``"hirescam"`` or ``"layercam"``, ``classes`` are numbers from 0 to 999, in the array's order;
    with ``difference`` there is one more, that of the first class minus that of the second. The
    rest is as for a `MapsRun`.

    Raises:
        ValueError: a picture of another shape, no such method, or no such classes.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    method: str
    classes: Sequence[int]
    difference: bool = False

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        if self.method not in EVIDENCE_METHODS:
            raise ValueError(f"expected {', '.join(EVIDENCE_METHODS)}, got {self.method!r}")
        _check_numbers(self.classes, CLASSES - 1, least=0)
        if self.difference and len(self.classes) != 2:
            raise ValueError(f"expected two classes for a difference, got {list(self.classes)}")


@dataclass(frozen=True, eq=False)
class PatchesRun:
    """One array of patches, uint8 ``(n, side, side, 3)``, and one of the maps' values there.

    Of each of these channels (numbers from 1) of a layer the ``each`` places where it is strongest
    over all of these pictures, one a picture first: see `top_patches.strongest`. One that has
    fewer has fewer patches; one that is silent on all of them has a black one, whose value is 0.

    Raises:
        ValueError: pictures of another shape, or none, or no such channels.
    """

    name: str
    network: ScriptNetwork
    pictures: Sequence[np.ndarray]
    layer_name: str
    channels: Sequence[int]
    each: int = 1

    def __post_init__(self) -> None:
        """Check what the script could not."""
        for pixels in self.pictures:
            _check_picture(pixels, "caffe")
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.layer(self.layer_name).filters)
        if not self.pictures or self.each < 1:
            raise ValueError(f"expected pictures, and 1 patch or more, got {self.each}")


@dataclass(frozen=True)
class OptimizationScriptRun:
    """One array of made pictures, uint8 ``(n, side, side, 3)``, and one of their values.

    Of each of these channels (numbers from 1) of a layer that which `optimization.OptimizationRun`
    makes from this seed.

    Raises:
        ValueError: no such channels, seed or recipe.
    """

    name: str
    network: ScriptNetwork
    layer_name: str
    channels: Sequence[int]
    seed: int
    parametrization: Parametrization

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_network(self.network)
        _check_numbers(self.channels, VGG19.layer(self.layer_name).filters)
        if self.seed < 0:
            raise ValueError(f"expected a seed from 0, got {self.seed}")
        if self.parametrization not in PARAMETRIZATIONS:
            raise ValueError(
                f"expected {' or '.join(PARAMETRIZATIONS)}, got {self.parametrization!r}"
            )


@dataclass(frozen=True, eq=False)
class AttributionRun:
    """One array of what a value comes from, float32 ``(n, rows, columns)``.

    It has these maps (``numbers`` from 1) of the layer that is asked ``back_to``, or blue, green
    and red, at all places that the value depends on, and zeros beyond the border; with ``summed``
    their sum, ``n`` being 1; ``as_colors``, of blue, green and red in that order, RGB uint8 ``(1,
    rows, columns, 3)`` with zero at mid-gray. The rest is as for a `MapsRun`.

    Raises:
        ValueError: a picture of another shape, no such question, or no such maps.
    """

    name: str
    network: ScriptNetwork
    preprocessing: Preprocessing
    pixels: np.ndarray
    question: AttributionSpec
    numbers: Sequence[int]
    summed: bool = False
    as_colors: bool = False

    def __post_init__(self) -> None:
        """Check what the script could not."""
        _check_picture(self.pixels, self.preprocessing)
        _check_network(self.network)
        reach(self.question)
        if self.question.method not in ATTRIBUTION_METHODS:
            got = self.question.method
            raise ValueError(f"expected {', '.join(ATTRIBUTION_METHODS)}, got {got!r}")
        _check_numbers(self.numbers, VGG19.layer(self.question.back_to).output_shape[2])


Run = MapsRun | FiltersRun | EvidenceRun | PatchesRun | OptimizationScriptRun | AttributionRun


def script(
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
    """Write the script that makes these arrays of what values come from.

    It says what they add up to as well. The arguments and errors are those of `maps_script`.
    """
    _check_names([run.name for run in runs])
    pictures: dict[bytes, int] = {}
    calls = {}
    for run in runs:
        call = _call("attributed", [*_input(run, pictures), *_asked(run)])
        calls[run.name] = f"as_colors({call}[None])" if run.as_colors else call
    return _script(
        _start("What a value comes from", caption, link),
        ["base64", "functools", "io", "os", "sys"],
        [
            *_network_functions(runs),
            *_preprocessing_functions(runs),
            script_code.ATTRIBUTE,
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


def _asked(run: AttributionRun) -> list[str]:
    """What says which value is asked back to where, and what is wanted of that."""
    question, area = run.question, reach(run.question)
    summed = ["summed=True"] if run.summed else []
    return [
        ascii(question.layer.name),
        f"place=({question.channel}, {question.row + 1}, {question.column + 1})",
        f"back_to={question.back_to!a}",
        f"method={question.method!a}",
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
        f"apart={distance(layer)}",
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
        way = stages(layer, side)
        reach = ", ".join(str((*stage.have.rows, *stage.takes.rows)) for stage in way)
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


def _check_picture(pixels: np.ndarray, preprocessing: Preprocessing) -> None:
    expected = (VGG19.input_side, VGG19.input_side, 3)
    if pixels.dtype != np.uint8 or pixels.shape != expected:
        got = f"{pixels.dtype} {pixels.shape}"
        raise ValueError(f"expected a picture, uint8 {expected}, got {got}")
    if preprocessing not in script_code.PREPROCESSINGS:
        raise ValueError(f"expected caffe or rgb, got {preprocessing!r}")


def _check_network(network: ScriptNetwork) -> None:
    if not isinstance(network, WeightsFile) and network not in ("imagenet", "untrained"):
        raise ValueError(f"expected imagenet, untrained or a WeightsFile, got {network!r}")


def _check_names(names: Sequence[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected one array or more, each of its own name, got {names}")
    check_array_names(names)


def _check_numbers(numbers: Sequence[int], most: int, least: int = 1) -> None:
    if not len(numbers) or not set(numbers) <= set(range(least, most + 1)):
        raise ValueError(f"expected numbers from {least} to {most}, got {list(numbers)}")
