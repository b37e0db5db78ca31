"""Drawing of tiles, such as feature maps, as one image (a mosaic).

A grid of maps or kernels is drawn with a palette, one byte per pixel. Any color map costs the same,
and the page's background is a transparent palette entry.

    tiles (n, h, w) -- scale_tiles --> levels (n, h, w) -- draw --> picture -- png --> bytes

    +----+----+----+
    |    |    |    |     tiles row by row, with room for a title above each; the last row may be
    | ## | ## | ## |     short. Titles are written by the browser, or by `sheets`.
    +----+----+----+
    |    |    |
    | ## | ## |
    +----+----+

A heatmap overlay shows a photograph under the tiles. A value is drawn more opaque the further it is
from 0:

    levels (n, h, w) -- overlay_colors --> RGBA (n, h, w, 4) --+
    photograph -- gray --> gray levels ------------------------+-- blend --> RGB (n, side, side, 3)
"""

import io
import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgg_viz.interpretability.map_statistics import luma

BACKGROUND = 0
MARK = 1
FIRST_LEVEL = 3
LEVELS = 256 - FIRST_LEVEL  # odd, so that zero is the middle level of a symmetric scale

MARK_COLOR = (226, 70, 60)
OPACITY = 0.75  # of the largest values over a photograph
GRAYS = (70, 225)  # the photograph's black and white, so that overlay colors differ from both
GAP = 4
TITLE_SPACE = 5  # pixels above and below a title's letters
PALETTE_START = 33  # bytes of a PNG before its palette: the signature and the header


class Lettering(NamedTuple):
    """Letter height of a tile's title: a share of the tile's width, within bounds in pixels."""

    least: float = 11
    share: float = 0.13
    most: float = 22

    def size(self, tile_width: int) -> int:
        """Return the height of a title's letters in whole pixels, for a tile's width in pixels."""
        return round(min(max(self.least, tile_width * self.share), self.most))


LETTERING = Lettering()
# Low and high end of a scale: two numbers for all tiles, or two arrays (n,) with one for each.
Limits = tuple[float | np.ndarray, float | np.ndarray]


