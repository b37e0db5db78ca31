"""Imports that the first page must not make, since viewers would wait for them."""

import json
import subprocess
import sys

from tests.support import REPOSITORY

HEAVY = ["numpy", "PIL", "PIL.ImageCms", "tensorflow", "keras", "h5py", "requests", "matplotlib"]
# By import, not by running a page: Streamlit's elements import some of these themselves.
WITHOUT_NUMPY = [
    "vgg_viz.model.architecture",
    "vgg_viz.samples",
    "vgg_viz.downloads.fetching",
    "vgg_viz.fields",
    "vgg_viz.links",
    "vgg_viz.tours",
    "vgg_viz.ui.state",
    "vgg_viz.ui.widgets.picture_chooser",
    "vgg_viz.ui.widgets.controls",
    "vgg_viz.ui.widgets.diagram",
    "vgg_viz.ui.views.architecture_view",
    "vgg_viz.ui.page.footer",
    "vgg_viz.ui.page.header",
    "vgg_viz.ui.page.tour_panel",
]
WITH_NUMPY = [
    "vgg_viz.interpretability.attribution.lrp",
    "vgg_viz.image_io.images",
    "vgg_viz.model.network",
    "vgg_viz.interpretability.decomposition",
    "vgg_viz.interpretability.map_statistics",
    "vgg_viz.export.sheets",
    "vgg_viz.export.scripts",
    "vgg_viz.ui.views.maps_view",
    "vgg_viz.ui.views.blocks_view",
    "vgg_viz.ui.views.filters_view",
    "vgg_viz.ui.views.conclusion_view",
]
SCRIPT = f"""
import importlib, json, sys
loaded = {{}}
for name in sys.argv[1:]:
    importlib.import_module(name)
    loaded[name] = [heavy for heavy in {[*HEAVY, "streamlit"]} if heavy in sys.modules]
print(json.dumps(loaded))
"""


def test_light_modules_import_no_heavy_library():
    """In one process, so that the first module that imports a library is the one to blame."""
    command = [sys.executable, "-c", SCRIPT, *WITHOUT_NUMPY, *WITH_NUMPY]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name, loaded in json.loads(run.stdout).items():
        allowed = {"streamlit"} if name not in WITHOUT_NUMPY[:5] else set()
        allowed |= {"numpy", "PIL"} if name in WITH_NUMPY else set()
        assert set(loaded) <= allowed, name
