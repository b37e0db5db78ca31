import assert from "node:assert/strict";
import { test } from "node:test";

import {
  MARGIN, corner, fill, fitWidth, layOut, tileAt, titleHeight,
} from "../../vgg_viz/ui/widgets/components/layout.js";

const HEADER = {
  columns: 4, free: true, largest: 320, gap: 4, space: 5, heads: [],
  letters: { least: 11, share: 0.13, most: 22 },
};
const ROOM = { across: 1000, down: 600, width: 1000 };

test("titles grow with their tiles, within bounds", () => {
  assert.deepEqual([10, 100, 1000].map((tile) => titleHeight(HEADER, tile)), [16, 18, 27]);
});

test("a grid that is as wide as the page fills it, but no tile is larger than wanted", () => {
  assert.deepEqual(fitWidth(HEADER, 2 * MARGIN + 4 * 104), { columns: 4, tile: 100 });
  assert.deepEqual(fitWidth(HEADER, 5000), { columns: 4, tile: 320 });
});

// Against the plain way: every number of columns is tried with ever smaller tiles.
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
  test(`${count} tiles fill the room as well as can be, and never leave it`, () => {
    const choices = [...Array(count).keys()].map((index) => index + 1);
    const header = { ...HEADER, columns: Math.ceil(Math.sqrt(count)) };
    const { columns, tile } = fill(header, count, ROOM);
    const best = largest(count, choices, ROOM);
    assert.ok(tile >= 0.85 * best.tile, `${tile} for ${best.tile}`);
    assert.ok(columns * (tile + HEADER.gap) + 2 * MARGIN <= ROOM.across + 1);
    const { height, rows } = layOut(header, count, { columns, tile }, 1);
    assert.ok(rows * height + 2 * MARGIN <= ROOM.down + rows);
  });

test("columns that mean something stay as many", () => {
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

test("no canvas has more pixels than a telephone shows", () => {
  const { columns, rows, width, height, ratio } = layOut(HEADER, 512, { columns: 23, tile: 400 }, 3);
  assert.ok(columns * width * rows * height * ratio ** 2 <= 16_777_216 * 1.0001);
});

test("every tile is found at each of its corners, and none in the gaps' end or beside", () => {
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
