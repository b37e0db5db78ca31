"""Tiles -> one labeled picture.

A grid of maps or kernels is drawn as a single palette picture: one byte a pixel, so that any
color map costs the same, and the page's background and text color are just palette entries.

    tiles (n, h, w) -- scale_tiles --> levels (n, h, w) -- draw --> picture -- png --> bytes

    +----+----+----+
    | 1  | 2  | 3  |     a title strip above every tile; tiles are numbered row by row;
    | ## | ## | ## |     the last row may be short
    +----+----+----+
    | 4  | 5  |
    | ## | ## |
    +----+----+

Where tiles lie over a photograph, each place is tinted the more, the further its value is from 0:

    levels (n, h, w) -- tint --> RGBA (n, h, w, 4) --+
    photograph -- gray ----------> gray levels ------+-- lay_over --> RGB (n, side, side, 3)
"""

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from PIL import Image, ImageFont

BACKGROUND = 0
INK = 1  # the first of INK_STEPS entries, from nearly transparent to full ink
INK_STEPS = 15
MARK = INK + INK_STEPS
FIRST_LEVEL = MARK + 1
LEVELS = 256 - FIRST_LEVEL  # an odd number: zero is the very middle of a symmetric scale

MARK_COLOR = (226, 70, 60)
COVER = 0.75  # what the strongest values hide of a photograph under them
GRAYS = (70, 225)  # its black and its white: colors are to be told from both
GAP = 4
TITLE_SPACE = 5  # pixels around a title's letters


class Lettering(NamedTuple):
    """How high a title's letters are: a share of the tile's width, within bounds, in pixels."""

    least: float = 11
    share: float = 0.13
    most: float = 22

    def size(self, tile_width: int) -> int:
        """The height of the letters, in whole pixels, for tiles of that width."""
        return round(min(max(self.least, tile_width * self.share), self.most))


LETTERING = Lettering()
Color = tuple[int, int, int]
# A scale's two ends: for all tiles, or an array (n,) each, one end a tile.
Limits = tuple[float | np.ndarray, float | np.ndarray]


@dataclass(frozen=True)
class TileLayout:
    """Where every tile of a mosaic lies, in pixels from the picture's top left corner."""

    count: int
    columns: int
    tile_height: int
    tile_width: int
    title_height: int = 0
    gap: int = GAP

    @property
    def rows(self) -> int:
        """Rows needed for all tiles."""
        return math.ceil(self.count / self.columns)

    @property
    def cell_height(self) -> int:
        """From one row's top to the next one's."""
        return self.title_height + self.tile_height + self.gap

    @property
    def cell_width(self) -> int:
        """From one column's left edge to the next one's."""
        return self.tile_width + self.gap

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the whole picture."""
        return self.columns * self.cell_width - self.gap, self.rows * self.cell_height - self.gap

    def corner(self, index: int) -> tuple[int, int]:
        """``(left, top)`` of the tile with that index (from 0), below its title.

        Raises:
            IndexError: there is no such tile.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"expected a tile from 0 to {self.count - 1}, got {index}")
        row, column = divmod(index, self.columns)
        return column * self.cell_width, row * self.cell_height + self.title_height


@dataclass(frozen=True)
class ScaledTiles:
    """Tiles as palette entries.

    ``levels`` uint8 (n, h, w): ``MARK`` where a value is not finite, else from ``FIRST_LEVEL``;
    ``low`` and ``high`` float32 (n,): the values of the first and the last level, tile by tile;
    ``flat`` bool (n,): tiles without any contrast of their own.
    """

    levels: np.ndarray
    low: np.ndarray
    high: np.ndarray
    flat: np.ndarray


def mosaic(
    tiles: np.ndarray,
    titles: Sequence[str],
    columns: int,
    width: int,
    limits: Limits | None = None,
) -> tuple[np.ndarray, ScaledTiles]:
    """Draw square tiles, float ``(n, s, s)``, as one picture about ``width`` pixels wide.

    Returns the canvas, uint8 ``(h, w)``, and the scale that every tile was drawn on; ``limits`` as
    for `scale_tiles`.
    """
    side = tile_side(tiles.shape[2], columns, width)
    scaled = scale_tiles(tiles, limits, side)
    return draw(scaled, titles, columns, side), scaled


