"""Exported scripts compute the page's arrays again, as scripts and in notebooks."""

import ast
import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from tests.model.test_own_networks import reading
from tests.support import slow
from tests.support.attribution_array import array_of
from tests.support.maps import BiasedWeights
from tests.support.own_models import nested_in_sequential, randomize_head, save
from tests.support.thin import RandomWeights, outcome
from tests.support.weights_files import write_keras_weights
from vgg_viz import __version__
from vgg_viz.export.scripts import TEMPLATES, Run, script_weights, write_script
from vgg_viz.export.tables import arrays_npz
from vgg_viz.interpretability.ablation import ablate, later_maps
from vgg_viz.interpretability.attribution import attribution_pass
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, attribute
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.class_evidence.own_head import OwnHead
from vgg_viz.interpretability.feature_visualization import optimization, top_patches
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.model.network import Network, build_model
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, UntrainedWeights
from vgg_viz.option import resolve

NASTY = [
    "a \"quoted\" and 'quoted' caption",
    '"""\nimport os\nos.abort()\n"""',
    "'''\rimport os\r\nos.abort()",
    "\\",
    "\\N{BULLET} \\x",
    "-*- coding: no-such-encoding -*-",
    "form\x0cfeed \x00 nul \x1b[31m \u2028 \u2029 \x85 \udcff \u202e",
    "{0} {title} %s $x$",
    "猫 Кошка 🐈",
]


def run(script, folder, *arguments):
    """Run a script in a folder as a notebook's cell; return its arrays and what it prints."""
    launched = ["ipykernel_launcher.py", "-f", "/x/kernel-1.json", *map(str, arguments)]
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", launched)
        stack.enter_context(contextlib.chdir(folder))
        said = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        exec(compile(script, "<cell>", "exec"), {"__name__": "__main__"})
    plt.close("all")
    with np.load(folder / "reproduced.npz") as arrays:
        return dict(arrays), said.getvalue()


def assert_near(got, expected):
    """Equal but for the order in which another way to run the same network may add up."""
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def inputs(photograph):
    """Return an untrained network and a photograph as arguments of a script."""
    return {"weights": "untrained", "image": photograph, "preprocessing": "caffe"}


def attribution_run(name, inputs, spec, maps, **settings):
    """Return the run of an attribution, for a spec as the page has it."""
    position = [spec.channel, spec.row + 1, spec.column + 1]
    value = {"layer": spec.layer.name, "position": position, "back_to": spec.back_to}
    value |= {"method": spec.method, "maps": maps}
    return Run("attribution", name, inputs | value | settings)


def of_most_active(network, photograph, spec):
    """Return the specification for the most active map at its position, if it names no map."""
    if spec.channel:
        return spec
    values = network.feature_maps(photograph, spec.layer.name)[:, spec.row, spec.column]
    return replace(spec, channel=int(values.argmax()) + 1)


OF_EACH_METHOD = ("pixels", "slope", "guided", "deconvnet", "wrong", "lrp")


