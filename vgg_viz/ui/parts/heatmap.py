"""Heatmap of one value per position of a layer, on the photograph."""

import numpy as np

from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import export_menu, grid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid

TILE = 380  # CSS pixels


def show(
    maps: LayerMaps,
    values: np.ndarray,
    title: str,
    key: tuple[object, ...],
    caption: str,
    kind: str,
    largest: float = 0,
) -> None:
    """Show values ``(h, w)`` in diverging colors, and the menu that exports them.

    Without negative values, the color bar begins at zero. The scale ends at ``largest``, if it is
    given. ``key`` identifies the values for one image and layer; it begins with the grid's name.
    The names of exported files begin with ``kind``, such as "Occlusion of".
    """
    name, largest = str(key[0]), largest or float(np.abs(values).max()) or 1.0
    from_zero = bool((values >= 0).all())
    tiles = Grid(
        values[None].astype(np.float32, copy=False),
        [title],
        [1],
        (*key, *maps.key),
        caption=caption,
        name=name,
        axes={"tile": [1]},
        value_range=ValueRange(-largest, largest),
        appearance=Appearance("layer", DIVERGING),
        rectified=False,
        photograph=maps.picture.pixels,
        scale_words="scale from zero" if from_zero else "zero in the middle",
        from_zero=from_zero,
    )
    grid.show(maps.results, tiles, grid.Placement(name, largest_tile=TILE))
    export_menu.offer(name, f"{kind} {title}", lambda: [tiles])
