"""Imports that the first page must not make, since viewers would wait for them."""

import subprocess
import sys
from pathlib import Path

import pytest

import vgg_viz

HEAVY = "numpy", "PIL", "tensorflow", "keras", "h5py", "pooch", "matplotlib"


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        # By import, not by running a page: Streamlit's elements import some of these themselves.
        ("vgg_viz.model.architecture, vgg_viz.samples, vgg_viz.downloads.fetching", HEAVY),
        ("vgg_viz.ui.widgets.picture_chooser, vgg_viz.ui.widgets.controls", HEAVY),
        ("vgg_viz.ui.widgets.diagram", HEAVY),
        ("vgg_viz.ui.views.architecture_view", HEAVY),
        ("vgg_viz.links, vgg_viz.tours", HEAVY),
        ("vgg_viz.ui.page.header, vgg_viz.ui.page.tour_panel, vgg_viz.ui.page.lecture", HEAVY),
        ("vgg_viz.ui.state", HEAVY),
        ("vgg_viz.export.sheets, vgg_viz.export.scripts", HEAVY[2:]),
        ("vgg_viz.ui.views.maps_view, vgg_viz.ui.views.blocks_view", HEAVY[2:]),
        ("vgg_viz.ui.views.filters_view, vgg_viz.ui.views.conclusion_view", HEAVY[2:]),
    ],
)
def test_light_modules_import_no_heavy_library(modules, absent):
    script = f"import sys, {modules}; print(*({set(absent)!r} & set(sys.modules)))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert found == []


def test_only_the_page_imports_streamlit():
    # All packages except ui/, so that new modules are covered.
    folder = Path(vgg_viz.__file__).parent
    places = [file.relative_to(folder) for file in folder.rglob("[!_]*.py")]
    names = [".".join(place.with_suffix("").parts) for place in places if place.parts[0] != "ui"]
    assert {"export.sheets", "tours", "links", "model.network", "serving.results"} <= set(names)
    modules = ", ".join(f"vgg_viz.{name}" for name in names)
    script = f"import sys, {modules}; print('streamlit' in sys.modules)"
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