@pytest.mark.parametrize(
    "names",
    [OF_EACH_METHOD, *slow(["maps", "colors", "integrated", "deep", "first"])],
    ids=["of each method", "others"],
)
def test_attributions(names, tmp_path, biased_network, photograph, inputs, monkeypatch):
    monkeypatch.setattr(attribution_pass, "CONVERGED", np.inf)  # ends with the second level
    early, layer, deep = map(VGG19.conv_layer, ("block1_conv2", "block2_conv2", "block4_conv2"))
    specs = {
        "pixels": AttributionSpec(layer, 3, 0, 50, "input"),
        "maps": AttributionSpec(layer, 100, 111, 111, "block1_conv2"),
        "slope": AttributionSpec(early, 3, 60, 50, "input", "gradient"),
        "guided": AttributionSpec(early, 3, 60, 50, "input", "guided_backpropagation"),
        "deconvnet": AttributionSpec(layer, 3, 60, 50, "block1_conv1", "deconvnet"),
        "colors": AttributionSpec(layer, 3, 1, 111, "input", "deconvnet"),
        "integrated": AttributionSpec(early, 5, 7, 0, "input", "integrated_gradients"),
        "wrong": AttributionSpec(early, 5, 7, 0, "block1_conv1", "integrated_gradients"),
        "lrp": AttributionSpec(layer, 0, 0, 50, "input", "lrp"),
        "deep": AttributionSpec(deep, 0, 27, 3, "block3_conv2", "lrp"),
        "first": AttributionSpec(VGG19.conv_layers[0], 0, 9, 3, "input", "lrp"),
    }
    assert {specs[name].method for name in OF_EACH_METHOD} == set(ATTRIBUTION_METHODS)
    specs = {name: of_most_active(biased_network, photograph, specs[name]) for name in names}
    numbers = {"maps": [5, 1, 64], "deconvnet": [9], "wrong": [2, 3], "deep": [7, 200]}
    settings = {"integrated": {"points": 17}, "wrong": {"points": 17, "preprocessing": "rgb"}}
    write_keras_weights(tmp_path / "biased.h5", BiasedWeights())
    runs = [
        attribution_run(
            name,
            inputs | {"weights": "biased.h5"},
            spec,
            numbers.get(name, [1, 2, 3]),
            **settings.get(name, {}),
        )
        for name, spec in specs.items()
    ]
    arrays, said = run(write_script(runs), tmp_path)
    sums = [line for line in said.splitlines() if line.startswith("value")]
    for one, spec in zip(runs, specs.values(), strict=True):
        found, _ = outcome(
            attribute(biased_network.preprocessed(one.arguments["preprocessing"]), photograph, spec)
        )
        expected = array_of(one, spec, found)
        got, method = arrays[one.name], ATTRIBUTION_METHODS[spec.method]
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        off = np.linalg.norm(got - expected.astype(np.float64)) / np.linalg.norm(expected)
        # In float32, a ReLU or max pooling may decide differently, most likely at many points.
        assert off < (1e-2 if method.many_passes else 1e-4)
        assert found.points == one.arguments.get("points", 0)
        if method.terms:
            told = map(float, re.findall(r"-?\d[\d.]*(?:e-?\d+)?", sums.pop(0)))
            terms = [found.value, found.baseline or found.bias_sum, found.total]
            assert list(told) == pytest.approx(terms, rel=2e-2 if method.many_passes else 1e-3)
    assert not sums


@pytest.mark.parametrize("method", EVIDENCE_METHODS)
def test_evidence_in_a_small_network(method, photograph):
    import keras

    inputs = keras.Input((224, 224, 3), name="input")
    maps = keras.layers.AveragePooling2D(16, name="block5_conv4")(inputs)
    hidden = keras.layers.Dense(8, "relu", name="hidden")(keras.layers.Flatten()(maps))
    model = keras.Model(inputs, keras.layers.Dense(1000, name="predictions")(hidden))
    functions = {"__name__": "functions"}
    exec(write_script([EXAMPLES["evidence"]]), functions)
    functions["network"] = lambda weights, top: model
    found, logits = functions["evidence"]([photograph], "", 0, "rgb", method, [281, 3])
    (first, _), (second, bias) = (
        model.get_layer(name).get_weights() for name in ("hidden", "predictions")
    )
    mean = photograph.reshape(14, 16, 14, 16, 3).mean(axis=(1, 3)).astype(np.float32) / 255
    active = mean.ravel() @ first > 0
    # Small sums of large terms, which each number of threads adds up in its own order.
    expected_logits = (mean.ravel() @ first * active) @ second + bias
    np.testing.assert_allclose(logits, expected_logits, rtol=0, atol=1e-6)
    for evidence_of, number in zip(found, (281, 3), strict=False):
        gradient = (first @ (active * second[:, number])).reshape(mean.shape)
        if method == "ablation":
            without = np.repeat(mean[None], 196, axis=0)
            without.reshape(196, 196, 3)[range(196), range(196)] = 0
            hidden = np.maximum(without.reshape(196, -1) @ first, 0)
            expected = (logits[number] - (hidden @ second + bias)[:, number]).reshape(14, 14)
        else:
            cam = resolve(EVIDENCE_METHODS[method].function)
            expected = cam(np.moveaxis(mean, -1, 0), np.moveaxis(gradient, -1, 0))
        np.testing.assert_allclose(evidence_of, expected, atol=1e-5)
    np.testing.assert_array_equal(found[2], found[0] - found[1])


