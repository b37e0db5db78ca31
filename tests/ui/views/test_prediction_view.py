"""The Prediction view: classes, evidence and important maps against a direct computation."""

import io
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import network_of, open_page
from tests.support.truth import COMPARED, Truth
from tests.support.weights_files import write_hollow_weights
from vgg_viz.export.number_format import figure, signed
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence import Prediction
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.experiments.map_distance import map_distance
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.model.weights import open_weights
from vgg_viz.option import resolve
from vgg_viz.ui.parts import adversarial_example, map_distances
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.views import prediction_view
from vgg_viz.ui.widgets import class_list
from vgg_viz.ui.widgets.class_list import ClassTarget
from vgg_viz.ui.widgets.text_blocks import escape

LAST = "block5_conv4"
PREDICTION = {"view": "prediction"}


def listed(page, name="classes-0"):
    return page.inspected(name)["rows"]


def evidence_of(page, name="evidence-0"):
    """Return the header of the evidence and its values, float32 (n, 14, 14)."""
    header, rest = page.part(name)
    values = rest[sum(header["parts"][:2]) :]
    return header, np.frombuffer(values, "<f4").reshape(-1, 14, 14)


@cache
def predicted(truth: Truth, **other: str) -> tuple[np.ndarray, Prediction]:
    maps = truth.maps(LAST, **other)
    return maps, evidence.predict(UntrainedDense(19), maps)


def test_most_likely_classes_are_listed_with_probability_and_logit(truth):
    _, found = predicted(truth)
    page = open_page(**PREDICTION, classes="7")
    assert "these classes are chance" not in page.texts
    rows = listed(page)
    order = np.argsort(-found.logits)[:7]
    assert [row["number"] for row in rows] == order.tolist()
    shares = [row["share"] for row in rows]
    np.testing.assert_allclose(shares, found.probabilities[order], rtol=1e-4)
    assert [row["logit"] for row in rows] == [signed(float(found.logits[i])) for i in order]
    assert [row["chosen"] for row in rows] == [True] + 6 * [False]


def test_large_logits_of_untrained_weights_are_explained_beside_the_bars(truth):
    words = "**Untrained: these classes are chance.** Random weights give large logits, here up to"
    _, found = predicted(truth, network="untrained")
    page = open_page(**PREDICTION, network="Untrained")
    for _ in ("the page", "a lecture"):
        assert f"{words} ±{figure(float(np.abs(found.logits).max()), 2)}," in page.texts
        page.press("lecture-switch")


def test_chosen_class_is_listed_however_unlikely(truth):
    _, found = predicted(truth)
    least = int(found.logits.argmin())
    rows = listed(open_page(**PREDICTION, **{"class": str(least)}))
    assert [row["number"] for row in rows][5:] == [least]
    assert rows[5]["chosen"]
    assert rows[5]["probability"] == "< 0.1%"


def test_lecture_shows_wordnet_id_only_for_ambiguous_names():
    rows = listed(open_page(**PREDICTION, lecture="true", **{"class": "134"}))
    assert {row["name"]: row["detail"] for row in rows}["crane"] == "n02012849 · class 134"
    assert [row["detail"] for row in rows if row["name"] != "crane"] == 5 * [""]


def test_evidence_equals_each_methods_own_result(truth):
    maps, found = predicted(truth)
    dense = UntrainedDense(19)
    gradients = evidence.logit_gradient(dense, maps, found, 7).values
    page = open_page(**PREDICTION, **{"class": "7"}, evidence="All four")
    header, values = evidence_of(page)
    for method, shown_values in zip(EVIDENCE_METHODS.values(), values, strict=True):
        function = method.function
        expected = (
            resolve(function)(maps, gradients)
            if function
            else evidence.logit_drop_by_position(dense, maps)[:, :, 7]
        )
        np.testing.assert_allclose(shown_values, expected, atol=1e-4 * np.abs(expected).max())
    assert header["titles"] == ["Ablation", "Grad-CAM", "HiResCAM", "LayerCAM"]
    # HiResCAM's positions and bias terms sum to the logit.
    logit = figure(float(found.logits[7]))
    words = page.texts.replace("\\", "")
    assert f"together {logit}; the network's logit is {logit}." in words
    page.choose("evidence", "layercam")
    header, values = evidence_of(page)
    np.testing.assert_allclose(values[0], expected, atol=1e-4 * np.abs(expected).max())
    assert header["titles"] == ["made up 7"]


