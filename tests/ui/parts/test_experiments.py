"""Experiments: what each needs, its pictures and numbers, and two networks by layer."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.support.forged_values import states
from tests.support.pages import open_page
from tests.support.truth import MAPS
from tests.ui.page.test_sent_values import send
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.experiments.map_distance import map_distance
from vgg_viz.interpretability.experiments.network_similarity import LayerSimilarity
from vgg_viz.interpretability.experiments.occlusion import Occlusion, square_sums
from vgg_viz.interpretability.experiments.responses import LayerResponses
from vgg_viz.interpretability.feature_visualization.top_patches import TopPatch
from vgg_viz.interpretability.receptive_field import Area, Interval
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import UntrainedDense
from vgg_viz.samples import SAMPLES
from vgg_viz.ui.parts import (
    available_images,
    charts,
    grating_chart,
    map_distances,
    occlusion_map,
    response_curves,
    similar_positions,
)
from vgg_viz.ui.parts.charts import LinePoint
from vgg_viz.ui.state.selection import Selection
from vgg_viz.ui.widgets import export_menu

RESPONSES = LayerResponses(
    [-1, 0, 1],
    np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 1.0]]),
    np.array([[1.0, 1.0], [1.0, 2.0], [3.0, 3.0]]),
    np.zeros((3, 2)),
    np.array([0.5, 1.0, 0.25]),
)


def test_curves_are_relative_to_the_unchanged_image_and_left_out_where_that_is_zero():
    points = response_curves.layer_points(RESPONSES, Selection(1, (3, 4)))
    curves = {name: [p.y for p in points if p.curve == name] for _, name, *_ in points}
    assert curves == {
        "Correlation of all maps": [0.5, 1.0, 0.25],
        "Maximum of map 1": [0.5, 1.0, 2.0],
        "Mean of map 1": [1.0, 1.0, 3.0],
    }
    columns = response_curves.table(points)
    assert [column[3] for column in columns.values()] == [-1, "Maximum of map 1", 0.5, 1]


@pytest.mark.parametrize(
    ("experiment", "note"),
    [
        ("response", "Choose a change in the sidebar"),
        ("layers", "Choose a change in the sidebar"),
        ("distance", "or something to compare with"),
        ("similar", "then a position in it"),
        ("occlusion", "Click a map"),
        ("gratings", "Click a map"),
    ],
)
def test_each_experiment_says_what_it_needs(experiment, note):
    page = open_page(view="Feature maps", maps="4", tab="experiments", experiment=experiment)
    assert note in page.texts


def test_experiments_do_not_run_on_ablated_maps():
    ablated = {"layer": "block1_conv2", "ablated": "3", "ablated_in": "block1_conv1"}
    (note,) = open_page(view="Feature maps", maps="4", tab="experiments", **ablated).info
    assert note.value == "Experiments run the network without ablation: end the ablation first."


def test_a_line_leaves_out_what_is_no_number():
    points = [LinePoint(at, "one", y, y) for at, y in enumerate((1.0, float("nan"), 2.0))]
    (lines,) = charts.line_plot(points, "x", (0, 2), "y")["layer"]
    assert [row["x"] for row in lines["data"]["values"]] == [0, 2]


# -- the pictures and numbers on the page

LAYER = VGG19.layer("block5_conv1")  # values of larger maps are not sent to the browser
CHOSEN = {
    **{"view": "maps", "layer": LAYER.name, "maps": "4", "channel": "3", "row": "5", "column": "6"},
    "tab": "experiments",
}


@pytest.fixture
def tables(monkeypatch):
    """Return the columns of the CSV files that the page has offered, by name."""
    found = {}
    monkeypatch.setattr(
        export_menu, "offer_table", lambda name, _, columns: found.update({name: columns()})
    )
    return found


def drawn(page, name):
    """Return the values of a heatmap on the page, ``(height, width)``."""
    header, rest = page.part(name)
    values = np.frombuffer(rest[sum(header["parts"][:2]) :], "<f4")
    return values.reshape(round(values.size**0.5), -1)


def jobs_of(result):
    """Return a function that begins a job with this result."""

    def begin(*_):
        yield 0.5
        return result

    return begin


def test_the_heatmap_of_similar_positions_shows_the_cosines(truth, offered, monkeypatch):
    monkeypatch.setattr(similar_positions, "best_matches", lambda *_: [TopPatch(0, 0.75, 4, 5)])
    page = open_page(**CHOSEN, experiment="similar")
    maps = truth.maps(LAYER.name).astype(float)
    vector = maps[:, 4, 5]
    norms = np.linalg.norm(maps, axis=0) * np.linalg.norm(vector)
    expected = np.einsum("c,chw->hw", vector, maps) / np.where(norms > 0, norms, 1)
    np.testing.assert_allclose(drawn(page, "similar-here"), expected, atol=1e-5)
    legend = page.inspected("similar-here")["legend"]
    assert legend["labels"] == ["0", "1"]  # no cosine is negative
    assert len(set(legend["colors"])) > 7
    (best,) = offered["similar-elsewhere"].grids()
    cells = {name: list(column) for name, column in best.table().items()}
    assert [cells[name] for name in ("row", "column", "cosine")] == [[5], [6], [0.75]]


def test_the_heatmap_of_distances_shows_them_and_the_file_has_all_layers(truth, tables):
    page = open_page(**CHOSEN, experiment="distance", compare="picture", other="raccoon")
    found = map_distance(truth.maps(LAYER.name), truth.maps(LAYER.name, picture="raccoon"))
    np.testing.assert_allclose(
        drawn(page, "map-distance"), np.nan_to_num(found.distances), atol=1e-5
    )
    columns = tables["map-distance"]
    assert columns["layer"] == [layer.name for layer in VGG19.conv_layers]
    number = LAYER.conv_number - 1
    assert columns["mean_distance"][number] == pytest.approx(found.mean, abs=1e-6)


def test_the_heatmap_of_an_occlusion_shows_the_drops(monkeypatch, offered):
    drops = np.random.default_rng(1).normal(size=(14, 14, LAYER.filters))
    monkeypatch.setattr(occlusion_map, "occlusion", jobs_of(Occlusion(drops, -drops)))
    query = {name: value for name, value in CHOSEN.items() if name not in ("row", "column")}
    page = open_page(**query, picture="bricks", experiment="occlusion")
    np.testing.assert_allclose(drawn(page, "occlusion"), drops[:, :, 2], rtol=1e-6)
    assert len(page.inspected("occlusion")["legend"]["labels"]) == 3
    (tiles,) = offered["occlusion"].grids()
    np.testing.assert_allclose(tiles.values[0], drops[:, :, 2], rtol=1e-6)
    assert list(tiles.table()) == ["tile", "minimum", "maximum", "mean", "variance"]


def test_the_chart_and_the_file_of_gratings_have_the_responses(monkeypatch, tables):
    responses = np.random.default_rng(2).uniform(1, 2, (12, 8, LAYER.filters))
    monkeypatch.setattr(grating_chart, "grating_responses", jobs_of(responses))
    open_page(**CHOSEN, experiment="gratings", network="untrained")
    columns = tables["gratings"]
    np.testing.assert_array_equal(np.reshape(columns["response"], (12, 8)), responses[:, :, 2])
    assert columns["degrees"][8:10] == [15, 15]
    assert columns["period"][8:10] == [2, 3]
    rows = grating_chart.plot(responses[:, :, 2])["data"]["values"]
    assert rows[9] == {"degrees": 15, "period": 3, "response": responses[1, 1, 2]}


def test_the_occlusion_map_of_a_class_agrees_by_ranks(monkeypatch, truth):
    random = np.random.default_rng(3)
    drops = random.normal(size=(14, 14, 1000)).astype(np.float32)
    products = random.normal(size=(224, 224))
    monkeypatch.setattr(occlusion_map, "class_occlusion", jobs_of(drops))
    attributed = []

    def attribute(network, dense, pixels, weigh):
        attributed.append(weigh(evidence.Prediction(np.zeros(1000))))
        return jobs_of(products)()

    monkeypatch.setattr(occlusion_map, "pixel_attribution", attribute)
    page = open_page(view="prediction", occlusion="true", **{"class": "7"}, against="3")
    difference = drops[:, :, 7] - drops[:, :, 3]
    np.testing.assert_allclose(drawn(page, "class-occlusion-0"), difference, rtol=1e-6)
    table = next(part.value for part in page.markdown if "| Rank correlation |" in part.value)
    cells = dict(line.strip("| ").split(" | ") for line in table.splitlines()[2:])
    ablation = evidence.logit_drop_by_position(UntrainedDense(19), truth.maps("block5_conv4"))
    squares = square_sums(products, Area(*[Interval(0, 224)] * 2), 224)
    for label, values in {
        "Ablation": ablation[:, :, 7] - ablation[:, :, 3],
        "Input × gradient of the pixels": squares,
    }.items():
        expected = spearmanr(difference.ravel(), values.ravel()).statistic
        assert float(cells[label].replace("−", "-")) == pytest.approx(expected, abs=0.006)
    assert len(cells) == 5
    (weights,) = attributed
    assert (weights[7], weights[3], np.abs(weights).sum()) == (1, -1, 2)


# -- two networks by layer

DISTANCE = {**MAPS, "maps": "4", "tab": "experiments", "experiment": "distance"}
DISTANCE |= {"picture": "hopper"}  # whose distances no other test reads from the cache


def features(_, network, image):
    """Return random features in place of the channels' means; those of three layers are equal."""
    same = [layer.conv_number <= 3 for layer in VGG19.conv_layers]
    random = [
        np.random.default_rng([*image.title.encode(), index, 0 if equal else len(network.label)])
        for index, equal in enumerate(same)
    ]
    return [one.standard_normal(64) for one in random]