@pytest.mark.slow
def test_evidence_in_the_whole_network(tmp_path, untrained_network, photograph, inputs):
    settings = {"method": "hirescam", "classes": [281, 3]}
    script = write_script([Run("class_evidence", "cam", inputs | settings)])
    arrays, said = run(script, tmp_path)
    maps = untrained_network.feature_maps(photograph, "block5_conv4")
    dense = UntrainedDense(UntrainedWeights().seed)
    answer = evidence.predict(dense, maps)
    assert_near(arrays["cam_logits"], answer.logits)
    for line, number in zip(said.splitlines(), answer.most_likely(5), strict=False):
        assert line == f"class {number}: {answer.probabilities[number]:.2%}"
    gradients = [evidence.logit_gradient(dense, maps, answer, number).values for number in (281, 3)]
    hirescam = resolve(EVIDENCE_METHODS["hirescam"].function)
    assert_near(arrays["cam"][:2], np.stack([hirescam(maps, values) for values in gradients]))


@pytest.mark.parametrize(
    "names", [("turned", "wrong", "before", "without"), *slow(["late", "scaled", "before", "far"])]
)
def test_maps_of_all_networks_with_and_without_ablation(
    names, tmp_path, untrained_network, biased_network, photograph, inputs
):
    mirrored, name = np.ascontiguousarray(photograph[:, ::-1]), 'it\'s a "file".h5'
    write_keras_weights(tmp_path / name, BiasedWeights())
    biased = {"weights": name, "layer": "block2_conv1", "maps": [5, 3, 128]}
    ablated = {"ablated_in": "block1_conv2", "ablated": (4, 17, 30)}
    runs = {
        "late": {"layer": "block5_conv4", "maps": range(1, 513)},
        "turned": {"layer": "block1_conv2", "maps": [64, 1, 7], "image": mirrored},
        "wrong": {"layer": "block3_conv1", "maps": np.array([9]), "preprocessing": "rgb"},
        "scaled": {"layer": "block3_conv1", "maps": np.array([9]), "preprocessing": "signed"},
        "before": biased,
        "without": biased | ablated,
        "far": biased | ablated | {"layer": "block3_conv2"},
    }
    runs, expected = {key: runs[key] for key in names}, {}
    for key, one in runs.items():
        network = untrained_network if "weights" not in one else biased_network
        chosen = inputs | one
        network = network.preprocessed(chosen["preprocessing"])
        maps = network.feature_maps(chosen["image"], chosen["layer"])
        if "ablated" in one:
            source, wanted = map(VGG19.conv_layer, ("block1_conv2", one["layer"]))
            quiet = ablate(network.feature_maps(photograph, source.name), one["ablated"])
            maps, _ = outcome(later_maps(network, source, quiet, wanted))
        expected[key] = maps[np.array(one["maps"]) - 1]
    (tmp_path / "exported.npz").write_bytes(arrays_npz(expected, {}))
    script = write_script([Run("feature_maps", key, inputs | one) for key, one in runs.items()])
    arrays, said = run(script, tmp_path, "exported.npz")
    assert list(arrays) == list(runs)
    for (key, array), line in zip(expected.items(), said.splitlines(), strict=True):
        assert_near(arrays[key], array)
        words, difference = line.split(": largest difference ")
        assert words == f"{key} {array.shape}"
        largest = np.abs(arrays[key].astype(np.float64) - array).max()
        assert float(difference) == pytest.approx(largest, rel=1e-5)
    if "without" in names:
        difference = np.abs(arrays["without"] - arrays["before"])
        assert difference.max() > 0.01 * arrays["before"].max()
        assert script.count("iVBORw0KGgo") == 2  # each image once