def test_two_classes_are_shown_beside_their_difference(truth):
    page = open_page(**PREDICTION, **{"class": "7"}, against="3", evidence="All four")
    header, values = evidence_of(page)
    assert header["heads"] == ["made up 7", "made up 3", "Difference"]
    assert header["titles"][::3] == ["Ablation", "Grad-CAM", "HiResCAM", "LayerCAM"]
    np.testing.assert_allclose(values[2::3], values[::3] - values[1::3], atol=1e-5)
    scale = "each method on its own scale for both classes, their difference on another"
    assert any(scale in words for words in page.captions)
    one = open_page(**PREDICTION, **{"class": "7"}, against="3", evidence="LayerCAM")
    header, values = evidence_of(one)
    assert header["titles"] == ["made up 7", "made up 3", "Difference"]
    scale = "one scale for both classes, their difference on another, zero in the middle"
    assert any(scale in words for words in one.captions)
    # The difference stays visible where two classes have much in common.
    tinted = overlay(one, "evidence-0").reshape(14, 3, 14, 4)[..., 3]
    largest = np.abs(values).max(axis=(1, 2))
    both = largest[:2].max()
    expected = 0.75 * np.array([largest[0] / both, largest[1] / both, 1])
    np.testing.assert_allclose(tinted.max(axis=(0, 2)) / 255, expected, atol=0.02)
    assert largest[2] < both
    alone = open_page(**PREDICTION, **{"class": "7"})
    assert any("one scale, zero in the middle" in words for words in alone.captions)


def test_two_classes_are_both_listed_and_their_logits_difference_is_a_number(truth):
    _, found = predicted(truth)
    chosen, against = map(int, np.argsort(found.logits)[[10, 300]])
    page = open_page(**PREDICTION, **{"class": str(chosen)}, against=str(against))
    rows = listed(page)
    assert [row["number"] for row in rows[5:]] == [chosen, against]
    assert [row["chosen"] for row in rows[5:]] == [True, False]
    assert [row["detail"].endswith("rather than this") for row in rows[5:]] == [False, True]
    difference = float(found.logits[chosen]) - float(found.logits[against])
    words = page.texts.replace("\\", "")
    assert f"= **{signed(difference)}**" in words
    assert "these change the difference of the two logits most" in words
    assert "The difference of two logits alone decides" in words
    assert "red is evidence for made up" in words


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        ((3.0, 1.0), "made up 0 is 7.4 times as probable as made up 1."),
        ((1.0, 3.0), "made up 1 is 7.4 times as probable as made up 0."),
        ((5e4, -5e4), "made up 0 is more than 1,000,000 times as probable as made up 1."),
    ],
)
def test_ratio_of_two_probabilities_follows_from_their_logits(logits, words):
    names = SimpleNamespace(name=lambda index: f"made up {index}")
    found = SimpleNamespace(
        names=names, output="softmax", prediction=lambda: SimpleNamespace(logits=logits)
    )
    sentence = prediction_view.difference_words(found, ClassTarget(0, 1))
    assert sentence.endswith(words)


@pytest.mark.parametrize("kind", ["picture", "network"])
def test_halves_of_one_network_are_on_one_scale(kind):
    page = open_page(**PREDICTION, **{"class": "7"}, other="raccoon", compare=kind)
    opacities = [overlay(page, f"evidence-{half}")[..., 3].max() / 255 for half in (0, 1)]
    largest = [np.abs(evidence_of(page, f"evidence-{half}")[1]).max() for half in (0, 1)]
    if kind == "picture":
        np.testing.assert_allclose(opacities, 0.75 * np.array(largest) / max(largest), atol=0.02)
        note = "one scale for both images, zero in the middle"
    else:
        np.testing.assert_allclose(opacities, 0.75, atol=0.02)
        note = "one scale, not that of the other half, zero in the middle"
    assert sum(note in words for words in page.captions) == 2


def overlay(page, name):
    """Return the heatmap overlays of a grid, RGBA."""
    header, rest = page.part(name)
    return np.asarray(Image.open(io.BytesIO(rest[: header["parts"][0]])).convert("RGBA"))


def test_important_maps_are_ranked_by_their_ablation(truth):
    maps, _ = predicted(truth)
    effects = evidence.logit_drop_by_map(UntrainedDense(19), maps)[:, 7]
    page = open_page(**PREDICTION, **{"class": "7"}, important_maps="9")
    for side, effects_for, sign in (("for", effects, "+"), ("against", -effects, "−")):
        header, _ = page.choose("side", side).part("important-maps-0")
        numbers = (np.argsort(-effects_for, kind="stable")[:9] + 1).tolist()
        assert header["numbers"] == numbers
        assert header["titles"][0].startswith(f"{numbers[0]} · {sign}")


@pytest.mark.parametrize("kind", ["picture", "network"])
def test_two_predictions_are_shown_side_by_side(truth, kind, monkeypatch):
    for part in ("show_heatmaps", "show_reading", "show_important_maps"):
        monkeypatch.setattr(prediction_view, part, lambda *_, **__: None)
    other = {"picture": "raccoon"} if kind == "picture" else {"network": "untrained"}
    page = open_page(**PREDICTION, other="Raccoon").choose("compare", kind)
    for name, (_, found) in {
        "classes-0": predicted(truth),
        "classes-1": predicted(truth, **other),
    }.items():
        rows = listed(page, name)[:5]
        assert [row["number"] for row in rows] == found.most_likely(5)
    assert all(f"**{escape(name)}**" in page.texts for name in COMPARED[kind])


