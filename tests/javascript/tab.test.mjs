import assert from "node:assert/strict";
import { test } from "node:test";

import tab from "../../vgg_viz/ui/widgets/components/tab.js";

function packed(header) {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(4 + json.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  return bytes;
}

test("the token is held in the tab, and sent once to each session that has none", () => {
  const held = new Map();
  const sessionStorage = {
    setItem: (name, text) => held.set(name, text),
    getItem: (name) => held.get(name) ?? null,
  };
  globalThis.window = { sessionStorage };
  const sent = [];
  const run = (token, asks = false) => {
    tab({ data: packed({ asks, token }), setTriggerValue: (name, value) => sent.push(value) });
    return sent.length;
  };
  assert.deepEqual([run(""), run("", true), run("", true), run(""), run("", true)], [0, 1, 1, 1, 2]);
  assert.deepEqual(sent.splice(0), ["", ""]);
  assert.deepEqual([run("first"), run("first", true)], [0, 0]);
  assert.deepEqual([...held.values()], ["first"]);
  // A new session, which does not know it until it has run again, or never.
  assert.deepEqual([run(""), run("")], [1, 1]);
  assert.deepEqual([run("first"), run(""), run("second"), run("")], [1, 2, 2, 3]);
  assert.deepEqual(sent, ["first", "first", "second"]);
});

test("a tab whose storage is blocked holds nothing", () => {
  globalThis.window = {
    get sessionStorage() {
      throw new Error("blocked");
    },
  };
  tab({ data: packed({ token: "a" }), setTriggerValue: assert.fail });
  tab({ data: packed({ token: "" }), setTriggerValue: assert.fail });
});