def test_a_difference_is_the_second_array_minus_the_first(tmp_path, photograph, inputs):
    """The first image is the one that the command line names."""
    maps = inputs | {"layer": "block1_conv1", "maps": [1, 2]}
    turned = {"image": np.ascontiguousarray(photograph[::-1])}
    runs = [Run("feature_maps", "this", maps), Run("feature_maps", "other", maps | turned)]
    script = write_script(runs)
    arrays, _ = run(script, tmp_path)
    np.testing.assert_array_equal(arrays["difference"], arrays["other"] - arrays["this"])
    assert np.abs(arrays["difference"]).max() > 0
    Image.fromarray(turned["image"]).save(tmp_path / "turned.PNG")
    again, _ = run(script, tmp_path, "nowhere.png", tmp_path / "turned.PNG")
    np.testing.assert_array_equal(again["this"], arrays["other"])


def test_filters(tmp_path):
    def filters(name, layer, filters, channels, *, in_color=False):
        wanted = {"layer": layer, "filters": filters, "channels": channels, "in_color": in_color}
        return Run("filters", name, {"weights": "untrained"} | wanted)

    runs = [
        filters("first", "block1_conv1", range(1, 65), [3, 1]),
        filters("last", "block5_conv4", [512, 1, 100], range(200, 210)),
        filters("colors", "block1_conv1", [64, 2], [1, 2, 3], in_color=True),
    ]
    arrays, said = run(write_script(runs), tmp_path)
    first, last = (
        UntrainedWeights().read(name)[0].transpose(3, 2, 0, 1)
        for name in ("block1_conv1", "block5_conv4")
    )
    np.testing.assert_array_equal(arrays["first"], first[:, [2, 0]])
    np.testing.assert_array_equal(arrays["last"], last[[511, 0, 99], 199:209])
    for picture, number in zip(arrays["colors"], [64, 2], strict=True):
        weights = first[number - 1, ::-1].transpose(1, 2, 0)  # height, width, red to blue
        assert picture.dtype == np.uint8
        np.testing.assert_allclose(picture / 127.5 - 1, weights / np.abs(weights).max(), atol=0.005)
    shapes = ["first (64, 2, 3, 3)", "last (3, 10, 3, 3)", "colors (2, 3, 3, 3)"]
    assert said.splitlines() == shapes
    with Image.open(tmp_path / "last.png") as mosaic:
        assert mosaic.size == (6 * 4, 5 * 4)  # 30 tiles of 3 pixels and a gap


def test_top_patches(tmp_path, untrained_network, photograph):
    pictures = [photograph, np.ascontiguousarray(photograph[::-1])]
    dark = [np.zeros((224, 224, 3), np.uint8)]
    searches = {
        "early": ("block1_conv2", range(1, 65), 1, pictures),
        "later": ("block2_conv2", [7, 100], 9, pictures),
        # On one color, most channels are inactive except at the border, some there as well.
        "dark": ("block1_conv1", range(1, 65), 1, dark),
    }
    names = ("layer", "channels", "each", "searched")
    runs = [
        Run("top_patches", name, {"weights": "untrained"} | dict(zip(names, one, strict=True)))
        for name, one in searches.items()
    ]
    arrays, _ = run(write_script(runs), tmp_path)
    for name, (layer_name, channels, each, searched) in searches.items():
        layer = VGG19.conv_layer(layer_name)
        maps = [untrained_network.feature_maps(pixels, layer_name) for pixels in searched]
        peaks = [top_patches.find_peaks(one, layer) for one in maps]
        patches, values = [], []
        for channel in channels:
            found = strongest(layer, maps, peaks, channel, each)
            values += [spot.value for spot in found] or [0]
            patches += [
                top_patches.crop_patch(searched[spot.image], layer, spot.row, spot.column)
                for spot in found
            ] or [np.zeros((layer.receptive_field, layer.receptive_field, 3))]
        assert_near(arrays[f"{name}_value"], np.array(values))
        np.testing.assert_array_equal(arrays[name], patches)
    assert len(arrays["later"]) == 18
    assert (arrays["dark_value"] == 0).any()


def strongest(layer, maps, peaks, channel, each):
    """Return a channel's top patches, as on the page."""
    peaks = [top_patches.channel_peaks(one, channel) for one in peaks]
    filled = top_patches.complete_peaks(peaks, layer, lambda image: maps[image][channel - 1])
    return top_patches.rank_patches(filled if each > 1 else peaks, each)[0]


