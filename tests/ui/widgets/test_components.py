"""Data of the custom components."""

import json

import numpy as np

from vgg_viz.ui.widgets import components


def test_packed_data_can_be_unpacked():
    values = np.arange(6, dtype="<f4")
    data = components.pack({"title": "Karte ä", "count": 6}, values.tobytes(), b"rest")
    length = int.from_bytes(data[:4], "little")
    assert length % 4 == 0
    assert json.loads(data[4 : 4 + length]) == {"title": "Karte ä", "count": 6}
    assert np.array_equal(np.frombuffer(data, "<f4", 6, 4 + length), values)
    assert data.endswith(b"rest")
