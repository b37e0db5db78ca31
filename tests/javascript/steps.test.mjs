import assert from "node:assert/strict";
import { test } from "node:test";

import { Steps, changedNames } from "../../vgg_viz/ui/widgets/components/steps.js";

test("changed parameters are named in order", () => {
  assert.equal(changedNames("?b=1&a=1&c=1", "?c=1&a=2&d=3"), "a,b,d");
  assert.equal(changedNames("?a=1&a=2", "?a=2&a=1"), "a");
  assert.equal(changedNames("?a=1&b=2", "?b=2&a=1"), "");
});

// Presses [steps a control, time] and changed fields, in turn; at the end, whether each change
// continues the action of the last one.
const COURSES = {
  "a held key is one action": [
    [true, 0], "maps", [true, 40], "maps", [true, 80], "maps", false, true, true,
  ],
  "a dragged slider is one action": [[true, 0], "maps", "maps", "maps", false, true, true],
  "a key pressed again later is another action": [
    [true, 0], "maps", [true, 1001], "maps", false, false,
  ],
  "a key pressed again within a second continues": [[true, 0], "maps", [true, 1000], "maps", false, true],
  "another control is another action": [[true, 0], "maps", [true, 100], "layer", false, false],
  "a click in between ends the action": [
    [true, 0], "maps", [false, 100], [true, 200], "maps", false, false,
  ],
  "clicks are separate actions": [[false, 0], "view", [false, 10], "view", false, false],
  "changes without a press are separate actions": ["view", "view", false, false],
};

for (const [name, course] of Object.entries(COURSES))
  test(name, () => {
    const steps = new Steps();
    let value = 0;
    const continued = [];
    for (const step of course.filter((one) => typeof one !== "boolean"))
      if (Array.isArray(step)) steps.press(...step);
      else continued.push(steps.continues(`?${step}=${value}`, `?${step}=${++value}`));
    assert.deepEqual(continued, course.filter((one) => typeof one === "boolean"));
  });
