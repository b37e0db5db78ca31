import assert from "node:assert/strict";
import { test } from "node:test";

import pulse from "../../vgg_viz/ui/widgets/components/pulse.js";
import { packed } from "./packed.mjs";

test("the fragment reruns at intervals, but not during a run or in a hidden tab", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  let [running, hidden, reruns] = [false, false, 0];
  globalThis.document = {
    querySelector: () => (running ? {} : null),
    get hidden() {
      return hidden;
    },
  };
  const stop = pulse({ data: packed({ seconds: 2 }), setTriggerValue: () => reruns++ });
  const after = (seconds) => {
    context.mock.timers.tick(1000 * seconds);
    return reruns;
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