def test_inactive_maps_give_no_evidence(monkeypatch):
    """With all maps zero, nothing is divided by zero, and the page says so."""
    monkeypatch.setattr(
        "vgg_viz.ui.parts.layer_maps.LayerMaps.values",
        lambda self: np.zeros(self.layer.output_shape[::-1], np.float32),
    )
    page = open_page(**PREDICTION, picture="Coffee", **{"class": "7"}, evidence="All four")
    assert "Grad-CAM finds **no evidence for made up 7**." in page.texts
    assert page.info[0].value == "No map is evidence for made up 7."


def test_a_file_of_convolutions_alone_offers_no_retry(tmp_path):
    path = tmp_path / "convolutions.h5"
    write_hollow_weights(path)
    with network_of(open_weights(path)):
        page = open_page(**PREDICTION)
    (info,) = page.info
    assert "weights of convolutions\\.h5 end with the convolutions" in info.value
    assert not [button for button in page.button if button.label == "Retry"]


def test_overflow_is_reported_in_a_sentence(monkeypatch):
    monkeypatch.setattr(
        UntrainedDense, "bias", lambda self, layer: np.full(layer.units, np.inf, np.float32)
    )
    page = open_page(**PREDICTION, picture="Bricks")
    assert "activations overflow float32" in page.warning[0].value
    assert "classes-0" not in page.payloads


@pytest.mark.parametrize(
    ("number", "changes"), [(5, {"class": 5}), (3, {"class": 3, "against": 7}), (1000, None)]
)
def test_a_click_on_the_second_class_exchanges_both(monkeypatch, number, changes):
    made = []
    monkeypatch.setattr(class_list.state, "change", made.append)
    monkeypatch.setattr(class_list.component_values, "raw_value", lambda _: number)
    class_list.pick("classes-0", ClassTarget(7, 3), 1000)
    assert made == ([changes] if changes else [])


def test_the_untrained_network_has_deletion_curves_and_no_adversarial_example():
    page = open_page(view="Prediction", network="untrained", adversarial="1")
    assert "Mean logit along the curve" not in page.texts
    page.choose("deletion", True)
    words = page.texts.replace("\\", "").partition("Mean logit along the curve: ")[2]
    assert all(method.label in words for method in EVIDENCE_METHODS.values())
    assert "Random order" in words
    assert page.query_params["deletion"] == "true"
    assert "Not offered for the untrained network" in page.texts
    assert "adversarial-0" not in page.payloads


def test_an_adversarial_example_is_shown_beside_its_magnified_change(truth, monkeypatch):
    """`adversarial_example` has its tests in tests/interpretability/; here it changes columns."""
    cat = truth.pictures["cat"]
    change = np.broadcast_to(np.arange(224)[:, None] % 3 - 1, cat.shape)
    expected = np.clip(cat + change, 0, 255).astype(np.uint8)
    asked = []

    def changed_in_steps(_, __, pixels, *target_and_epsilon):
        asked.append(target_and_epsilon)
        yield 0.5
        return expected

    def distances(*sides):
        subjects.extend(side.picture.caption for side in sides)
        return 16 * [map_distance(*np.random.default_rng(5).random((2, 8, 14, 14)))]

    subjects = []
    monkeypatch.setattr(adversarial_example, "adversarial_example", changed_in_steps)
    monkeypatch.setattr(map_distances, "distances", distances)
    _, found = predicted(truth)
    first, second = found.most_likely(2)
    page = open_page(**PREDICTION, adversarial="4")
    assert asked == [(second, 4)]
    toward = f"Cat, changed by up to 4 gray levels toward made up {second} (stretched)"
    assert subjects == [toward, "Cat (stretched)"]
    assert len(page.get("vega_lite_chart")) == 1
    header, rest = page.part("adversarial-0")
    tiles = np.asarray(Image.open(io.BytesIO(rest)).convert("RGB"), np.int16)
    changed, difference = np.split(tiles, 2, axis=1)
    np.testing.assert_array_equal(changed, expected)
    np.testing.assert_array_equal(difference, np.rint(128 + (changed - cat) * 127 / 4))
    assert header["titles"] == ["changed image", "change × 32 (gray: none)"]
    built = shared().loaders["imagenet"].network().result()
    maps = built.feature_maps(expected, LAST)
    after = evidence.predict(UntrainedDense(19), maps)
    table = next(part.value for part in page.markdown if part.value.startswith("| Class"))
    assert [line.split(" | ")[0] for line in table.splitlines()[2:4]] == [
        f"| {escape(f'made up {index}')}" for index in (first, second)
    ]
    shares = [class_list.percentage(float(one.probabilities[second])) for one in (found, after)]
    assert [cell.strip("* |") for cell in table.splitlines()[3].split(" | ")[1:]] == shares
