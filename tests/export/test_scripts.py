import ast
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.model.test_network import write_other_settings
from tests.support.attribution_array import array_of
from tests.support.maps import BiasedWeights
from tests.support.thin import outcome
from tests.support.weights_files import write_keras_weights
from vgg_viz.export.scripts import (
    AblationRun,
    AttributionRun,
    EvidenceRun,
    FiltersRun,
    MapsRun,
    OptimizationScriptRun,
    PatchesRun,
    WeightsFile,
    script_code,
    write_script,
)
from vgg_viz.export.scripts.script_writer import (
    attribution_script,
    beside_script,
    evidence_script,
    filters_script,
    maps_script,
    optimization_script,
    patches_script,
)
from vgg_viz.export.tables import arrays_npz
from vgg_viz.interpretability.ablation import ablate, later_maps
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, attribute
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.feature_visualization import optimization, top_patches
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.model.network import Network, preprocess
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.option import resolve

# What a script may use: what comes with Keras and TensorFlow, and Python's own.
ALLOWED = {"base64", "functools", "io", "os", "pathlib", "sys", "keras", "numpy", "PIL"}
ALLOWED_FOR_EVIDENCE = ALLOWED | {"tensorflow"}
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


def run(script, folder, *arguments, backend=None):
    """Run a script as its reader would, with nothing of this repository to be imported.

    A reader with another `backend` uses their Keras for something else.
    """
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if backend:
        write_other_settings(folder, backend)
        environment |= {"KERAS_HOME": str(folder), "KERAS_BACKEND": backend}
    command = [sys.executable, "-I", str(path), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "reproduced.npz") as arrays:
        return dict(arrays), done.stdout


def assert_near(got, expected):
    """Equal but for the order in which another way to run the same network may add up."""
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def imports(script):
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def calls(script, name):
    """Return the calls of a function or method in a script."""
    found = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    return [call for call in found if ast.unparse(call.func).split(".")[-1] == name]


@pytest.fixture
def maps_run(photograph):
    """Return a function that makes a run from the fields that a test changes."""

    def make(**changes):
        values = {
            "name": "maps",
            "network": "untrained",
            "preprocessing": "caffe",
            "pixels": photograph,
            "layer_name": "block1_conv1",
            "numbers": [1, 2],
        }
        return MapsRun(**(values | changes))

    return make


@pytest.fixture
def evidence_run(photograph):
    """Return a function that makes a run of evidence from the fields that a test changes."""

    def make(**changes):
        values = {
            "name": "evidence",
            "network": "untrained",
            "preprocessing": "caffe",
            "pixels": photograph,
            "method": "gradcam",
            "classes": [281, 3],
        }
        return EvidenceRun(**(values | changes))

    return make


class HeldDense(UntrainedDense):
    """The untrained dense layers, drawn once: 494 MB for as long as a test takes."""

    def __init__(self, seed):
        super().__init__(seed)
        self._slabs = {}

    def slab(self, layer, index):
        if (layer, index) not in self._slabs:
            self._slabs[layer, index] = super().slab(layer, index)
        return self._slabs[layer, index]


