"""Bars of a property of the conv layers, which open their layers by click and by keyboard."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from vgg_viz.export.number_format import figure
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import components

DIGITS = 3
MOST_TICKS = 5


class LayerBar(NamedTuple):
    """A conv layer and the value that its bar shows."""

    layer: ConvLayer
    value: float
    detail: str = ""  # a further line of the tooltip


def number(value: float) -> str:
    """Format a value.

    >>> number(0.12345)
    '0.123'
    """
    return figure(value, DIGITS)


def percentage(value: float) -> str:
    """Format a value as a percentage.

    >>> percentage(0.12345)
    '12.3%'
    """
    return f"{figure(100 * value, DIGITS)}%"


def show(
    key: str,
    title: str,
    values: Sequence[float],
    text_of: Callable[[float], str] = number,
    *,
    details: Sequence[str] = ("",) * len(VGG19.conv_layers),
) -> None:
    """Show a bar for each layer's value; a click on a bar opens its layer.

    An undefined value (NaN) has no bar. ``details`` are further lines of the tooltips.
    """
    bars = [
        LayerBar(*one)
        for one in zip(VGG19.conv_layers, values, details, strict=True)
        if math.isfinite(one[1])
    ]
    header = metadata(title, bars, text_of)
    components.mount("bars", key, components.pack(header), partial(selection.open_layer, key))


def metadata(
    title: str, bars: Sequence[LayerBar], text_of: Callable[[float], str]
) -> dict[str, object]:
    """Return what the component draws; heights are shares of its height."""
    values = ticks([bar.value for bar in bars])
    low, high = values[0], values[-1]

    def share(value: float) -> float:
        return (value - low) / (high - low)

    return {
        "title": f"{title}, layer by layer",
        "zero": share(0),
        "ticks": [[share(value), text_of(value)] for value in values],
        "numbers": [bar.layer.conv_number for bar in bars],
        "current": VGG19.conv_layer(str(state.value("layer"))).conv_number,
        "bars": [
            described(bar, share(bar.value), f"{title}: {text_of(bar.value)}") for bar in bars
        ],
    }


def described(bar: LayerBar, share: float, text: str) -> dict[str, object]:
    """Return a bar's height and its words; its name begins with the number that is seen."""
    lines, number = [bar.layer.name, text, *filter(None, [bar.detail])], bar.layer.conv_number
    name = f"{number}: {', '.join(lines)}"
    return {"number": number, "share": share, "name": name, "lines": "\n".join(lines)}


def ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers at equal steps from below all values, or zero, to above them.

    >>> ticks([0.31, 0.02]), ticks([-0.1, 0.4]), ticks([])
    ([0.0, 0.1, 0.2, 0.3, 0.4], [-0.1, 0.0, 0.1, 0.2, 0.3, 0.4], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    # Imported here so that the first page does not wait a quarter of a second for Matplotlib.
    from matplotlib.ticker import MaxNLocator

    low, high = min([0.0, *values]), max([0.0, *values])
    locator = MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10])
    found = locator.tick_values(low, high if high > low else 1)
    return [round(float(one), 12) + 0.0 for one in found]
