import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.window = Object.assign({}, { dispatchEvent: ({ detail }) => told.push(detail) });
const told = [];
const { announce, selected, withdraw } = await import("../../vgg_viz/ui/widgets/components/selected.js");

test("an element that another one has replaced leaves the other one's channel selected", () => {
  const [old, successor] = [{}, {}];
  announce(3, old);
  announce(5, successor);
  withdraw(old);
  assert.deepEqual([selected(), told], [5, [3, 5, 5]]);
});

test("the channel of an element that stays is selected again when the last one leaves", () => {
  const [first, last] = [{}, {}];
  announce(3, first);
  announce(5, last);
  withdraw(last);
  assert.equal(selected(), 3);
  announce(null, first);
  assert.equal(selected(), null);
});