def test_patches_are_the_top_patches_of_all_images(tmp_path, untrained_network, photograph):
    pictures = [photograph, np.ascontiguousarray(photograph[::-1]), photograph // 3]
    dark = np.zeros((224, 224, 3), np.uint8)
    runs = [
        PatchesRun("early", "untrained", pictures, "block1_conv2", range(1, 65)),
        PatchesRun("late", "untrained", pictures, "block4_conv1", [7, 300], 9),
        # On one color, most channels are inactive except at the border, some there as well.
        PatchesRun("dark", "untrained", [dark], "block1_conv1", range(1, 65)),
    ]
    text = patches_script(runs, caption=NASTY, link="https://example.org/?view=Patches")
    assert set(imports(text)) <= ALLOWED
    arrays, _ = run(text, tmp_path)
    assert list(arrays) == [*("early", "early_value", "late", "late_value", "dark", "dark_value")]
    for made in runs:
        layer = VGG19.conv_layer(made.layer_name)
        maps = [untrained_network.feature_maps(pixels, layer.name) for pixels in made.pictures]
        peaks = [top_patches.find_peaks(each, layer) for each in maps]
        found = [strongest(peaks, layer, maps, number, made.each) for number in made.channels]
        # For the dark image, only active channels are compared.
        shown = [spots for spots in found if spots]
        heard = arrays[f"{made.name}_value"] > 0
        expected = [
            (
                spot.value,
                top_patches.crop_patch(made.pictures[spot.image], layer, spot.row, spot.column),
            )
            for spots in shown
            for spot in spots
        ]
        assert_near(
            arrays[f"{made.name}_value"][heard], np.array([one for one, _ in expected], "f4")
        )
        np.testing.assert_array_equal(arrays[made.name][heard], [one for _, one in expected])
        assert not arrays[made.name][~heard].any()
    assert (arrays["dark_value"] == 0).any()
    assert len(arrays["late"]) == 18


def strongest(peaks, layer, maps, number, each):
    """Return a channel's top patches, as on the page."""
    one = [top_patches.channel_peaks(found, number) for found in peaks]
    filled = top_patches.complete_peaks(one, layer, lambda picture: maps[picture][number - 1])
    return top_patches.rank_patches(filled if each > 1 else one, each)[0]


def most_active(network, photograph, layer, row, column, back_to):
    """Return the specification of LRP for the most active map at a position."""
    values = network.feature_maps(photograph, layer.name)[:, row, column]
    return AttributionSpec(layer, int(values.argmax()) + 1, row, column, back_to, "lrp")


def test_attribution_scripts_reproduce_those_of_the_untrained_network(
    tmp_path, untrained_network, photograph
):
    early, layer, deep = map(VGG19.conv_layer, ("block1_conv2", "block2_conv2", "block4_conv2"))
    specs = {
        "pixels": AttributionSpec(layer, 3, 0, 50, "input"),
        "maps": AttributionSpec(layer, 100, 111, 111, "block1_conv2"),
        "slope": AttributionSpec(layer, 3, 60, 50, "input", "gradient"),
        "guided_backpropagation": AttributionSpec(
            layer, 3, 60, 50, "input", "guided_backpropagation"
        ),
        "deconvnet": AttributionSpec(layer, 3, 60, 50, "block1_conv1", "deconvnet"),
        "colors": AttributionSpec(layer, 3, 1, 111, "input", "deconvnet"),
        "integrated_gradients": AttributionSpec(early, 5, 7, 0, "input", "integrated_gradients"),
        "wrong": AttributionSpec(early, 5, 7, 0, "block1_conv1", "integrated_gradients"),
        "lrp": most_active(untrained_network, photograph, layer, 0, 50, "input"),
        "deep": most_active(untrained_network, photograph, deep, 27, 3, "block3_conv2"),
    }
    assert {spec.method for spec in specs.values()} == set(ATTRIBUTION_METHODS)
    numbers = {"maps": [5, 1, 64], "deconvnet": [9], "wrong": [2, 3], "deep": [7, 200]}
    runs = [
        AttributionRun(
            name,
            "untrained",
            "rgb" if name == "wrong" else "caffe",
            photograph,
            spec,
            numbers.get(name, [1, 2, 3]),
            name == "pixels",
            name == "colors",
        )
        for name, spec in specs.items()
    ]
    text = attribution_script(runs, caption=NASTY, link="https://example.org/?view=Maps")
    assert set(imports(text)) <= ALLOWED | {"tensorflow"}
    arrays, said = run(text, tmp_path)
    told = iter([line for line in said.splitlines() if "value " in line])
    for one in runs:
        found, _ = outcome(attribute(untrained_network, photograph, one.spec, one.preprocessing))
        expected = array_of(one, found)
        assert (arrays[one.name].shape, arrays[one.name].dtype) == (expected.shape, expected.dtype)
        off = np.linalg.norm(arrays[one.name] - expected.astype(np.float64))
        # In float32, a ReLU or max pooling may decide differently, most likely at 50 points.
        method = ATTRIBUTION_METHODS[one.spec.method]
        assert off < (1e-2 if method.many_passes else 1e-4) * np.linalg.norm(expected)
        if method.completeness:
            total, *terms, value = map(float, re.findall(r"-?\d[\d.]*(?:e-?\d+)?", next(told)))
            expected = [getattr(found, term.field) for term in method.completeness.terms]
            assert total == pytest.approx(found.total, rel=2e-2)
            assert terms == pytest.approx(expected, rel=1e-3)
            assert value == pytest.approx(found.value, rel=1e-3)
    assert next(told, None) is None


def test_a_script_prints_the_sum_of_bias_terms(biased_network, photograph):
    import tensorflow as tf

    functions = {"tf": tf, "np": np}
    exec(script_code.ATTRIBUTION, functions)
    x = tf.constant(preprocess(photograph))
    value, _, biases = functions["forward_backward"](
        biased_network.model, 0, x, "block2_conv2", (3, 1, 51)
    )
    spec = AttributionSpec(VGG19.conv_layer("block2_conv2"), 3, 0, 50, "input")
    found, _ = outcome(attribute(biased_network, photograph, spec))
    assert value == pytest.approx(found.value, rel=1e-4)
    assert biases == pytest.approx(found.bias_sum, rel=1e-4)
    assert abs(biases) > 0.1


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({"row": 112}, [1]),
        ({"back_to": "block3_conv1"}, [1]),
        ({"method": "saliency"}, [1]),
        ({}, [4]),
        ({}, []),
    ],
)
def test_invalid_attribution_runs_are_refused(changes, numbers, photograph):
    spec = replace(AttributionSpec(VGG19.conv_layer("block2_conv1"), 1, 0, 0, "input"), **changes)
    with pytest.raises(ValueError, match="expected"):
        AttributionRun("pixels", "untrained", "caffe", photograph, spec, numbers)


