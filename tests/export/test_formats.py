"""Formats of exported files: their media types and safe names."""

from vgg_viz.export.formats import FORMATS


def test_files_have_the_media_type_and_ending_of_their_format():
    assert {one.file_name("Fil/ters"): one.mime for one in FORMATS.values()} == {
        "vgg-viz-Fil-ters.png": "image/png",
        "vgg-viz-Fil-ters.pdf": "application/pdf",
        "vgg-viz-Fil-ters.svg": "image/svg+xml",
        "vgg-viz-Fil-ters.npz": "application/zip",
        "vgg-viz-Fil-ters.csv": "text/csv",
        "vgg-viz-Fil-ters.py": "text/x-python",
    }