def near_square(count: int) -> int:
    """How many columns make a grid of ``count`` tiles nearly square, never taller than wide.

    Raises:
        ValueError: ``count`` is less than 1.
    """
    if count < 1:
        raise ValueError(f"expected at least 1 tile, got {count}")
    return math.ceil(math.sqrt(count))


def tile_side(side: int, columns: int, width: int) -> int:
    """The size to draw tiles of ``side`` pixels at, for a mosaic about ``width`` pixels wide.

    Only whole multiples of ``side`` and whole fractions of it: every value is then drawn equally
    large, or averaged over equally many.
    """
    wanted = max(1, width // columns - GAP)
    multiples = range(side, max(wanted, side) + side, side)
    fractions = (side // divisor for divisor in range(2, side + 1) if side % divisor == 0)
    sizes: list[int] = [*multiples, *fractions]
    return min(sizes, key=lambda size: abs(math.log(size / wanted)))


def shrink(tiles: np.ndarray, side: int) -> np.ndarray:
    """Average square tiles ``(n, s, s)`` down to ``(n, side, side)``; smaller ones stay so.

    Raises:
        ValueError: ``side`` does not divide the tiles' size.
    """
    if tiles.shape[1] <= side:
        return tiles
    factor, rest = divmod(tiles.shape[1], side)
    if rest:
        raise ValueError(f"expected a divisor of {tiles.shape[1]}, got {side}")
    rows = sum(tiles[:, start::factor] for start in range(1, factor)) + tiles[:, ::factor]
    both = sum(rows[:, :, start::factor] for start in range(1, factor)) + rows[:, :, ::factor]
    return both / np.float32(factor**2)


def enlarge(tiles: np.ndarray, factor: int) -> np.ndarray:
    """Repeat every pixel of tiles ``(n, h, w, ...)`` ``factor`` times each way."""
    return tiles if factor == 1 else tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def color_tiles(tiles: Iterable[np.ndarray], side: Callable[[int], int]) -> np.ndarray:
    """Color tiles of one size, uint8 ``(s, s, 3)`` each, in one array, at the size ``side(s)``.

    Only what they come to is held, not the tiles: some hundreds of large ones have 100 MB.
    """
    return np.stack([at_side(tile, side(len(tile))) for tile in tiles])


def at_side(picture: np.ndarray, side: int) -> np.ndarray:
    """A color tile, uint8 ``(s, s, 3)``, at another size: enlarged sharply, shrunk smoothly.

    Raises:
        ValueError: it is no such tile, or ``side`` is no whole multiple or fraction of its side.
    """
    if (
        picture.dtype != np.uint8
        or picture.ndim != 3
        or picture.shape != (len(picture),) * 2 + (3,)
    ):
        raise ValueError(f"expected uint8 (s, s, 3), got {picture.dtype} {picture.shape}")
    factor, rest = divmod(side, len(picture))
    if factor and rest:
        raise ValueError(f"expected a multiple of {len(picture)}, got {side}")
    if factor:
        larger: np.ndarray = enlarge(picture[None], factor)[0]
        return larger
    smaller: np.ndarray = np.rint(shrink(picture[None].astype(np.float32), side)[0])
    return smaller.astype(np.uint8)


def tile_limits(tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest finite value of every tile ``(n, h, w)``, as two float32 ``(n,)``.

    A tile without any finite value gets 0 and 0.
    """
    low, high = tiles.min(axis=(1, 2)), tiles.max(axis=(1, 2))
    if np.isfinite(low).all() and np.isfinite(high).all():
        return low, high
    finite = np.isfinite(tiles)
    low = np.min(tiles, axis=(1, 2), where=finite, initial=np.inf)
    high = np.max(tiles, axis=(1, 2), where=finite, initial=-np.inf)
    empty = ~finite.any(axis=(1, 2))
    return np.where(empty, np.float32(0), low), np.where(empty, np.float32(0), high)


def is_flat(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether tiles with these limits are constant but for the rounding of float32."""
    largest = np.maximum(np.abs(low), np.abs(high))
    flat: np.ndarray = (high - low) <= 4 * np.finfo(np.float32).eps * largest
    return flat


def scale_tiles(tiles: np.ndarray, limits: Limits | None = None, side: int = 0) -> ScaledTiles:
    """Turn values into palette levels.

    Args:
        tiles: float ``(n, h, w)``; left as it is.
        limits: one scale for all tiles, ``(low, high)``, or one a tile, two arrays ``(n,)``; values
            beyond are clipped. ``None`` gives every tile its own, from its smallest to its largest
            value; a flat tile then lies on the first level, since stretching it would show nothing
            but rounding.
        side: average larger tiles down to this size (0: leave them).
    """
    tile_low, tile_high = tile_limits(tiles)
    flat = is_flat(tile_low, tile_high)
    low, high = (np.full(len(tiles), end, np.float32) for end in limits or (tile_low, tile_high))
    span = np.where(is_flat(low, high), np.float32(np.inf), high - low)
    small = shrink(tiles, side) if side else tiles
    steps = np.float32(LEVELS - 1) / span
    position = (small - low[:, None, None]) * steps[:, None, None]
    unknown = ~np.isfinite(position) if not np.isfinite(position).all() else None
    if unknown is not None:
        position = np.where(unknown, np.float32(0), position)
    levels = (np.clip(position, 0, LEVELS - 1) + np.float32(FIRST_LEVEL + 0.5)).astype(np.uint8)
    if unknown is not None:
        levels[unknown] = MARK
    return ScaledTiles(levels, low, high, flat)


def arrange(tiles: np.ndarray, grid: TileLayout, background: int = BACKGROUND) -> np.ndarray:
    """Lay tiles ``(n, h, w)`` or ``(n, h, w, colors)`` out on one canvas.

    Raises:
        ValueError: the tiles are not those that the grid was made for.
    """
    expected = (grid.count, grid.tile_height, grid.tile_width)
    if tiles.shape[:3] != expected:
        raise ValueError(f"expected tiles {expected}, got {tiles.shape[:3]}")
    depth = tiles.shape[3:]
    cells = np.full(
        (grid.rows, grid.cell_height, grid.columns, grid.cell_width, *depth), background, np.uint8
    )
    inner = cells[:, grid.title_height : grid.title_height + grid.tile_height, :, : grid.tile_width]
    inner = np.moveaxis(inner, 2, 1)
    full_rows, rest = divmod(grid.count, grid.columns)
    whole = full_rows * grid.columns
    inner[:full_rows] = tiles[:whole].reshape(full_rows, grid.columns, *tiles.shape[1:])
    if rest:
        inner[full_rows, :rest] = tiles[whole:]
    canvas = cells.reshape(grid.rows * grid.cell_height, grid.columns * grid.cell_width, *depth)
    return canvas[: grid.size[1], : grid.size[0]]


def pack_tiles(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Lay tiles ``(n, h, w)`` or ``(n, h, w, 3)`` side by side, without gaps and titles."""
    count, height, width = tiles.shape[:3]
    return arrange(tiles, TileLayout(count, min(columns, count), height, width, gap=0))


def draw(scaled: ScaledTiles, titles: Sequence[str], columns: int, side: int = 0) -> np.ndarray:
    """Draw scaled tiles with their titles as one canvas of palette entries, uint8 ``(h, w)``.

    Flat tiles are struck through. ``side`` is the size to draw the tiles at, a whole multiple of
    theirs (0: as they are).
    """
    factor = max(1, side // scaled.levels.shape[2])
    tiles = enlarge(scaled.levels, factor)
    tiles = np.where(scaled.flat[:, None, None] & diagonal(*tiles.shape[1:]), np.uint8(MARK), tiles)
    grid = tile_layout(tiles, columns)
    canvas = arrange(tiles, grid)
    lettering = letter(titles, grid)
    return np.where(lettering > 0, lettering, canvas)


def tile_layout(tiles: np.ndarray, columns: int) -> TileLayout:
    """The grid for tiles ``(n, h, w, ...)``, with a title strip in proportion to their width."""
    height, width = tiles.shape[1:3]
    title_height = LETTERING.size(width) + TITLE_SPACE
    return TileLayout(len(tiles), min(columns, len(tiles)), height, width, title_height)


def diagonal(height: int, width: int) -> np.ndarray:
    """The stroke that marks a flat tile, bool ``(height, width)``."""
    rows, columns = np.ogrid[:height, :width]
    stroke: np.ndarray = np.abs(rows * width - columns * height) <= max(height, width)
    return stroke


def letter(titles: Sequence[str], grid: TileLayout) -> np.ndarray:
    """Write every title above its tile: 0, or how much ink (1 to ``INK_STEPS``), uint8 ``(h, w)``.

    Raises:
        ValueError: there is not one title a tile.
    """
    if len(titles) != grid.count:
        raise ValueError(f"expected {grid.count} titles, got {len(titles)}")
    width, height = grid.size
    canvas = np.zeros((height, width), np.uint8)
    size = LETTERING.size(grid.tile_width)
    for index, title in enumerate(titles):
        left, bottom = grid.corner(index)
        text = fitting_mask(title, size, grid.tile_width)
        left += (grid.tile_width - text.shape[1]) // 2
        top = bottom - text.shape[0]
        canvas[top:bottom, left : left + text.shape[1]] = text
    return canvas


@lru_cache(maxsize=4096)
def fitting_mask(title: str, size: int, width: int) -> np.ndarray:
    """A title's letters as far as they fit, with an ellipsis where some are left out."""
    mask = title_mask(title, size)
    while mask.shape[1] > width and len(title) > 1:
        title = title.removesuffix("…")[:-1].rstrip() + "…"
        mask = title_mask(title, size)
    return mask[:, :width]


def title_mask(title: str, size: int) -> np.ndarray:
    """Render one line of text: ink from 0 to ``INK_STEPS``, uint8 ``(size + 4, width)``."""
    # The anchor "ls" is the left end of the base line: titles of all shapes then line up.
    ink, (left, top) = title_font(size).getmask2(title, mode="L", anchor="ls")
    width, height = ink.size
    mask = np.zeros((size + 4, left + width), np.uint8)
    levels = np.frombuffer(bytes(ink), np.uint8).reshape(height, width) // (256 // (INK_STEPS + 1))
    mask[size + top : size + top + height, left:] = levels
    return mask


@lru_cache(maxsize=16)
def title_font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, so that a mosaic looks the same on every machine."""
    # Pillow's packages have FreeType; without it there would be an `ImageFont.ImageFont`.
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))


@lru_cache(maxsize=64)
def color_levels(color_map: str) -> np.ndarray:
    """Sample one of Matplotlib's color maps at the scale's levels, uint8 ``(LEVELS, 3)``."""
    # Imported here: Matplotlib takes a quarter of a second, which the first page need not wait for.
    from matplotlib import colormaps

    colors = colormaps[color_map](np.linspace(0, 1, LEVELS), bytes=True)[:, :3]
    colors.setflags(write=False)
    return colors


def gray(photograph: np.ndarray) -> np.ndarray:
    """A photograph, RGB uint8 ``(h, w, 3)``, as it lies under tiles: its luma, in ``GRAYS``.

    Uint8 ``(h, w)``; the weights are those of ITU-R BT.601.
    """
    dark, light = GRAYS
    luma = photograph @ np.array([0.299, 0.587, 0.114])
    levels: np.ndarray = np.rint(dark + luma * ((light - dark) / 255)).astype(np.uint8)
    return levels


def tint(scaled: ScaledTiles, color_map: str) -> np.ndarray:
    """The color of every place of tiles over a photograph, RGBA uint8 ``(n, h, w, 4)``.

    It is the less transparent, the further the value is from 0: up to ``COVER`` at the end of the
    scale that is further from it. A flat tile is clear; what is no number is marked, and opaque.
    """
    marked = scaled.levels == MARK
    shares = _strength(scaled)
    shares[scaled.flat] = 0
    colors = np.concatenate([np.zeros((FIRST_LEVEL, 3), np.uint8), color_levels(color_map)])
    tinted = np.empty((*scaled.levels.shape, 4), np.uint8)
    tinted[..., :3] = np.where(marked[..., None], MARK_COLOR, colors[scaled.levels])
    tinted[..., 3] = np.where(marked, 255, np.rint(shares * (255 * COVER)))
    return tinted


def _strength(scaled: ScaledTiles) -> np.ndarray:
    """How far every value is from 0, from 0 to 1 at the scale's end, float ``(n, h, w)``."""
    low, high = (end.astype(np.float64)[:, None, None] for end in (scaled.low, scaled.high))
    largest = np.maximum(np.abs(low), np.abs(high))
    position = (scaled.levels.astype(np.float64) - FIRST_LEVEL) / (LEVELS - 1)
    strength: np.ndarray = np.abs(low + position * (high - low))
    strength /= np.where(largest > 0, largest, np.inf)
    return strength


def lay_over(tints: np.ndarray, under: np.ndarray, side: int) -> np.ndarray:
    """Lay tints, RGBA uint8 ``(n, s, s, 4)``, over one gray picture, uint8 ``(h, h)``.

    RGB uint8 ``(n, side, side, 3)``: places are enlarged sharply, the picture smoothly; ``side`` is
    a whole multiple of ``s``.
    """
    picture = Image.fromarray(under).resize((side, side), Image.Resampling.BICUBIC).convert("RGB")
    tiles = np.empty((len(tints), side, side, 3), np.uint8)
    for tile, tinted in zip(tiles, tints, strict=True):
        places = Image.fromarray(tinted).resize((side, side), Image.Resampling.NEAREST)
        mixed = Image.composite(places.convert("RGB"), picture, places.getchannel("A"))
        tile[:] = np.asarray(mixed)
    return tiles


def tinted_levels(color_map: str, low: float, high: float) -> np.ndarray:
    """The colors of a scale as they look over middle gray, uint8 ``(LEVELS, 3)``."""
    levels = np.arange(FIRST_LEVEL, FIRST_LEVEL + LEVELS, dtype=np.uint8)[None, None]
    ends = (np.array([end], np.float32) for end in (low, high))
    scaled = ScaledTiles(levels, next(ends), next(ends), np.array([False]))
    tints = tint(scaled, color_map)
    middle = Image.new("RGBA", (LEVELS, 1), (sum(GRAYS) // 2,) * 3)
    return np.asarray(Image.alpha_composite(middle, Image.fromarray(tints[0])))[0, :, :3]


def png(canvas: np.ndarray, color_map: str | None = "gray", ink: Color = (0, 0, 0)) -> bytes:
    """Encode a canvas, palette entries ``(h, w)``, RGB or RGBA ``(h, w, 3 or 4)``, as PNG bytes.

    Without a color map, ``(h, w)`` are plain gray levels.
    Compression is zlib's quickest: the next level takes three times as long for a tenth less.
    """
    image = Image.fromarray(canvas)
    options: dict[str, object] = {"compress_level": 1}
    if canvas.ndim == 2 and color_map:
        # A palette picture has no other way in than "L" with a palette put on.
        image.putpalette(palette(color_map, ink))
        options["transparency"] = transparency()
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    return buffer.getvalue()


def palette(color_map: str, ink: Color) -> bytes:
    """The 256 colors of a canvas, RGB."""
    fixed = np.array([(0, 0, 0), *[ink] * INK_STEPS, MARK_COLOR], np.uint8)
    return np.concatenate([fixed, color_levels(color_map)]).tobytes()


def transparency() -> bytes:
    """The opacity of the canvas' first entries: a clear background, then ink from thin to full."""
    return bytes(step * 255 // INK_STEPS for step in range(INK_STEPS + 1))
