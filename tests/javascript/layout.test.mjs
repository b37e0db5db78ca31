import assert from "node:assert/strict";
import { test } from "node:test";

import {
  MARGIN, corner, fill, fitWidth, indexOf, layOut, nextPosition, positionAt, positionBox, tileAt, titleHeight,
} from "../../vgg_viz/ui/widgets/components/layout.js";

const HEADER = {
  columns: 4, free: true, largest: 320, gap: 4, space: 5, heads: [],
  letters: { least: 11, share: 0.13, most: 22 },
};
const ROOM = { across: 1000, down: 600, width: 1000 };

test("titles grow with their tiles, within bounds", () => {
  assert.deepEqual([10, 100, 1000].map((tile) => titleHeight(HEADER, tile)), [16, 18, 27]);
});

test("a grid fills the page's width, up to the largest tile", () => {
  assert.deepEqual(fitWidth(HEADER, 2 * MARGIN + 4 * 104), { columns: 4, tile: 100 });
  assert.deepEqual(fitWidth(HEADER, 5000), { columns: 4, tile: 320 });
});

test("a grid that wraps halves its rows until its tiles are large enough, or are an odd number", () => {
  const header = { ...HEADER, columns: 12, smallest: 100, wraps: true };
  const columns = (width) => fitWidth(header, 2 * MARGIN + width).columns;
  assert.deepEqual([12 * 104, 12 * 104 - 1, 6 * 104 - 1, 100].map(columns), [12, 6, 3, 3]);
  assert.equal(fitWidth({ ...header, wraps: false }, 600).columns, 12);
});

// An oracle: tries every number of columns with ever smaller tiles.
function largest(count, choices, { across, down }) {
  for (let tile = across; tile > 0; tile -= 0.25)
    for (const columns of choices) {
      const rows = Math.ceil(count / columns);
      const wide = columns * (tile + HEADER.gap) + 2 * MARGIN;
      const high = rows * (tile + titleHeight(HEADER, tile) + HEADER.gap) + 2 * MARGIN;
      if (wide <= across && high <= down) return { columns, tile };
    }
  return null;
}

for (const count of [1, 2, 7, 16, 64, 200])
  test(`${count} tiles fill the room and stay within it`, () => {
    const choices = [...Array(count).keys()].map((index) => index + 1);
    const header = { ...HEADER, columns: Math.ceil(Math.sqrt(count)) };
    const { columns, tile } = fill(header, count, ROOM);
    const best = largest(count, choices, ROOM);
    assert.ok(tile >= 0.75 * best.tile, `${tile} for ${best.tile}`);
    assert.ok(columns * (tile + HEADER.gap) + 2 * MARGIN <= ROOM.across + 1);
    const { height, rows } = layOut(header, count, { columns, tile }, 1);
    assert.ok(rows * height + 2 * MARGIN <= ROOM.down + rows);
  });

test("rows are full where that costs little", () => {
  const header = { ...HEADER, columns: 4 };
  for (const [across, down] of [[600, 500], [722, 500], [1240, 560]]) {
    const { columns } = fill(header, 16, { across, down, width: across });
    assert.equal(16 % columns, 0, `${columns} columns in ${across} × ${down}`);
  }
});

test("a fixed number of columns is kept", () => {
  const { columns } = fill({ ...HEADER, free: false, columns: 3 }, 9, { ...ROOM, down: 200 });
  assert.equal(columns, 3);
});

test("tiles lie on whole pixels of any screen", () => {
  for (const density of [1, 1.25, 1.5, 2, 3]) {
    const { tile } = layOut(HEADER, 16, { columns: 4, tile: 101.77 }, density);
    assert.ok(Math.abs(tile * density - Math.round(tile * density)) < 1e-9);
    assert.ok(tile <= 101.77 && tile > 101.77 - 1 / density);
  }
});

test("no canvas exceeds the limit of phones", () => {
  const { columns, rows, width, height, ratio } = layOut(HEADER, 512, { columns: 23, tile: 400 }, 3);
  assert.ok(columns * width * rows * height * ratio ** 2 <= 16_777_216 * 1.0001);
});

test("every tile is found at its corners, and none beside the grid", () => {
  for (const heads of [[], ["a", "b", "c", "d"]]) {
    const layout = layOut({ ...HEADER, heads }, 10, { columns: 4, tile: 50 }, 1);
    for (let tile = 0; tile < 10; tile++) {
      const [left, top] = corner(layout, tile);
      for (const [x, y] of [[0, 0], [49.9, 0], [0, 49.9], [49.9, 49.9]])
        assert.equal(tileAt(layout, left + x, top + y), tile);
    }
    const [left, top] = corner(layout, 9);
    assert.equal(tileAt(layout, left + layout.width, top), null);
    for (const [x, y] of [[-1, 20], [20, -1], [4 * layout.width, layout.head], [20, 1e4]])
      assert.equal(tileAt(layout, x, y), null);
  }
});

test("every position is found in its square, and none outside the tile", () => {
  const layout = layOut({ ...HEADER, heads: ["a"] }, 10, { columns: 4, tile: 56 }, 1);
  for (const tile of [0, 3, 9]) {
    const [left, top] = corner(layout, tile);
    for (let row = 0; row < 14; row++)
      for (let column = 0; column < 14; column++)
        for (const [x, y] of [[0, 0], [3.9, 3.9]]) {
          const position = positionAt(layout, tile, 14, left + 4 * column + x, top + 4 * row + y);
          assert.deepEqual(position, { row, column });
        }
    for (const [x, y] of [[-1, 9], [9, -1], [57, 9], [9, 57]])
      assert.equal(positionAt(layout, tile, 14, left + x, top + y), null);
  }
});

test("a tile without positions has none", () => {
  const layout = layOut(HEADER, 1, { columns: 1, tile: 56 }, 1);
  assert.equal(positionAt(layout, 0, 0, 20, 40), null);
});

test("a position's square lies where the position is found", () => {
  assert.deepEqual(positionBox({ tile: 56 }, 14, { row: 2, column: 13 }), { left: 52, top: 8, side: 4 });
});

test("moving starts in the middle and stays in the tile", () => {
  assert.deepEqual(nextPosition(null, [0, 1], 14), { row: 7, column: 7 });
  assert.deepEqual(nextPosition({ row: 7, column: 7 }, [0, 1], 14), { row: 7, column: 8 });
  assert.deepEqual(nextPosition({ row: 7, column: 7 }, [-1, 0], 14), { row: 6, column: 7 });
  assert.deepEqual(nextPosition({ row: 13, column: 0 }, [1, 0], 14), { row: 13, column: 0 });
  assert.deepEqual(nextPosition({ row: 13, column: 0 }, [0, -1], 14), { row: 13, column: 0 });
});

test("values are ordered by tile, row and column", () => {
  const indices = [];
  for (let tile = 0; tile < 2; tile++)
    for (let row = 0; row < 3; row++)
      for (let column = 0; column < 3; column++) indices.push(indexOf(3, tile, { row, column }));
  assert.deepEqual(indices, [...Array(18).keys()]);
});