@pytest.fixture
def without_passes(monkeypatch):
    """Leave out the passes by which a layer's distances and means are measured."""
    found = map_distance(*np.random.default_rng(4).random((2, 8, 56, 56), np.float32))
    monkeypatch.setattr(map_distances, "distances_by_layer", jobs_of([found] * 16))
    monkeypatch.setattr(map_distances, "means_of", features)


@pytest.fixture
def page(monkeypatch, without_passes):
    monkeypatch.setattr(available_images, "SAMPLES", SAMPLES)
    return open_page(**DISTANCE, compare="network")


def test_two_networks_are_compared_over_the_images_at_hand(page):
    shown_bars = page.inspected("similarity-of-layers")
    assert shown_bars["numbers"] == [*range(1, 17)]
    lines = [bar["lines"].splitlines() for bar in shown_bars["bars"]]
    assert [layer for layer, *_ in lines] == [layer.name for layer in VGG19.conv_layers]
    values = [
        float(value.removeprefix("Unbiased CKA: ").replace("−", "-")) for _, value, _ in lines
    ]
    np.testing.assert_allclose(values[:3], 1)
    assert max(values[3:]) < 0.9
    assert "Over 8 images: the samples and your own" in page.texts
    by_chance = max(float(chance.removeprefix("Shuffled, at most: ")) for *_, chance in lines)
    assert f"at most {by_chance:.2f}" in page.texts
    assert "12 of 20 images are missing" in page.texts