def optimization_run(name, channels, seed, parametrization):
    """Return the run of optimized images as the page has it."""
    layer = VGG19.conv_layer(name)
    arguments = {
        "weights": "untrained",
        "preprocessing": "caffe",
        "layer": name,
        "channels": channels,
        "parametrization": parametrization,
        "side": optimization.image_side(layer),
        "seeds": [seed, layer.conv_number],
        "steps": optimization.STEPS[layer.block],
        "batch": optimization.batch_size(layer),
    }
    return Run("optimized_images", name, arguments)


def test_optimized_images_follow_those_of_the_same_seed(tmp_path, untrained_network, monkeypatch):
    monkeypatch.setattr(optimization, "STEPS", {1: (9, 3), 2: (4, 2)})
    wanted = [
        ("block1_conv1", [64, 3], 5, "pixels"),
        ("block2_conv1", range(3, 21), 2**31, "regularized"),
    ]
    arrays, _ = run(write_script([optimization_run(*one) for one in wanted]), tmp_path)
    for name, *one in wanted:
        channels, seed, parametrization = one
        spec = optimization.OptimizationSpec(
            untrained_network, VGG19.conv_layer(name), seed, parametrization
        )
        making = optimization.OptimizationRun(spec, channels)
        while not making.finished:
            making.advance()
        images = making.images().values()
        expected = np.stack([image.pixels for image in images])
        values = np.array([image.value for image in images], np.float32)
        assert (arrays[name].dtype, arrays[name].shape) == (np.uint8, expected.shape)
        # Rounding may change which unit a max pool takes, and Adam amplifies small gradients.
        is_exact = name < "block2"
        off = np.abs(arrays[name].astype(int) - expected)
        assert off.mean() <= (0.1 if is_exact else 2)
        np.testing.assert_allclose(
            arrays[f"{name}_value"], values, rtol=1e-2 if is_exact else 0.1, atol=1e-6
        )


