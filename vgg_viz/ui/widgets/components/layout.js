// Layout of a mosaic's tiles, in CSS pixels. The header sets what the page shares with exported
// images, such as gap and lettering (vgg_viz/ui/widgets/grid.py).

import { clamp } from "./shared.js";

export const MARGIN = 4; // of the scroller, in mosaic.css
const NEARLY = 0.75; // as large, of a tile's side
const MAX_CANVAS_PIXELS = 16_777_216; // iOS shows nothing beyond

// Height of a title above a tile of this size, with the space around it.
export function titleHeight({ letters, space }, tile) {
  const { least, share, most } = letters;
  return clamp(tile * share, least, most) + space;
}

// The layout that fills the page's width. If requested, rows are halved where tiles would be too small.
export function fitWidth({ columns, largest, smallest, wraps, gap }, width) {
  const tile = Math.min((width - 2 * MARGIN) / columns - gap, largest);
  if (!wraps || tile >= smallest || columns % 2) return { columns, tile };
  return fitWidth({ columns: columns / 2, largest, smallest, wraps, gap }, width);
}

// The largest tiles that fit into `across` × `down`, with more columns if their number is free; full
// rows if their tiles are nearly as large. `width` is the width without horizontal scrolling.
export function fill(header, count, { across, down, width }) {
  const { free, gap } = header;
  let best = { columns: header.columns, tile: 0 };
  let full = best;
  for (let columns = header.columns; columns <= (free ? count : header.columns); columns++) {
    const wide = (across - 2 * MARGIN) / columns - gap;
    const high = (down - 2 * MARGIN) / Math.ceil(count / columns) - gap;
    const tile = Math.min(wide, high - titleHeight(header, Math.min(wide, high)));
    if (tile > best.tile) best = { columns, tile };
    if (tile > full.tile && count % columns === 0) full = { columns, tile };
  }
  if (full.tile > NEARLY * best.tile) best = full;
  const most = Math.floor((width - 2 * MARGIN) / (best.tile + gap) + 0.01); // rounding
  if (most >= best.columns) return best;
  return free && most ? { columns: most, tile: best.tile } : fitWidth(header, width);
}

// The layout of tiles of about this size, aligned to a screen with `density` pixels per CSS pixel.
export function layOut(header, count, { columns, tile: size }, density) {
  const tile = Math.floor(size * density) / density;
  const title = Math.ceil(titleHeight(header, tile));
  const head = header.heads.length ? title + header.gap : 0;
  const rows = Math.ceil(count / columns);
  const [width, height] = [tile + header.gap, title + tile + header.gap];
  const most = Math.sqrt(MAX_CANVAS_PIXELS / (columns * width * (head + rows * height)));
  return { count, columns, rows, tile, title, head, width, height, ratio: Math.min(density, most) };
}

// Left and top of a tile, below its title.
export function corner({ columns, width, height, title, head }, tile) {
  return [(tile % columns) * width, head + Math.floor(tile / columns) * height + title];
}

// The tile at a point, or null.
export function tileAt({ count, columns, width, height, head }, x, y) {
  const [column, row] = [Math.floor(x / width), Math.floor((y - head) / height)];
  const tile = row * columns + column;
  return column >= 0 && column < columns && row >= 0 && tile < count ? tile : null;
}

// The position, from 0, at a point of a tile with `side` positions per side; null beside the tile.
export function positionAt(layout, tile, side, x, y) {
  const [left, top] = corner(layout, tile);
  const [row, column] = [y - top, x - left].map((from) => Math.floor((from / layout.tile) * side));
  const inside = [row, column].every((index) => index >= 0 && index < side);
  return inside ? { row, column } : null;
}

// The next position in a direction, at most the tile's edge; from no position, the middle.
export function nextPosition(position, [down, across], side) {
  if (!position) return { row: side >> 1, column: side >> 1 };
  const within = (index) => clamp(index, 0, side - 1);
  return { row: within(position.row + down), column: within(position.column + across) };
}

// Index of a position's value in the values of all tiles.
export function indexOf(side, tile, { row, column }) {
  return (tile * side + row) * side + column;
}

// Square of a position, relative to its tile's corner.
export function positionBox({ tile }, positions, { row, column }) {
  const side = tile / positions;
  return { left: column * side, top: row * side, side };
}
