"""Response curves: the chart's points, its CSV, and what the tab says without a change."""

import csv
import io

import numpy as np

from tests.support.pages import open_page, texts
from vgg_viz.interpretability.experiments.responses import LayerResponses
from vgg_viz.ui.parts import response_curves
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
    (_, *rows) = csv.reader(io.StringIO(response_curves.table(points).read().decode()))
    assert rows[3] == ["-1", "Maximum of map 1", "1.0", "0.5"]


def test_the_tab_asks_for_a_change():
    page = open_page(view="Feature maps", maps="4", tab="experiments")
    assert "Choose a change in the sidebar" in texts(page)