def ablated_run(photograph, **changes):
    """Return a function that makes a run from the fields that a test changes."""
    values = {
        "name": "without",
        "network": WeightsFile("biased.h5"),
        "preprocessing": "caffe",
        "pixels": photograph,
        "layer_name": "block2_conv1",
        "numbers": [5, 3, 128],
        "ablated_in": "block1_conv2",
        "ablated": (4, 17, 30),
    }
    return AblationRun(**(values | changes))


def test_later_maps_are_computed_without_ablated_maps(tmp_path, biased_network, photograph):
    file, numbers = WeightsFile("biased.h5"), [5, 3, 128]
    write_keras_weights(tmp_path / file.name, BiasedWeights())
    runs = [
        MapsRun("before", file, "caffe", photograph, "block2_conv1", numbers),
        ablated_run(photograph),
        ablated_run(photograph, name="far", layer_name="block3_conv2", ablated=range(5, 6)),
    ]
    text = maps_script(runs, caption=NASTY, link="https://example.org/?ablated=4", difference="d")
    assert set(imports(text)) <= ALLOWED
    assert max(map(len, text.splitlines())) <= 100
    arrays, _ = run(text, tmp_path)
    assert list(arrays) == ["before", "without", "far", "d"]
    source = VGG19.conv_layer("block1_conv2")
    maps = biased_network.feature_maps(photograph, source.name)
    for one in runs[1:]:
        quiet, wanted = ablate(maps, one.ablated), VGG19.conv_layer(one.layer_name)
        found, _ = outcome(later_maps(biased_network, source, quiet, wanted))
        assert_near(arrays[one.name], found[np.array(one.numbers) - 1])
    # The network that they are taken from stays as it is.
    before = biased_network.feature_maps(photograph, "block2_conv1")[[4, 2, 127]]
    assert_near(arrays["before"], before)
    assert np.abs(arrays["d"]).max() > 0.01 * np.abs(before).max()
    np.testing.assert_array_equal(arrays["d"], arrays["without"] - arrays["before"])


@pytest.mark.parametrize(
    "changes",
    [
        {"ablated": []},
        {"ablated": [65]},
        {"ablated": [0]},
        {"ablated_in": "block2_conv1"},
        {"ablated_in": "block3_conv1"},
        {"numbers": [129]},
        {"network": "other"},
    ],
    ids=str,
)
def test_invalid_ablation_runs_are_refused(changes, photograph):
    with pytest.raises(ValueError, match="expected"):
        ablated_run(photograph, **changes)


