"""Drawing as in the notebook walkthrough: one Matplotlib subplot per tile.

Like there: gray, without ticks, with a title per tile and ``tight_layout``. In its fastest form: a
figure with the Agg canvas instead of pyplot's, one layout, and 72 dots per inch, as notebooks show
figures, instead of the 100 of files.
"""

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DOTS_PER_INCH = 72


def feature_maps(maps: np.ndarray) -> bytes:
    """Draw maps, float ``(n, h, w)``, two inches each, numbered from 1, as PNG bytes."""
    columns = int(math.sqrt(len(maps)))
    rows = math.ceil(len(maps) / columns)
    titles = [str(number) for number in range(1, len(maps) + 1)]
    return draw(maps, titles, (rows, columns), (columns * 2, rows * 2))


def filters(values: np.ndarray) -> bytes:
    """Draw filters, float ``(filters, channels, 3, 3)``, one inch each, as PNG bytes."""
    rows, columns = values.shape[:2]
    normal = (values - values.min()) / (values.max() - values.min())
    tiles = normal.reshape(-1, *values.shape[2:])
    titles = [f"{row + 1}-{column + 1}" for row in range(rows) for column in range(columns)]
    return draw(tiles, titles, (rows, columns), (columns, rows))


def draw(
    tiles: np.ndarray, titles: Sequence[str], shape: tuple[int, int], inches: tuple[float, float]
) -> bytes:
    """Draw tiles in ``shape`` rows and columns on a figure of that width and height."""
    figure = Figure(figsize=inches, dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    for number, (tile, title) in enumerate(zip(tiles, titles, strict=True), start=1):
        axes = figure.add_subplot(*shape, number)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title)
        axes.imshow(tile, cmap="gray")
    figure.tight_layout()
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
