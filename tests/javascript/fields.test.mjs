import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldAt, fieldText } from "../../vgg_viz/ui/widgets/components/fields.js";

// Three positions per side, each with a receptive field of six pixels, on an image of eight.
const HEADER = { input: 8, fields: [[-2, 4], [1, 7], [4, 10]] };

test("a field inside the image is whole", () => {
  const { whole, inside, cut } = fieldAt(HEADER, 1, 1);
  assert.deepEqual(whole, { top: 1, left: 1, bottom: 7, right: 7 });
  assert.deepEqual(inside, whole);
  assert.deepEqual(cut, []);
});

test("a field is cut off at the image's border", () => {
  const { whole, inside, cut } = fieldAt(HEADER, 0, 2);
  assert.deepEqual(whole, { top: -2, left: 4, bottom: 4, right: 10 });
  assert.deepEqual(inside, { top: 0, left: 4, bottom: 4, right: 8 });
  assert.deepEqual(cut, ["top", "right"]);
});

test("the text of a field counts rows and columns from 1", () => {
  assert.equal(
    fieldText(fieldAt(HEADER, 1, 1)),
    "Receptive field: rows 2 to 7, columns 2 to 7 (6 × 6 pixels).",
  );
  assert.equal(
    fieldText(fieldAt(HEADER, 0, 2)),
    "Receptive field: rows 1 to 4, columns 5 to 8 (6 × 6 pixels, cut off at the border).",
  );
});
