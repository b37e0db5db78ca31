"""The plots of a layer's numbers."""

from vgg_viz.ui.parts import charts


def test_the_histograms_axis_has_whole_numbers_all_of_them_lettered():
    axis = charts.histogram_plot([])["encoding"]["y"]["axis"]
    assert axis["values"] == [0, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]
    assert axis["format"] == ",d"
    assert axis["labelOverlap"] is False
