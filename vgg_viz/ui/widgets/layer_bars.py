"""Bars of a property of the conv layers, which open their layers by click and by keyboard."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from vgg_viz.export.number_format import figure
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import components

DIGITS = 3
MOST_TICKS = 5


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
    header = metadata(title, values, text_of, details)
    components.mount("bars", key, components.pack(header), partial(selection.open_layer, key))


def metadata(
    title: str, values: Sequence[float], text_of: Callable[[float], str], details: Sequence[str]
) -> dict[str, object]:
    """Return what the component draws; heights are shares of its height."""
    of_layers = zip(VGG19.conv_layers, values, details, strict=True)
    bars = [one for one in of_layers if math.isfinite(one[1])]
    lines = ticks([value for _, value, _ in bars])
    low, high = lines[0], lines[-1]

    def share(value: float) -> float:
        return (value - low) / (high - low)

    return {
        "title": f"{title}, layer by layer",
        "zero": share(0),
        "ticks": [[share(value), text_of(value)] for value in lines],
        "numbers": [layer.conv_number for layer, *_ in bars],
        "current": VGG19.conv_layer(str(state.value("layer"))).conv_number,
        "bars": [
            described(layer, share(value), f"{title}: {text_of(value)}", detail)
            for layer, value, detail in bars
        ],
    }


def described(layer: ConvLayer, share: float, *words: str) -> dict[str, object]:
    """Return a bar's height and its words; its name begins with the number that is seen."""
    lines, number = [layer.name, *filter(None, words)], layer.conv_number
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
