import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldAt, fieldInWords } from "../../vgg_viz/ui/widgets/components/fields.js";

// A map of three positions a side, each with a field of six pixels, on a picture of eight.
const HEADER = { input: 8, fields: [[-2, 4], [1, 7], [4, 10]] };

test("a field in the middle is seen whole", () => {
  const { whole, seen, cut } = fieldAt(HEADER, 1, 1);
  assert.deepEqual(whole, { top: 1, left: 1, bottom: 7, right: 7 });
  assert.deepEqual(seen, whole);
  assert.deepEqual(cut, []);
});

test("a field is cut where the picture ends", () => {
  const { whole, seen, cut } = fieldAt(HEADER, 0, 2);
  assert.deepEqual(whole, { top: -2, left: 4, bottom: 4, right: 10 });
  assert.deepEqual(seen, { top: 0, left: 4, bottom: 4, right: 8 });
  assert.deepEqual(cut, ["top", "right"]);
});

test("a field is told by rows and columns that are counted from 1", () => {
  assert.equal(
    fieldInWords(fieldAt(HEADER, 1, 1)),
    "It sees rows 2 to 7 and columns 2 to 7 of the picture, 6 × 6 pixels.",
  );
  assert.equal(
    fieldInWords(fieldAt(HEADER, 0, 2)),
    "It sees rows 1 to 4 and columns 5 to 8 of the picture: its 6 × 6 pixels are cut off at the border.",
  );
});