def test_invalid_patches_runs_are_refused(photograph):
    for pictures, channels, each in (
        ([], [1], 1),
        ([photograph[:5]], [1], 1),
        ([photograph], [65], 1),
        ([photograph], [1], 0),
    ):
        with pytest.raises(ValueError, match="expected"):
            PatchesRun("patches", "untrained", pictures, "block1_conv1", channels, each)


def test_optimized_images_match_those_of_the_same_seed(tmp_path, untrained_network, monkeypatch):
    monkeypatch.setattr(optimization, "STEPS", {1: 12, 2: 6, 3: 3, 4: 2, 5: 2})
    runs = [
        OptimizationScriptRun("first", "untrained", "block1_conv1", [64, 3], 5, "pixels"),
        OptimizationScriptRun("early", "untrained", "block2_conv1", range(3, 21), 0, "regularized"),
        OptimizationScriptRun("even", "untrained", "block1_conv2", [9], 2**31, "regularized"),
        OptimizationScriptRun("later", "untrained", "block3_conv2", [200], 5, "regularized"),
        OptimizationScriptRun("last", "untrained", "block5_conv3", [7], 5, "regularized"),
    ]
    text = optimization_script(runs, caption=NASTY, link="https://example.org/?view=Made")
    assert set(imports(text)) <= ALLOWED | {"tensorflow"}
    assert max(map(len, text.splitlines())) <= 100
    arrays, _ = run(text, tmp_path)
    assert list(arrays) == [name for one in runs for name in (one.name, f"{one.name}_value")]
    for one in runs:
        layer = VGG19.conv_layer(one.layer_name)
        spec = optimization.OptimizationSpec(
            untrained_network, layer, one.seed, one.parametrization
        )
        making = optimization.OptimizationRun(spec, one.channels)
        while not making.finished:
            making.advance()
        images = making.images().values()
        pictures, values = arrays[one.name], arrays[f"{one.name}_value"]
        assert (pictures.dtype, values.dtype) == (np.uint8, np.float32)
        expected = np.stack([image.pixels for image in images])
        np.testing.assert_array_equal(pictures, expected)
        claimed = np.array([image.value for image in images], np.float32)
        np.testing.assert_allclose(values, claimed, rtol=1e-5)


def test_a_script_of_optimized_images_has_only_what_it_needs():
    networks = ["imagenet", "untrained", WeightsFile("some.h5")]
    for network in networks:
        for parametrization, canvas in (("regularized", "Frequencies"), ("pixels", "Pixels")):
            text = optimization_script(
                [OptimizationScriptRun("made", network, "block4_conv1", [1], 0, parametrization)]
            )
            tree = ast.parse(text)
            names = {one.name for one in tree.body if hasattr(one, "name")}
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert names & {"Frequencies", "Pixels"} == {canvas}
            assert names - {"main"} <= used
            (call, _) = calls(text, "optimize_images")
            settings = {one.arg: one.value for one in call.keywords}
            # What is not smaller than its field lies amid nothing.
            assert set(settings) == {"side", "seeds", "steps", "batch"}
            assert ast.literal_eval(settings["steps"]) == optimization.STEPS[4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": [65]}, "expected numbers from 1 to 64"),
        ({"channels": []}, "expected numbers from 1 to 64"),
        ({"seed": -1}, "expected a seed from 0, got -1"),
        ({"parametrization": "os.abort"}, "expected regularized or pixels, got 'os.abort'"),
        ({"network": "os.abort"}, "expected imagenet, untrained or a WeightsFile"),
        ({"layer_name": "block1_pool"}, "expected a conv layer"),
    ],
)
def test_invalid_optimization_runs_are_refused(changes, message):
    values = {
        "name": "made",
        "network": "untrained",
        "layer_name": "block1_conv1",
        "channels": [1],
        "seed": 0,
        "parametrization": "regularized",
    }
    with pytest.raises(ValueError, match=message):
        OptimizationScriptRun(**(values | changes))