def choose_bar(page, number):
    """Choose a bar of the distances, as a browser does."""
    bars = next(one for one in page.get("bidi_component") if one.key == "distance-of-layers")
    event = json.dumps([{"event": "picked", "value": number}])
    send(page, *states([bars.proto.id], {"json_trigger_value": event})[1:])


def test_a_click_on_a_bar_opens_its_layer(page):
    assert page.shown("layer") == "block3_conv1"
    choose_bar(page, 2)
    assert page.shown("layer") == "block1_conv2"
    assert page.inspected("distance-of-layers")["current"] == 2
    for number in (0, 17, "x", None, [], 1e999):
        choose_bar(page, number)
        assert page.shown("layer") == "block1_conv2"


@pytest.mark.usefixtures("without_passes")
def test_images_of_one_network_are_not_compared_over_several_images():
    page = open_page(**DISTANCE, change="mirror", compare="unchanged")
    assert "distance-of-layers" in page.payloads
    assert "similarity-of-layers" not in page.payloads


def test_undefined_similarities_have_no_bar_and_enough_images_are_said_to_be_enough():
    found = [LayerSimilarity(float("nan"), float("nan"))] * 16
    assert charts.layer_rows({"similarity": one.cka} for one in found) == []
    assert map_distances.similarity_caption(found, 20) == "Over 20 images: the samples and your own"
