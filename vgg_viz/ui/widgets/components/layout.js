// Where the tiles of a mosaic lie, in CSS pixels. What of it is the same on the page and in exported
// pictures, the gap and the letters, the header says (vgg_viz/ui/widgets/grid.py).

import { clamp } from "./shared.js";

export const MARGIN = 4; // of the scroller, in mosaic.css
const MOST_PIXELS = 16_777_216; // of a canvas: beyond that iOS shows nothing

// The height of a title above a tile of that size, with the space around it.
export function titleHeight({ letters, space }, tile) {
  const { least, share, most } = letters;
  return clamp(tile * share, least, most) + space;
}

// As wide as the page has room for.
export function fitWidth({ columns, largest, gap }, width) {
  return { columns, tile: Math.min((width - 2 * MARGIN) / columns - gap, largest) };
}

// As large as fits `across` and `down`: columns that mean nothing may be more, then. `width` is what
// there is without scrolling.
export function fill(header, count, { across, down, width }) {
  const { free, gap } = header;
  let best = { columns: header.columns, tile: 0 };
  for (let columns = header.columns; columns <= (free ? count : header.columns); columns++) {
    const wide = (across - 2 * MARGIN) / columns - gap;
    const high = (down - 2 * MARGIN) / Math.ceil(count / columns) - gap;
    const tile = Math.min(wide, high - titleHeight(header, Math.min(wide, high)));
    if (tile > best.tile) best = { columns, tile };
  }
  const most = Math.floor((width - 2 * MARGIN) / (best.tile + gap) + 0.01); // rounding
  if (most >= best.columns) return best;
  return free && most ? { columns: most, tile: best.tile } : fitWidth(header, width);
}

// Tiles of about that size, on whole pixels of a screen that has `density` of them to a CSS pixel.
export function layOut(header, count, { columns, tile: size }, density) {
  const tile = Math.floor(size * density) / density;
  const title = Math.ceil(titleHeight(header, tile));
  const head = header.heads.length ? title + header.gap : 0;
  const rows = Math.ceil(count / columns);
  const [width, height] = [tile + header.gap, title + tile + header.gap];
  const most = Math.sqrt(MOST_PIXELS / (columns * width * (head + rows * height)));
  return { count, columns, rows, tile, title, head, width, height, ratio: Math.min(density, most) };
}

// The left and the top of a tile, below its title.
export function corner({ columns, width, height, title, head }, tile) {
  return [(tile % columns) * width, head + Math.floor(tile / columns) * height + title];
}

// The tile there, or null.
export function tileAt({ count, columns, width, height, head }, x, y) {
  const [column, row] = [Math.floor(x / width), Math.floor((y - head) / height)];
  const tile = row * columns + column;
  return column >= 0 && column < columns && row >= 0 && tile < count ? tile : null;
}

// The place there within a tile of `places` a side, from 0; on the title and in the gap there is none.
export function placeAt(layout, tile, places, x, y) {
  const [left, top] = corner(layout, tile);
  const [row, column] = [y - top, x - left].map((from) => Math.floor((from / layout.tile) * places));
  const inside = [row, column].every((at) => at >= 0 && at < places);
  return inside ? { row, column } : null;
}

// The place beside that one, or itself at the tile's edge; without one, the middle.
export function placeBeside(place, [down, across], places) {
  const { row, column } = place ?? { row: places >> 1, column: places >> 1 };
  const within = (at) => clamp(at, 0, places - 1);
  return place ? { row: within(row + down), column: within(column + across) } : { row, column };
}

// Where a place's value stands among those of all tiles, tile by tile and row by row.
export function indexOf(places, tile, { row, column }) {
  return (tile * places + row) * places + column;
}

// A place's square, from its tile's corner.
export function placeBox({ tile }, places, { row, column }) {
  const side = tile / places;
  return { left: column * side, top: row * side, side };
}
