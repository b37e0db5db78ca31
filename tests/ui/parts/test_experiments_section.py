"""Experiments: the points of a chart and its CSV, and what each experiment needs."""

import csv
import io

import numpy as np
import pytest

from tests.support.pages import open_page, texts
from vgg_viz.interpretability.experiments.responses import LayerResponses
from vgg_viz.ui.parts import response_curves
from vgg_viz.ui.parts.charts import LinePoint, line_plot
from vgg_viz.ui.state.selection import Selection

RESPONSES = LayerResponses(
    [-1, 0, 1],
    np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 1.0]]),
    np.array([[1.0, 1.0], [1.0, 2.0], [3.0, 3.0]]),
    np.zeros((3, 2)),
    np.array([0.5, 1.0, 0.25]),
)


def test_curves_are_relative_to_the_unchanged_image_and_left_out_where_that_is_zero():
    points = response_curves.layer_points(RESPONSES, Selection(1, (3, 4)))
    curves = {name: [p.share for p in points if p.curve == name] for _, name, *_ in points}
    assert curves == {
        "Correlation of all maps": [0.5, 1.0, 0.25],
        "Maximum of map 1": [0.5, 1.0, 2.0],
        "Mean of map 1": [1.0, 1.0, 3.0],
    }
    (_, *rows) = csv.reader(io.StringIO(response_curves.table(points).decode("utf-8-sig")))
    assert rows[3] == ["-1", "Maximum of map 1", "0.5", "1"]


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
    assert note in texts(page)


def test_experiments_do_not_run_on_ablated_maps():
    page = open_page(
        view="Feature maps",
        maps="4",
        layer="block1_conv2",
        ablated="3",
        ablated_in="block1_conv1",
        tab="experiments",
    )
    assert [note.value for note in page.info] == [
        "Experiments run the network without ablation: end the ablation first."
    ]


def test_a_line_leaves_out_what_is_no_number():
    points = [LinePoint(at, "one", y, "") for at, y in enumerate((1.0, float("nan"), 2.0))]
    (lines, _) = line_plot(points, "x", (0, 2), "y")["layer"]
    assert [row["x"] for row in lines["data"]["values"]] == [0, 2]