def test_scripts_run_where_this_package_cannot_be_imported(tmp_path):
    command = [sys.executable, "-I", "-c", "import vgg_viz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr


def test_maps_are_those_of_the_untrained_network(tmp_path, maps_run, untrained_network, photograph):
    mirrored = np.ascontiguousarray(photograph[:, ::-1])
    numbers = {"early": [64, 1, 7], "late": list(range(1, 513)), "turned": [5]}
    runs = [
        maps_run(name="early", numbers=numbers["early"]),
        maps_run(name="late", layer_name="block5_conv4", numbers=numbers["late"]),
        maps_run(name="turned", layer_name="block3_conv2", numbers=[5], pixels=mirrored),
        maps_run(name="early_rgb", preprocessing="rgb"),
        maps_run(name="late_rgb", preprocessing="rgb", layer_name="block5_conv4"),
    ]

    def ours(pixels, layer_name, wanted):
        return untrained_network.feature_maps(pixels, layer_name)[np.array(wanted) - 1]

    def by_rgb(layer_name):
        pixels = (photograph[None] / 255).astype(np.float32)
        maps = untrained_network.submodel(layer_name).predict_on_batch(pixels)
        return np.moveaxis(np.asarray(maps).reshape(maps[0].shape[-3:]), -1, 0)[:2]

    expected = {
        "early": ours(photograph, "block1_conv1", numbers["early"]),
        "late": ours(photograph, "block5_conv4", numbers["late"]),
        "turned": ours(mirrored, "block3_conv2", numbers["turned"]),
        "early_rgb": by_rgb("block1_conv1"),
        "late_rgb": by_rgb("block5_conv4"),
    }
    (tmp_path / "exported.npz").write_bytes(arrays_npz(expected, {}))
    arrays, said = run(maps_script(runs), tmp_path, "exported.npz", backend="torch")

    assert list(arrays) == list(expected)
    for name, array in expected.items():
        assert_near(arrays[name], array)
    for line, (name, array) in zip(said.splitlines(), expected.items(), strict=True):
        words, difference = line.split(": largest difference ")
        assert words == f"{name} {array.shape}"
        largest = np.abs(arrays[name].astype(np.float64) - array).max()
        assert float(difference) == pytest.approx(largest, rel=1e-5)


def test_evidence_is_that_of_the_untrained_network(
    tmp_path, evidence_run, untrained_network, photograph
):
    """All methods in one run, since it builds a network of 574 MB."""
    runs = [evidence_run(name=method, method=method) for method in EVIDENCE_METHODS]
    runs.append(evidence_run(name="both", difference=True))
    arrays, said = run(evidence_script(runs), tmp_path)

    maps = untrained_network.feature_maps(photograph, "block5_conv4")
    dense = HeldDense(UntrainedWeights().seed)
    answer = evidence.predict(dense, maps)
    assert_near(arrays["logits"], answer.logits)
    expected = [
        f"class {number}: {answer.probabilities[number]:.2%}" for number in answer.most_likely(5)
    ]
    assert said.splitlines()[:5] == expected
    gradients = [evidence.logit_gradient(dense, maps, answer, number).values for number in (281, 3)]
    for method in (one for one in EVIDENCE_METHODS.values() if one.function):
        expected = [resolve(method.function)(maps, values) for values in gradients]
        assert_near(arrays[method.name], np.stack(expected))
    away = evidence.logit_drop_by_position(dense, maps)[..., [281, 3]].transpose(2, 0, 1)
    # A difference of two logits is as exact as they are.
    rounding = 3e-6 * np.abs(answer.logits).max()
    assert np.abs(away).max(axis=(1, 2)).min() > 100 * rounding
    np.testing.assert_allclose(arrays["ablation"], away, rtol=0, atol=rounding)
    first, second = arrays["gradcam"]
    np.testing.assert_array_equal(arrays["both"], [first, second, first - second])


def test_evidence_in_several_networks_has_the_logits_of_each(evidence_run, photograph):
    mirrored = np.ascontiguousarray(photograph[:, ::-1])
    runs = [
        evidence_run(name="this"),
        evidence_run(name="same", method="ablation"),
        evidence_run(name="other", network=WeightsFile("some.h5")),
        evidence_run(name="turned", pixels=mirrored),
        evidence_run(name="wrong", preprocessing="rgb"),
    ]
    text = evidence_script(runs)
    arguments = [ast.unparse(call).split("(", 1)[1] for call in calls(text, "predict")]
    assert arguments == [
        "untrained(), caffe, PICTURES[0])",
        "from_file('some.h5'), caffe, PICTURES[0])",
        "untrained(), caffe, PICTURES[1])",
        "untrained(), rgb, PICTURES[0])",
    ]
    for name in ("this", "other", "turned", "wrong"):
        assert f"'{name}_logits': predict(" in text
    assert "'same_logits'" not in text


@pytest.mark.parametrize("method", EVIDENCE_METHODS)
def test_a_script_of_evidence_has_the_functions_that_it_needs(evidence_run, method):
    text = evidence_script([evidence_run(method=method)])
    names = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    functions = {one.script_function for one in EVIDENCE_METHODS.values()}
    used_one = EVIDENCE_METHODS[method].script_function or "position_ablation"
    assert names & {"position_ablation", *functions} == {used_one}
    assert names - {"main"} <= used
    assert ("import tensorflow" in text) == (method != "ablation")


def test_scripts_of_evidence_have_the_whole_network(evidence_run):
    networks = ["imagenet", "untrained", WeightsFile("some.h5")]
    weights = []
    for network in networks:
        text = evidence_script([evidence_run(network=network)])
        assert set(imports(text)) <= ALLOWED_FOR_EVIDENCE
        assert max(map(len, text.splitlines())) <= 100
        (call,) = calls(text, "VGG19")
        arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        weights.append(arguments.pop("weights"))
        assert arguments == {"classifier_activation": None}
    assert weights == ["imagenet", None, None]
    (call,) = calls(text, "load_weights")
    assert ast.literal_eval(call.keywords[0].value) is True


def test_each_kind_of_run_has_its_script(maps_run, evidence_run):
    filters = FiltersRun("f", "untrained", "block1_conv1", [1], [1])
    words = {"caption": ["Some words"], "link": "https://example.org/"}
    assert write_script([filters], **words) == filters_script([filters], **words)
    runs = [evidence_run()]
    assert write_script(runs, **words) == evidence_script(runs, **words)
    made = [OptimizationScriptRun("m", "untrained", "block1_conv1", [1], 0, "pixels")]
    assert write_script(made, **words) == optimization_script(made, **words)
    maps = [maps_run(name="this"), maps_run(name="other")]
    expected = maps_script(maps, difference="minus", **words)
    assert write_script(maps, difference="minus", **words) == expected
    assert "arrays['minus'] = arrays['other'] - arrays['this']" in expected


def test_filters_are_those_of_the_untrained_network(tmp_path, untrained_network):
    runs = [
        FiltersRun("first", "untrained", "block1_conv1", range(1, 65), [3, 1]),
        FiltersRun("last", "untrained", "block5_conv4", [512, 1, 100], range(200, 210)),
        FiltersRun("colors", "untrained", "block1_conv1", [64, 2], [1, 2, 3], as_colors=True),
    ]
    arrays, said = run(filters_script(runs), tmp_path)

    kernel = UntrainedWeights().read
    first = kernel("block1_conv1")[0].transpose(3, 2, 0, 1)[:, [2, 0]]
    last = kernel("block5_conv4")[0].transpose(3, 2, 0, 1)[[511, 0, 99], 199:209]
    np.testing.assert_array_equal(arrays["first"], first)
    np.testing.assert_array_equal(arrays["last"], last)
    for picture, number in zip(arrays["colors"], [64, 2], strict=True):
        weights = kernel("block1_conv1")[0][..., ::-1, number - 1]  # height, width, red to blue
        assert picture.dtype == np.uint8
        np.testing.assert_allclose(picture / 127.5 - 1, weights / np.abs(weights).max(), atol=0.005)
    shapes = ["first (64, 2, 3, 3)", "last (3, 10, 3, 3)", "colors (2, 3, 3, 3)"]
    assert said.splitlines() == shapes


def test_maps_are_those_of_a_weights_file_beside_the_script(tmp_path, maps_run, photograph):
    weights = UntrainedWeights(seed=7)
    name = 'it\'s a "file".h5'
    write_keras_weights(tmp_path / name, weights)
    script = maps_script([maps_run(network=WeightsFile(name), layer_name="block3_conv4")])

    arrays, _ = run(script, tmp_path, backend="jax")
    assert_near(arrays["maps"], Network(weights).feature_maps(photograph, "block3_conv4")[:2])


def test_imagenet_is_keras_own(maps_run):
    for script in (
        maps_script([maps_run(network="imagenet")]),
        filters_script([FiltersRun("filters", "imagenet", "block1_conv1", [1], [1])]),
    ):
        (call,) = calls(script, "VGG19")
        assert ast.unparse(call.func) == "keras.applications.VGG19"
        assert call.args == []
        arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        assert arguments == {
            "weights": "imagenet",
            "include_top": False,
            "input_shape": (224, 224, 3),
        }


def test_scripts_import_only_packages_that_come_with_keras(maps_run):
    networks = ["imagenet", "untrained", WeightsFile("some.h5")]
    runs = [maps_run(name=f"maps_{n}", network=network) for n, network in enumerate(networks)]
    filters = [FiltersRun("f", network, "block1_conv1", [1], [1]) for network in networks[:1]]
    for script in (maps_script(runs), filters_script(filters)):
        assert set(imports(script)) <= ALLOWED


def test_a_script_is_short(maps_run):
    script = maps_script([maps_run(), maps_run(name="other", preprocessing="rgb")])
    code = script[script.index("import base64") : script.index("PICTURES = [")]
    assert len([line for line in code.splitlines() if line.strip()]) < 80
    assert max(map(len, script.splitlines())) <= 100


def test_a_script_says_where_it_comes_from(maps_run):
    from vgg_viz import __version__

    link = "http://localhost:8501/?view=maps&layer=block1_conv1"
    script = maps_script([maps_run()], caption=["block1_conv1", "Picture: Cat"], link=link)
    for line in (f"# Written by VGG Viz {__version__}", "# Picture: Cat", f"# {link}"):
        assert line in script.splitlines()


@pytest.mark.parametrize("words", NASTY)
def test_text_from_outside_changes_no_code(maps_run, evidence_run, words):
    filters = FiltersRun("f", "untrained", "block1_conv1", [1], [1])
    made = OptimizationScriptRun("m", "untrained", "block1_conv1", [1], 0, "regularized")
    for one in (maps_run(), filters, evidence_run(), made):
        write = write_script
        harmless = write([one])
        script = write([one], caption=[words, words], link=words)
        # As bytes: the file's encoding must not follow from the words either.
        assert ast.dump(ast.parse(script.encode())) == ast.dump(ast.parse(harmless))
        compile(script.encode(), "script.py", "exec")


@pytest.mark.parametrize("words", NASTY)
def test_a_file_name_from_outside_stays_a_string(maps_run, words):
    network = WeightsFile(f"{words}.h5")
    script = maps_script([maps_run(network=network)])
    (call,) = calls(script, "from_file")
    assert ast.literal_eval(call.args[0]) == beside_script(network.name)
    assert script.isascii()


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("mine.h5", "mine.h5"),
        ("mine.hdf5", "mine.hdf5"),
        ("/some/folder/mine.h5", "mine.h5"),
        ("C:\\folder\\mine.h5", "mine.h5"),
        # Keras would read these in another way, or not at all.
        ("mine.weights.h5", "mine.weights.h5.h5"),
        ("mine", "mine.h5"),
        ("imagenet", "imagenet.h5"),
    ],
)
def test_the_weights_file_has_an_ending_that_keras_reads(name, beside):
    assert beside_script(name) == beside