@dataclass(frozen=True)
class TileLayout:
    """Positions of a mosaic's square tiles, in pixels from the mosaic's top left corner."""

    count: int
    columns: int
    side: int
    title_height: int = 0
    gap: int = GAP

    @property
    def rows(self) -> int:
        """Number of rows of tiles."""
        return math.ceil(self.count / self.columns)

    @property
    def cell(self) -> tuple[int, int]:
        """Distances from the left edge of one tile to that of the next, and from top to top."""
        return self.side + self.gap, self.title_height + self.side + self.gap

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the mosaic in pixels."""
        width, height = self.cell
        return self.columns * width - self.gap, self.rows * height - self.gap

    def corner(self, index: int) -> tuple[int, int]:
        """Return the left and top pixel of a tile, given its index from 0; its title is above."""
        row, column = divmod(index, self.columns)
        return column * self.cell[0], row * self.cell[1] + self.title_height


@dataclass(frozen=True)
class ScaledTiles:
    """Tiles whose values are mapped to palette entries, with the color scale of each tile."""

    levels: np.ndarray  # uint8 (n, h, w), from FIRST_LEVEL; MARK where a value is not finite
    low: np.ndarray  # value that each tile's first color stands for, float32 (n,)
    high: np.ndarray  # value that each tile's last color stands for, float32 (n,)
    flat: np.ndarray  # whether all values of a tile are equal, bool (n,)


def mosaic(
    tiles: np.ndarray, columns: int, width: int, limits: Limits | None = None
) -> tuple[np.ndarray, TileLayout, ScaledTiles]:
    """Draw square tiles, float ``(n, s, s)``, as one mosaic about ``width`` pixels wide.

    Returns the mosaic as palette entries, uint8 ``(h, w)``, the tiles' places, and the scaled
    tiles. For ``limits``, the ends of the color scales, see `scale_tiles`.
    """
    side = tile_side(tiles.shape[2], min(columns, len(tiles)), width)
    scaled = scale_tiles(tiles, limits, side)
    return *draw(scaled, columns, side), scaled


def near_square(count: int) -> int:
    """Return the number of columns of a nearly square grid of tiles, never taller than wide.

    >>> near_square(9), near_square(10)
    (3, 4)
    """
    return math.ceil(math.sqrt(count))


def tile_side(side: int, columns: int, width: int) -> int:
    """Return the side in pixels at which to draw a tile, for a mosaic about ``width`` pixels wide.

    It is a multiple or a whole fraction of ``side``, the tile's number of values per row, so every
    value gets an equal area, or equally many values are averaged for a pixel.

    >>> tile_side(14, columns=8, width=800), tile_side(224, columns=8, width=800)
    (98, 112)
    """
    target = max(1, width // columns - GAP)
    multiples = range(side, max(target, side) + side, side)
    fractions = (side // divisor for divisor in range(2, side + 1) if side % divisor == 0)
    sizes: list[int] = [*multiples, *fractions]
    return min(sizes, key=lambda size: abs(math.log(size / target)))


def shrink(tiles: np.ndarray, side: int) -> np.ndarray:
    """Average square tiles ``(n, s, s)`` down to ``(n, side, side)``; keep smaller tiles."""
    if tiles.shape[1] <= side:
        return tiles
    factor, rest = divmod(tiles.shape[1], side)
    if rest:
        raise ValueError(f"expected a divisor of {tiles.shape[1]}, got {side}")
    rows = sum(tiles[:, start::factor] for start in range(1, factor)) + tiles[:, ::factor]
    total = sum(rows[:, :, start::factor] for start in range(1, factor)) + rows[:, :, ::factor]
    return total / np.float32(factor**2)


def enlarge(tiles: np.ndarray, factor: int) -> np.ndarray:
    """Repeat each pixel of tiles ``(n, h, w, ...)`` ``factor`` times in both directions."""
    return tiles if factor == 1 else tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def color_tiles(tiles: Iterable[np.ndarray], side: Callable[[int], int]) -> np.ndarray:
    """Repeat or average the pixels of color tiles, uint8 ``(s, s, 3)`` each, and stack the tiles.

    ``side`` returns the new side of a tile for its side ``s``. The original tiles are released one
    by one, since hundreds of large ones would take 100 MB.
    """
    return np.concatenate([_resized(tile[None], side(len(tile))) for tile in tiles])


def _resized(tile: np.ndarray, side: int) -> np.ndarray:
    if side >= tile.shape[1]:
        return enlarge(tile, side // tile.shape[1])
    return np.rint(shrink(tile.astype(np.float32), side)).astype(np.uint8)


def tile_limits(tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each tile's smallest and largest finite value, float32 ``(n,)``; 0 without any."""
    low, high = tiles.min(axis=(1, 2)), tiles.max(axis=(1, 2))
    if np.isfinite(low).all() and np.isfinite(high).all():
        return low, high
    finite = np.isfinite(tiles)
    low = np.min(tiles, axis=(1, 2), where=finite, initial=np.inf)
    high = np.max(tiles, axis=(1, 2), where=finite, initial=-np.inf)
    empty = ~finite.any(axis=(1, 2))
    return np.where(empty, np.float32(0), low), np.where(empty, np.float32(0), high)


