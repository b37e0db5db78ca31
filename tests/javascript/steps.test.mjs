import assert from "node:assert/strict";
import { test } from "node:test";

import { Steps, changedNames } from "../../vgg_viz/ui/widgets/components/steps.js";

test("what differs between two addresses is named in order", () => {
  assert.equal(changedNames("?b=1&a=1&c=1", "?c=1&a=2&d=3"), "a,b,d");
  assert.equal(changedNames("?a=1&a=2", "?a=2&a=1"), "a");
  assert.equal(changedNames("?a=1&b=2", "?b=2&a=1"), "");
});

// Presses [does it step, when] and changes of the address, in turn; true where a step goes on.
const COURSES = {
  "a key that is held is one step": [
    [true, 0], "maps", [true, 40], "maps", [true, 80], "maps", false, true, true,
  ],
  "a slider that is dragged is pressed once": [[true, 0], "maps", "maps", "maps", false, true, true],
  "a key that is pressed again later is another step": [
    [true, 0], "maps", [true, 1001], "maps", false, false,
  ],
  "a second is not too late": [[true, 0], "maps", [true, 1000], "maps", false, true],
  "another control is another step": [[true, 0], "maps", [true, 100], "layer", false, false],
  "a click between is another step": [
    [true, 0], "maps", [false, 100], [true, 200], "maps", false, false,
  ],
  "what no key steps never goes on": [[false, 0], "view", [false, 10], "view", false, false],
  "what nobody pressed is a step": ["view", "view", false, false],
};

for (const [name, course] of Object.entries(COURSES))
  test(name, () => {
    const steps = new Steps();
    let value = 0;
    const said = [];
    for (const one of course.filter((each) => typeof each !== "boolean"))
      if (Array.isArray(one)) steps.press(...one);
      else said.push(steps.goOn(`?${one}=${value}`, `?${one}=${++value}`));
    assert.deepEqual(said, course.filter((each) => typeof each === "boolean"));
  });
