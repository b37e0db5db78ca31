"""Charts of a layer's values."""

from vgg_viz.ui.parts import charts


def test_histogram_count_axis_labels_every_power_of_ten():
    axis = charts.histogram_plot([])["encoding"]["y"]["axis"]
    assert axis["values"] == [0, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]
    assert axis["format"] == ",d"
    assert axis["labelOverlap"] is False
