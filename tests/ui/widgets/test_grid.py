"""What a grid says of its numbers."""

import numpy as np

from vgg_viz.ui.widgets import grid


def test_tips_and_scales_say_numbers_as_people_do():
    assert grid.in_words(np.array([4237.2, -0.00001234, 0.0])) == ["4,240", "−0.0000123", "0"]
    strip = grid.legend("gray", (0.0, 12345.0))
    assert "<span>0</span><span>12,300</span>" in strip
