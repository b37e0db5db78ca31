"""Formats of exported files: every record encodes a file under a safe name."""

from dataclasses import dataclass

import numpy as np
import pytest

from tests.export.test_sheets import panel
from vgg_viz.export.formats import FORMATS, Export
from vgg_viz.export.scripts import FiltersRun

BEGINNINGS = {
    "image/png": b"\x89PNG\r\n",
    "application/pdf": b"%PDF-",
    "application/zip": b"PK\x03\x04",
    "text/csv": b"\xef\xbb\xbfpanel,",
    "text/x-python": b'"""',
}


VALUES = np.arange(18, dtype=np.float32).reshape(2, 3, 3)


@dataclass
class Kernels:
    """Two kernels with the interface of a grid."""

    name: str = "filters"
    caption: str = "1 · block1_conv1"
    titles: tuple[str, ...] = ("1", "2")

    def panel(self):
        return panel(VALUES)

    def arrays(self):
        return {self.name: (VALUES, ["filter", "row", "column"])}

    def export_note(self, *, several):
        return "Scale: each tile on its own scale"


@pytest.mark.parametrize("file_format", FORMATS.values(), ids=FORMATS)
def test_every_format_encodes_a_file_of_its_kind(file_format):
    runs = [FiltersRun("filters", "untrained", "block1_conv1", [1, 2], [1])]
    export = Export("Filters", lambda: [Kernels()], lambda: runs, "https://example.org/")
    assert file_format.encode(export).startswith(BEGINNINGS[file_format.mime])
    assert file_format.file_name("Fil/ters") == f"vgg-viz-Fil-ters.{file_format.name}"