def is_flat(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return whether tiles with these smallest and largest values are constant, within rounding."""
    largest = np.maximum(np.abs(low), np.abs(high))
    return (high - low) <= 4 * np.finfo(np.float32).eps * largest


def scale_tiles(tiles: np.ndarray, limits: Limits | None = None, side: int = 0) -> ScaledTiles:
    """Map the values of tiles, float ``(n, h, w)``, to palette entries, by color scales.

    ``limits`` are the ends of the scale, for all tiles or for each; values beyond them are clipped.
    By default every tile has its own scale, from its smallest to its largest value. A constant tile
    gets the first color, since stretching would show only rounding. Tiles larger than ``side`` are
    averaged to it; 0 keeps their size.
    """
    tile_low, tile_high = tile_limits(tiles)
    flat = is_flat(tile_low, tile_high)
    low, high = (np.full(len(tiles), end, np.float32) for end in limits or (tile_low, tile_high))
    value_range = np.where(is_flat(low, high), np.float32(np.inf), high - low)
    small = shrink(tiles, side) if side else tiles
    steps = np.float32(LEVELS - 1) / value_range
    position = (small - low[:, None, None]) * steps[:, None, None]
    finite = np.isfinite(position)
    if not finite.all():
        position = np.where(finite, position, np.float32(0))
    levels = (np.clip(position, 0, LEVELS - 1) + np.float32(FIRST_LEVEL + 0.5)).astype(np.uint8)
    levels[~finite] = MARK
    return ScaledTiles(levels, low, high, flat)


def arrange(tiles: np.ndarray, grid: TileLayout) -> np.ndarray:
    """Copy square tiles ``(n, s, s)`` or ``(n, s, s, colors)`` to their places in a mosaic."""
    width, height = grid.size
    canvas = np.full((height, width, *tiles.shape[3:]), BACKGROUND, np.uint8)
    for index, tile in enumerate(tiles):
        left, top = grid.corner(index)
        canvas[top : top + grid.side, left : left + grid.side] = tile
    return canvas


def pack_tiles(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Lay out tiles ``(n, h, w)`` or ``(n, h, w, 3)`` as one image, without gaps and titles."""
    count, side = tiles.shape[:2]
    return arrange(tiles, TileLayout(count, min(columns, count), side, gap=0))


def draw(scaled: ScaledTiles, columns: int, side: int = 0) -> tuple[np.ndarray, TileLayout]:
    """Draw square scaled tiles as a mosaic of palette entries, uint8 ``(h, w)``, with their places.

    Titles stay blank. Constant tiles are struck through. ``side`` is the side at which tiles are
    drawn, a multiple of their number of values per row; 0 draws one pixel for each value.
    """
    factor = max(1, side // scaled.levels.shape[2])
    tiles = enlarge(scaled.levels, factor)
    count, side = tiles.shape[:2]
    diagonal = np.abs(np.subtract.outer(np.arange(side), np.arange(side))) <= 1
    tiles = np.where(scaled.flat[:, None, None] & diagonal, np.uint8(MARK), tiles)
    title_height = LETTERING.size(side) + TITLE_SPACE
    layout = TileLayout(count, min(columns, count), side, title_height)
    return arrange(tiles, layout), layout


def replace_tiles(canvas: np.ndarray, tiles: np.ndarray, layout: TileLayout) -> np.ndarray:
    """Convert a mosaic to RGB, with color images, uint8 ``(n, s, s, 3)``, as its tiles."""
    is_tile = canvas >= FIRST_LEVEL  # all except marks, titles and gaps
    return np.where(is_tile[..., None], arrange(tiles, layout), palette("gray")[canvas])


@lru_cache(maxsize=64)
def color_levels(color_map: str) -> np.ndarray:
    """Sample a Matplotlib color map in ``LEVELS`` even steps, RGB uint8 ``(LEVELS, 3)``."""
    # Imported here so that the first page does not wait a quarter of a second for Matplotlib.
    from matplotlib import colormaps

    colors = colormaps[color_map](np.linspace(0, 1, LEVELS), bytes=True)[:, :3]
    colors.setflags(write=False)
    return colors


def gray(photograph: np.ndarray) -> np.ndarray:
    """Convert a photograph, RGB uint8 ``(h, w, 3)``, to luma within ``GRAYS``."""
    dark, light = GRAYS
    levels: np.ndarray = np.rint(dark + luma(photograph) * ((light - dark) / 255))
    return levels.astype(np.uint8)


def overlay_colors(scaled: ScaledTiles, color_map: str) -> np.ndarray:
    """Return the colors and opacities of heatmap overlays for tiles, RGBA uint8 ``(n, h, w, 4)``.

    Opacity grows with a value's distance from 0, up to ``OPACITY`` at the end of the color scale
    that is further from 0. A constant tile is transparent. A value that is not finite has the
    opaque color ``MARK_COLOR``.
    """
    low, high = (end.astype(np.float64)[:, None, None] for end in (scaled.low, scaled.high))
    largest = np.maximum(np.abs(low), np.abs(high))
    position = (scaled.levels.astype(np.float64) - FIRST_LEVEL) / (LEVELS - 1)
    opacity = np.abs(low + position * (high - low)) / np.where(largest > 0, largest, np.inf)
    opacity[scaled.flat] = 0
    overlay = np.empty((*scaled.levels.shape, 4), np.uint8)
    overlay[..., :3] = palette(color_map)[scaled.levels]
    overlay[..., 3] = np.where(scaled.levels == MARK, 255, np.rint(opacity * (255 * OPACITY)))
    return overlay


def blend(overlays: np.ndarray, under: np.ndarray, side: int) -> np.ndarray:
    """Blend heatmap overlays, RGBA uint8 ``(n, s, s, 4)``, with a gray image, uint8 ``(h, h)``.

    The overlays' pixels are repeated; the gray image is interpolated (bicubic). Returns RGB uint8
    ``(n, side, side, 3)``, where ``side`` is a multiple of ``s``.
    """
    image = Image.fromarray(under).resize((side, side), Image.Resampling.BICUBIC).convert("RGB")
    tiles = np.empty((len(overlays), side, side, 3), np.uint8)
    for tile, overlay in zip(tiles, overlays, strict=True):
        enlarged = Image.fromarray(overlay).resize((side, side), Image.Resampling.NEAREST)
        blended = Image.composite(enlarged.convert("RGB"), image, enlarged.getchannel("A"))
        tile[:] = np.asarray(blended)
    return tiles


def overlay_levels(color_map: str, low: float, high: float) -> np.ndarray:
    """Return the colors of an overlay's scale from ``low`` to ``high``, blended with medium gray.

    They are the colors that values have over a gray photograph, uint8 ``(LEVELS, 3)``.
    """
    levels = np.arange(FIRST_LEVEL, FIRST_LEVEL + LEVELS, dtype=np.uint8)[None, None]
    scaled = ScaledTiles(levels, np.array([low]), np.array([high]), np.array([False]))
    overlays = overlay_colors(scaled, color_map)
    middle_gray = Image.new("RGBA", (LEVELS, 1), (sum(GRAYS) // 2,) * 3)
    return np.asarray(Image.alpha_composite(middle_gray, Image.fromarray(overlays[0])))[0, :, :3]


def png(canvas: np.ndarray, color_map: str | None = "gray") -> bytes:
    """Encode an image as PNG: palette entries, uint8 ``(h, w)``, RGB or RGBA, ``(h, w, 3 or 4)``.

    Without a color map, ``(h, w)`` holds gray levels. Compression is zlib's fastest: the next level
    takes three times as long to save a tenth. In scaled maps it looks for runs only, in two thirds
    of the time and for fewer bytes, since nothing else is repeated; color images may be.
    """
    image = Image.fromarray(canvas)
    options: dict[str, object] = {"compress_level": 1}
    if canvas.ndim == 2:
        options["compress_type"] = zlib.Z_RLE
    if canvas.ndim == 2 and color_map:
        # Pillow makes a palette image from an array only this way: as "L", with a palette added.
        image.putpalette(palette(color_map).tobytes())
        options["transparency"] = BACKGROUND
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    return buffer.getvalue()


def recolored(picture: bytes, color_map: str) -> bytes:
    """Return a PNG of palette entries, as `png` makes it, in the colors of another color map."""
    colors = b"PLTE" + palette(color_map).tobytes()
    if picture[PALETTE_START + 4 :][:4] != colors[:4]:
        raise ValueError("expected a PNG with a palette first")
    chunk = colors + zlib.crc32(colors).to_bytes(4)
    start = PALETTE_START + 4  # after the palette's length
    return picture[:start] + chunk + picture[start + len(chunk) :]


def palette(color_map: str) -> np.ndarray:
    """Return the colors of a mosaic's palette entries on white, RGB uint8 ``(256, 3)``."""
    white = (255, 255, 255)
    fixed = np.array([white, MARK_COLOR, white], np.uint8)
    return np.concatenate([fixed, color_levels(color_map)])