IMAGE = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
INPUT = {"weights": "untrained", "image": IMAGE, "preprocessing": "caffe"}
MAPS = Run("feature_maps", "maps", INPUT | {"layer": "block1_conv1", "maps": [2, 1]})
EXAMPLES = {
    "maps": MAPS,
    "evidence": Run("class_evidence", "cam", INPUT | {"method": "gradcam", "classes": [3]}),
    "attribution": attribution_run(
        "pixels", INPUT, AttributionSpec(VGG19.conv_layers[0], 1, 2, 3, "input", "lrp"), [1, 2, 3]
    ),
    "patches": Run(
        "top_patches",
        "patches",
        {"weights": "untrained", "preprocessing": "caffe", "searched": [IMAGE]}
        | {"layer": "block1_conv1", "channels": [1], "each": 1},
    ),
    "filters": Run(
        "filters",
        "filters",
        {"weights": "untrained", "layer": "block1_conv1", "filters": [1], "channels": [1, 2, 3]}
        | {"in_color": True, "preprocessing": "caffe"},
    ),
    "images": optimization_run("block1_conv1", [1], 0, "regularized"),
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_a_script_is_its_template_with_other_parameters(example):
    """The template runs as it is; text from outside is comments."""
    assert {one.template for one in EXAMPLES.values()} | {"vgg19"} == {
        path.stem for path in TEMPLATES.glob("*.py")
    }
    template = (TEMPLATES / f"{example.template}.py").read_text("utf-8")
    shared = (TEMPLATES / "vgg19.py").read_text("utf-8")
    default = next(iter(parameter(template, "ARRAYS").values()))
    plain = write_script([example])
    assert list(parameter(plain, "ARRAYS")) == [example.name]
    assert list(parameter(plain, "ARRAYS")[example.name]) == list(default)
    for functions in (template, shared):
        for node in ast.parse(functions).body:
            if isinstance(node, ast.FunctionDef):
                assert ast.get_source_segment(functions, node) in plain
    code, *_ = plain.split("IMAGES = [")
    assert max(map(len, code.splitlines())) <= 100
    script = write_script([example], NASTY)
    # As bytes: the file's encoding must not follow from the words either.
    assert ast.dump(ast.parse(script.encode())) == ast.dump(ast.parse(plain))
    compile(script.encode(), "script.py", "exec")


def assert_complete(script):
    """Assert that a script's arrays have the arguments that its template has."""
    (template,) = [
        text
        for path in TEMPLATES.glob("*.py")
        if (text := path.read_text("utf-8")).startswith(script[: script.index("\n")])
    ]
    (default,) = parameter(template, "ARRAYS").values()
    for arguments in parameter(script, "ARRAYS").values():
        assert set(arguments) - {"ablated_in", "ablated", "points"} == set(default)


def parameter(script, name):
    (node,) = (
        node
        for node in ast.parse(script).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return eval(compile(ast.Expression(node.value), "parameter", "eval"), {"range": range})


def test_a_script_says_where_it_comes_from():
    link = "http://localhost:8501/?view=maps&layer=block1_conv1"
    lines = write_script([MAPS], ["block1_conv1", "Picture: Cat", link]).splitlines()
    assert (
        lines[0]
        == '"""Feature maps of VGG19, also with maps of an earlier layer ablated (set to zero).'
    )
    assert "    pip install keras tensorflow matplotlib" in lines
    for line in (f"# Written by VGG Viz {__version__}", "# Picture: Cat", f"# {link}"):
        assert line in lines


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("mine.h5", "mine.h5"), ("mine.hdf5", "mine.hdf5"), ("/some/folder/mine.h5", "mine.h5")),
        # Keras would read these in another way, or not at all.
        *(("mine.weights.h5", "mine.weights.h5.h5"), ("mine", "mine.h5")),
        *(("imagenet", "imagenet.h5"), *((f"{words}.h5", f"{words}.h5") for words in NASTY)),
    ],
)
def test_a_weights_file_is_named_as_keras_reads_it(name, expected):
    weights = StoredWeights(Path(name), "label")
    arguments = MAPS.arguments | {"weights": script_weights(weights)}
    script = write_script([Run("feature_maps", "maps", arguments)])
    assert parameter(script, "ARRAYS")["maps"]["weights"] == expected
    assert script.isascii()
    # The page's own networks have names.
    assert script_weights(UntrainedWeights()) == "untrained"
    assert script_weights(StoredWeights(Path("any.h5"), IMAGENET_LABEL)) == "imagenet"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weights.h5", "old_weights.h5"])
