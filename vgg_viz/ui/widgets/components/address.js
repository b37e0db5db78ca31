// The page's address: copies it, and makes one step of the history of one action of the visitor.
//
// The server says every new address, and Streamlit makes each a step of the browser's history. But
// a slider that is dragged or a key that is held, or pressed again at once, is one action.

import { unpack } from "./shared.js";
import { Steps } from "./steps.js";
import { surviveTranslation } from "./translation.js";

const SECONDS = 6; // that the word on what was copied stays
const STEPPING_KEYS = /^(Arrow|Page|Home|End)/;
const STEPPING_PARTS = '[role="slider"], [data-testid="stSlider"], [data-testid^="stNumberInputStep"]';
const OTHERS = ["embed", "embed_options", "debug"];

const steps = new Steps();
let tidied = false;
let view;

export default function (component) {
  const { data, parentElement } = component;
  const { address, missing } = unpack(data).header;
  tidy(address);
  openAtItsTop(address);
  surviveTranslation();
  const said = parentElement.querySelector(".said");
  parentElement.querySelector("button").onclick = () => copy(said, link(address), missing);
  parentElement.comeBack = () => component.setTriggerValue("picked", performance.now());
  // Called anew with all new data; only what has left the page is cleaned up.
  parentElement.listening ??= listen(parentElement);
  return () => setTimeout(() => parentElement.isConnected || parentElement.listening.abort());
}

function listen(parentElement) {
  const listening = new AbortController();
  watchConnection(parentElement, listening.signal);
  const options = { capture: true, signal: listening.signal };
  window.addEventListener("keydown", ({ key }) => steps.press(STEPPING_KEYS.test(key), performance.now()), options);
  window.addEventListener("pointerdown", (event) => steps.press(isStepper(event), performance.now()), options);
  // Its own: where the button moves in the page, the next one is there before this one goes.
  const watched = (...step) => pushOrReplace(...step);
  window.history.pushState = watched;
  listening.signal.addEventListener("abort", () => {
    if (window.history.pushState === watched) delete window.history.pushState;
  });
  return listening;
}

// The link as it was opened may say the same in other words, or more than can be shown.
function tidy(address) {
  if (tidied) return;
  tidied = true;
  if (window.location.href !== link(address))
    window.history.replaceState(window.history.state, "", link(address));
}

// Streamlit leaves the page where it was scrolled to, whatever it shows now.
function openAtItsTop(address) {
  const before = view;
  view = new URLSearchParams(address).get("view");
  if (before === undefined || before === view) return;
  document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}

function link(address) {
  const url = new URL(window.location.href);
  const parts = new URLSearchParams(address);
  for (const name of OTHERS)
    for (const value of url.searchParams.getAll(name)) parts.append(name, value);
  url.search = parts;
  return url.href;
}

// Another server than the one that was lost knows nothing of the page until it has run: a click on
// it would be the first that it hears of a control.
function watchConnection(parentElement, signal) {
  const app = document.querySelector("[data-test-connection-state]");
  const connected = () => app.dataset.testConnectionState === "CONNECTED";
  let lost = false;
  const observer = new MutationObserver(() => {
    if (lost && connected()) parentElement.comeBack();
    lost = !connected();
  });
  observer.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  signal.addEventListener("abort", () => observer.disconnect());
}

function isStepper(event) {
  return event.composedPath().some((part) => part.matches?.(STEPPING_PARTS));
}

function pushOrReplace(state, title, url) {
  const search = new URL(url, window.location.href).search;
  const method = steps.goOn(window.location.search, search) ? "replaceState" : "pushState";
  History.prototype[method].call(window.history, state, title, url);
}

async function copy(said, address, missing) {
  const note = missing ? ` It does not carry ${missing}.` : "";
  try {
    await navigator.clipboard.writeText(address);
    said.textContent = `Link copied.${note}`;
  } catch {
    // Without https, or without permission: the visitor copies it.
    const field = Object.assign(document.createElement("input"), { value: address, readOnly: true });
    field.setAttribute("aria-label", "Link to this view");
    said.replaceChildren(`Copy this link:${note}`, field);
    field.select();
  }
  said.hidden = false;
  clearTimeout(said.timer);
  if (!said.querySelector("input")) said.timer = setTimeout(() => (said.hidden = true), 1000 * SECONDS);
}
