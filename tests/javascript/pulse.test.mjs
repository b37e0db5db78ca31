import assert from "node:assert/strict";
import { test } from "node:test";

import pulse from "../../vgg_viz/ui/widgets/components/pulse.js";

function packed(header) {
  const words = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(4 + words.length);
  new DataView(bytes.buffer).setUint32(0, words.length, true);
  bytes.set(words, 4);
  return bytes;
}

test("the page looks again every so often, but not during a run, or unseen", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  let [running, hidden, looks] = [false, false, 0];
  globalThis.document = {
    querySelector: () => (running ? {} : null),
    get hidden() {
      return hidden;
    },
  };
  const stop = pulse({ data: packed({ seconds: 2 }), setTriggerValue: () => looks++ });
  const after = (seconds) => {
    context.mock.timers.tick(1000 * seconds);
    return looks;
  };
  assert.deepEqual([after(1.9), after(0.2), after(2)], [0, 1, 2]);
  running = true;
  assert.equal(after(6), 2);
  running = false;
  assert.equal(after(2), 3);
  hidden = true;
  assert.equal(after(6), 3);
  hidden = false;
  assert.equal(after(2), 4);
  stop();
  assert.equal(after(6), 4);
});
