"""Formats of exported files: every record encodes a file under a safe name."""

import numpy as np
import pytest

from tests.export.test_sheets import Shown, panel
from vgg_viz.export.formats import FORMATS, Export
from vgg_viz.export.scripts import Run

BEGINNINGS = {
    "image/png": b"\x89PNG\r\n",
    "application/pdf": b"%PDF-",
    "image/svg+xml": b"<?xml ",
    "application/zip": b"PK\x03\x04",
    "text/csv": b"\xef\xbb\xbfpanel,",
    "text/x-python": b'"""',
}


@pytest.mark.parametrize("file_format", FORMATS.values(), ids=FORMATS)
def test_every_format_encodes_a_file_of_its_kind(file_format):
    kernels = Shown(panel(np.arange(18).reshape(2, 3, 3)), "1 · block1_conv1", "filters")
    wanted = {"weights": "untrained", "layer": "block1_conv1", "filters": [1, 2], "channels": [1]}
    runs = [Run("filters", "filters", wanted | {"in_color": False})]
    export = Export("Filters", lambda: [kernels], lambda: runs, "https://example.org/")
    assert file_format.encode(export).startswith(BEGINNINGS[file_format.mime])
    assert file_format.file_name("Fil/ters") == f"vgg-viz-Fil-ters.{file_format.name}"
