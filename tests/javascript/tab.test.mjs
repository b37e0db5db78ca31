import assert from "node:assert/strict";
import { test } from "node:test";

import tab from "../../vgg_viz/ui/widgets/components/tab.js";
import { packed } from "./packed.mjs";

let settled;
const documentElement = { classList: { toggle: (name, on) => (settled = on) } };
globalThis.document = { documentElement };

test("the token is held in the tab, and sent once to each session that has none", () => {
  const held = new Map();
  const sessionStorage = {
    setItem: (name, text) => held.set(name, text),
    getItem: (name) => held.get(name) ?? null,
  };
  globalThis.window = { sessionStorage };
  const sent = [];
  const run = (token, answered = false) => {
    tab({ data: packed({ answered, token }), setTriggerValue: (name, value) => sent.push(value) });
    return [sent.length, settled];
  };
  assert.deepEqual([run(""), run("first"), run("first")], Array(3).fill([0, true]));
  assert.deepEqual([...held.values()], ["first"]);
  // A new session, which does not know it until it has run again, or never.
  assert.deepEqual([run(""), run(""), run("", true)], [[1, false], [1, false], [1, true]]);
  assert.deepEqual([run("first"), run("")], [[1, true], [2, false]]);
  assert.deepEqual([run("second"), run("")], [[2, true], [3, false]]);
  assert.deepEqual(sent, ["first", "first", "second"]);
});

test("a tab whose storage is blocked holds nothing", () => {
  globalThis.window = {
    get sessionStorage() {
      throw new Error("blocked");
    },
  };
  tab({ data: packed({ answered: false, token: "a" }), setTriggerValue: assert.fail });
  tab({ data: packed({ answered: false, token: "" }), setTriggerValue: assert.fail });
  assert.equal(settled, true);
});
