import assert from "node:assert/strict";
import { test } from "node:test";

import { clamp, cut, unpack } from "../../vgg_viz/ui/widgets/components/shared.js";
import { packed } from "./packed.mjs";

test("data are split into header and other bytes", () => {
  const { header, rest } = unpack(packed({ title: "Karte ä", counts: [1, 2] }, [7, 8, 9]));
  assert.deepEqual(header, { title: "Karte ä", counts: [1, 2] });
  assert.deepEqual([...rest], [7, 8, 9]);
});

test("data may begin anywhere in a buffer, and end with the header", () => {
  const { header, rest } = unpack(packed({ one: 1 }, [], 13));
  assert.deepEqual(header, { one: 1 });
  assert.equal(rest.length, 0);
});

test("pieces are copied to the start of their own buffers", () => {
  const all = new Uint8Array([9, 9, 1, 2, 3, 0, 0, 128, 63]).subarray(2);
  const [first, none, last] = cut(all, [3, 0, 4]);
  assert.deepEqual([...first], [1, 2, 3]);
  assert.equal(none.length, 0);
  assert.deepEqual([...new Float32Array(last.buffer)], [1]);
});

test("a value is clamped, and the lower bound wins", () => {
  assert.deepEqual([-1, 0, 2, 5, 9].map((value) => clamp(value, 0, 5)), [0, 0, 2, 5, 5]);
  assert.equal(clamp(3, 4, 2), 4);
});