def test_a_repeated_image_is_stored_once(maps_run, photograph):
    mirrored = np.ascontiguousarray(photograph[:, ::-1])
    once = maps_script([maps_run(name="a"), maps_run(name="b", pixels=photograph.copy())])
    twice = maps_script([maps_run(name="a"), maps_run(name="b", pixels=mirrored)])
    assert once.count("iVBORw0KGgo") == 1
    assert twice.count("iVBORw0KGgo") == 2


def test_the_pictures_are_the_very_pixels(maps_run, photograph, tmp_path):
    import base64

    tree = ast.parse(maps_script([maps_run()]))
    (pictures,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PICTURES"
    )
    path = tmp_path / "picture.png"
    path.write_bytes(base64.b64decode(ast.literal_eval(pictures)[0]))
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), photograph)


@pytest.mark.parametrize(
    ("numbers", "written"),
    [
        (range(1, 65), "range(1, 65)"),
        ([7], "range(7, 8)"),
        ([2, 1], "[2, 1]"),
        (np.array([5, 6]), "range(5, 7)"),
        (np.array([5, 7]), "[5, 7]"),
    ],
)
def test_numbers_are_a_range_where_they_can_be(maps_run, numbers, written):
    (call,) = calls(maps_script([maps_run(numbers=numbers)]), "feature_maps")
    assert ast.unparse(call.args[-1]) == written