def test_maps_of_an_own_network_from_every_format(saved, photograph, name):
    path, model = saved[name], saved["built"]
    network = open_network(path)
    inputs = {"weights": script_weights(network), "image": photograph, "preprocessing": "rgb"}
    one = Run("feature_maps", "maps", inputs | {"layer": "block2_conv1", "maps": [3, 1]})
    script = write_script([one])
    assert script.isascii()
    assert parameter(script, "ARRAYS")["maps"]["weights"] == name
    assert str(path.parent) not in script
    arrays, _ = run(script, path.parent)
    maps = model.predict(photograph[None] / np.float32(255), verbose=0)[0]
    assert_near(arrays["maps"], np.moveaxis(maps, -1, 0)[[2, 0]])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save a network nested in another, in all formats; "built" is the part up to a layer."""
    import keras

    model = nested_in_sequential(keras, VGG19)
    randomize_head(keras, model)
    paths = save(keras, model, tmp_path_factory.mktemp("own"))
    (vgg,) = (layer for layer in model.get_layer("features").layers if hasattr(layer, "layers"))
    return {
        **paths,
        "model": model,
        "built": keras.Model(vgg.input, vgg.get_layer("block2_conv1").output),
    }


@pytest.mark.slow
def test_evidence_of_an_own_head(saved, photograph):
    network = open_network(saved["model.keras"])
    weights = script_weights(network, with_head=True)
    inputs = {"weights": weights, "image": photograph, "preprocessing": "rgb", "classes": [4, 1]}
    methods = ("ablation", "gradcam", "hirescam", "layercam")
    runs = [Run("class_evidence", method, inputs | {"method": method}) for method in methods]
    arrays, said = run(write_script(runs), saved["model.keras"].parent)
    maps = Network(network).preprocessed("rgb").feature_maps(photograph, "block5_conv4")
    head = OwnHead(network)
    prediction = evidence.predict(head, maps)
    for method in methods:
        function = EVIDENCE_METHODS[method].function
        for number, found in zip((4, 1), arrays[method], strict=False):
            gradient = evidence.logit_gradient(head, maps, prediction, number).values
            if function:
                assert_near(found, resolve(function)(maps, gradient))
                continue
            drops = evidence.logit_drop_by_position(head, maps)[:, :, number]
            # Differences of logits, so rounded like these.
            rounding = 1e-6 * np.abs(prediction.logits).max()
            np.testing.assert_allclose(found, drops, rtol=0, atol=rounding)
    assert_near(arrays["gradcam_logits"], prediction.logits)
    answer = saved["model"].predict(photograph[None].astype(np.float32), verbose=0)[0]
    assert f"class {answer.argmax()}: {answer.max():.2%}" in said.splitlines()


@pytest.mark.parametrize("start", ["block5_pool", *slow("block5_conv4")])
def test_a_script_builds_the_head_that_a_file_holds(tmp_path, start):
    """All kinds of layers but ``Flatten``, which has no numbers."""
    import keras

    wide = Architecture("wide", ((2, 1), (2, 1), (4, 1), (4, 1), (4, 512)), ())
    layers, has_pool = keras.layers, start == "block5_pool"
    built = [
        layers.GlobalAveragePooling2D() if has_pool else layers.GlobalMaxPooling2D(),
        layers.BatchNormalization(center=False, epsilon=0.1),
        layers.Dense(4, use_bias=False),
        layers.Activation("relu"),
        layers.Dense(3),
    ]
    base, head = build_model(RandomWeights(wide), wide), keras.Sequential(built)
    model = keras.Model(base.input, head(base.get_layer(start).output))
    head.set_weights([np.random.default_rng(1).uniform(0.2, 1, w.shape) for w in head.weights])
    model.save(tmp_path / "mine.keras")
    with reading(wide):
        weights = script_weights(open_network(tmp_path / "mine.keras"), with_head=True)
    namespace = {"__name__": "mine"}
    arguments = INPUT | {"weights": weights, "method": "gradcam", "classes": [0]}
    exec(write_script([Run("class_evidence", "cam", arguments)]), namespace)
    maps = np.random.default_rng(0).uniform(0, 2, (1, 14, 14, 512)).astype(np.float32)
    with contextlib.chdir(tmp_path):
        logits = namespace["own_head"]("mine.keras")(maps).numpy()
    after_pool = layers.MaxPooling2D()(maps) if has_pool else maps
    np.testing.assert_allclose(logits, head(after_pool).numpy(), rtol=1e-5)


def test_numbers_of_every_precision_are_converted():
    namespace = {"__name__": "shared"}
    exec((TEMPLATES / "vgg19.py").read_text(), namespace)
    numbers = np.array([1, -2.5, 0.1], np.float32)
    halves = (numbers.view(np.uint32) >> 16).astype(np.uint16).view("V2")  # as h5py reads bfloat16
    for stored in (numbers, numbers.astype(np.float64), numbers.astype(np.float16), halves):
        found = namespace["as_float32"](stored)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, numbers, rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_a_script_runs_for_readers_with_another_backend(example, tmp_path, photograph):
    """A child process, in which nothing of this repository can be imported."""
    other = '{"image_data_format": "channels_first", "floatx": "float16", "backend": "torch"}'
    (tmp_path / "keras.json").write_text(other)
    large = {"image": photograph, "searched": [photograph]}
    arguments = {name: large.get(name, value) for name, value in example.arguments.items()}
    path = tmp_path / "script.py"
    path.write_text(write_script([replace(example, arguments=arguments)]), encoding="utf-8")
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-I", path, "-f", "/x/kernel.json"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=300)
    with np.load(tmp_path / "reproduced.npz") as arrays:
        assert np.isfinite(arrays[example.name]).all()
    assert (tmp_path / f"{example.name}.png").exists()
