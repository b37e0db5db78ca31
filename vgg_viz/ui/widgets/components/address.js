// Copies a link to the page, and makes one history entry of each of the viewer's actions.
//
// For every new URL from the server, Streamlit adds an entry to the browser's history. But dragging a
// slider, or holding or repeating a key, is one action.

import { keepFocus } from "./focus.js";
import { explainFailures, markUnsavable } from "./saving.js";
import { isRestoring, rememberScroll, saveScroll } from "./scroll.js";
import { darkenedBackground, unpack } from "./shared.js";
import { Steps } from "./steps.js";
import { surviveTranslation } from "./translation.js";

const SECONDS = 6; // that the message about the copied link stays
const STEPPING_KEYS = /^(Arrow|Page|Home|End)/;
const STEPPING_PARTS = '[role="slider"], [data-testid="stSlider"], [data-testid^="stNumberInputStep"]';
const ESCAPED = /&#(0*38|x0*26);/gi; // an "&" as HTML has it: a fragment, which no server sees
const HIDDEN_PARAMETERS = ["embed", "embed_options"]; // Streamlit does not tell the server of them

const steps = new Steps();
const BROKEN = /delta path|'setIn' cannot/; // Streamlit's errors when a run's elements do not fit into the last run's
const RELOADED = "vgg-viz-reloaded";

markUnsavable();

let normalized = false;
let view;

// Such an error leaves an empty page for good. The URL restores the view.
window.addEventListener("error", ({ message }) => {
  if (!BROKEN.test(message) || Date.now() - Number(window.sessionStorage.getItem(RELOADED)) < 10_000) return;
  window.sessionStorage.setItem(RELOADED, Date.now());
  window.location.reload();
});

export default function (component) {
  const { data, parentElement } = component;
  const { address, beside, fields, missing } = unpack(data).header;
  normalizeUrl(address, beside);
  scrollNewViewToTop(address);
  surviveTranslation();
  rememberScroll();
  keepFocus();
  explainFailures();
  markSurroundings();
  const status = parentElement.querySelector(".message");
  parentElement.querySelector("button").onclick = () => copy(status, missing, fields, beside);
  parentElement.rerun = () => component.setTriggerValue("picked", performance.now());
  // Called again for new data; cleans up only after the component has left the page.
  parentElement.listening ??= listen(parentElement);
  return () => setTimeout(() => parentElement.isConnected || parentElement.listening.abort());
}

function listen(parentElement) {
  const listening = new AbortController();
  watchConnection(parentElement, listening.signal);
  const options = { capture: true, signal: listening.signal };
  window.addEventListener("keydown", ({ key }) => steps.press(STEPPING_KEYS.test(key), performance.now()), options);
  window.addEventListener("pointerdown", (event) => steps.press(isStepper(event), performance.now()), options);
  // A function of this component's own: if the button moves, the next one starts before this one ends.
  const watched = (...entry) => pushOrReplace(...entry);
  window.history.pushState = watched;
  listening.signal.addEventListener("abort", () => {
    if (window.history.pushState === watched) delete window.history.pushState;
  });
  return listening;
}

// Tells the style sheets what they cannot see.
function markSurroundings() {
  const { classList } = document.documentElement;
  classList.toggle("framed", window.top !== window);
  classList.toggle("darkened", Boolean(darkenedBackground()));
}

// The opened link may have older names, or values that the page cannot show. Other programs' parameters
// stay, and so does what could not be read: the viewer may mend it.
function normalizeUrl(address, beside) {
  if (normalized) return;
  normalized = true;
  const mended = window.location.href.replace(ESCAPED, "&");
  if (mended !== window.location.href) return window.location.replace(mended);
  const parameters = new URLSearchParams([...new URLSearchParams(address), ...new URLSearchParams(beside)]);
  for (const name of HIDDEN_PARAMETERS)
    for (const value of parametersNow().getAll(name)) parameters.append(name, value);
  const url = withParameters(parameters);
  if (window.location.href !== url) window.history.replaceState(window.history.state, "", url);
}

// Streamlit keeps the scroll position, even in another view.
function scrollNewViewToTop(address) {
  const before = view;
  view = new URLSearchParams(address).get("view");
  if (before === undefined || before === view || isRestoring()) return;
  document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}

function parametersNow() {
  return new URL(window.location.href).searchParams;
}

function withParameters(parameters, others = {}) {
  return Object.assign(new URL(window.location.href), { search: parameters, ...others }).href;
}

// After a lost connection, a new server knows no controls until the page has run: without this run,
// it would ignore the next click.
function watchConnection(parentElement, signal) {
  const app = document.querySelector("[data-test-connection-state]");
  const connected = () => app.dataset.testConnectionState === "CONNECTED";
  let lost = false;
  const observer = new MutationObserver(() => {
    if (lost && connected()) parentElement.rerun();
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
  const method = steps.continues(window.location.search, search) ? "replaceState" : "pushState";
  saveScroll();
  History.prototype[method].call(window.history, state, title, url);
}

async function copy(status, missing, fields, beside) {
  // The view changes the URL without this component being shown again.
  const others = new URLSearchParams(beside);
  const isOwn = ([name, value]) => fields.includes(name) && !others.getAll(name).includes(value);
  const address = withParameters(new URLSearchParams([...parametersNow()].filter(isOwn)), { hash: "" });
  const note = missing ? ` It does not include ${missing}.` : "";
  try {
    await navigator.clipboard.writeText(address);
    status.textContent = `Link copied.${note}`;
  } catch {
    // Without HTTPS or permission, the viewer copies it.
    const field = Object.assign(document.createElement("input"), { value: address, readOnly: true });
    field.setAttribute("aria-label", "Link to this view");
    status.replaceChildren(`Copy this link:${note}`, field);
    field.select();
  }
  status.hidden = false;
  clearTimeout(status.timer);
  if (!status.querySelector("input")) status.timer = setTimeout(() => (status.hidden = true), 1000 * SECONDS);
}