def test_many_numbers_in_any_order(maps_run):
    numbers = np.random.default_rng(0).permutation(512) + 1
    script = maps_script([maps_run(layer_name="block5_conv4", numbers=numbers)])
    (call,) = calls(script, "feature_maps")
    assert ast.literal_eval(call.args[-1]) == numbers.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": [0]}, "expected numbers from 1 to 64"),
        ({"numbers": [65]}, "expected numbers from 1 to 64"),
        ({"numbers": []}, "expected numbers from 1 to 64"),
        ({"pixels": np.zeros((224, 224), np.uint8)}, "expected a picture"),
        ({"pixels": np.zeros((224, 224, 3), np.float32)}, "expected a picture"),
        ({"preprocessing": "caffe()"}, "expected caffe or rgb"),
        ({"network": "os.abort"}, "expected imagenet, untrained or a WeightsFile"),
        ({"layer_name": "block1_pool"}, "expected a conv layer"),
    ],
)
def test_invalid_maps_runs_are_refused(maps_run, changes, message):
    with pytest.raises(ValueError, match=message):
        maps_run(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": [1000]}, "expected numbers from 0 to 999"),
        ({"classes": [-1]}, "expected numbers from 0 to 999"),
        ({"classes": []}, "expected numbers from 0 to 999"),
        ({"classes": [1], "difference": True}, "expected two classes for a difference"),
        ({"method": "smoothgrad"}, "expected ablation, gradcam, hirescam, layercam"),
        ({"pixels": np.zeros((224, 224), np.uint8)}, "expected a picture"),
        ({"preprocessing": "caffe()"}, "expected caffe or rgb"),
        ({"network": "os.abort"}, "expected imagenet, untrained or a WeightsFile"),
    ],
)
def test_invalid_evidence_runs_are_refused(evidence_run, changes, message):
    with pytest.raises(ValueError, match=message):
        evidence_run(**changes)


@pytest.mark.parametrize("names", [["logits"], ["a", "a"], []])
def test_names_that_evidence_cannot_have_are_refused(evidence_run, names):
    with pytest.raises(ValueError, match="different names"):
        evidence_script([evidence_run(name=name) for name in names])


@pytest.mark.parametrize("names", [[], ["a", "a"], ["no name"], ["file"], ['"']])
def test_names_that_arrays_cannot_have_are_refused(maps_run, names):
    with pytest.raises(ValueError, match="expected"):
        maps_script([maps_run(name=name) for name in names])


def test_invalid_filters_runs_are_refused():
    with pytest.raises(ValueError, match="from 1 to 3"):
        FiltersRun("f", "untrained", "block1_conv1", [1], [4])
    with pytest.raises(ValueError, match="channels 1, 2 and 3"):
        FiltersRun("f", "untrained", "block1_conv2", [1], [3, 2, 1], as_colors=True)
    with pytest.raises(ValueError, match="from 1 to 64"):
        FiltersRun("f", "untrained", "block1_conv1", [65], [1])
    with pytest.raises(ValueError, match="WeightsFile"):
        FiltersRun("f", "os.abort", "block1_conv1", [1], [1])
