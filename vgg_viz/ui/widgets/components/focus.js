// Keeps the keyboard's focus on a control that Streamlit replaces: it does so where elements before the
// control come or go, or the page changes what was typed. Without this, the focus would fall to the
// top of the page.

const LONGEST = 30_000; // milliseconds after which a control no longer gets the focus back

let watching = false;
let focused = null; // the control, and how to find the one that replaces it

export function keepFocus() {
  if (watching) return;
  watching = true;
  window.addEventListener("focusin", (event) => note(event.composedPath()[0]), true);
  // Before the next control has the focus, the one that is left may be removed.
  window.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && note(relatedTarget), true);
  window.addEventListener("pointerdown", forgetIfLeft, true);
  window.addEventListener("keydown", ({ key }) => key === "Escape" && forgetIfLeft(), true);
  new MutationObserver(refocus).observe(document.body, { childList: true, subtree: true });
}

function note(element) {
  focused = { element, key: keyOf(element), name: nameOf(element), lost: 0 };
}

// Who clicks elsewhere, or presses Esc, leaves the control.
function forgetIfLeft() {
  setTimeout(() => {
    if (isLost() && focused?.element.isConnected) focused = null;
  });
}

function refocus() {
  if (!focused || !isLost()) return;
  focused.lost ||= performance.now();
  if (performance.now() - focused.lost > LONGEST) focused = null;
  else (focused.element.isConnected ? focused.element : successor())?.focus({ preventScroll: true });
}

function isLost() {
  return document.activeElement === document.body;
}

function successor() {
  const { element, key, name } = focused;
  const alike = [...all(element.localName)].filter(
    (other) => other.type === element.type && other.role === element.role && nameOf(other) === name,
  );
  const near = alike.filter((other) => keyOf(other) === key);
  return near.length ? near[0] : alike.length === 1 ? alike[0] : null;
}

function* all(tag, root = document.querySelector('[data-testid="stApp"]')) {
  yield* root.querySelectorAll(tag);
  for (const host of root.querySelectorAll("*")) if (host.shadowRoot) yield* all(tag, host.shadowRoot);
}

// A control's key, without the number that changes when the page changes the control's value.
function keyOf(element) {
  const host = element.getRootNode().host ?? element;
  const classes = host.closest?.('[class*="st-key-"]')?.className ?? "";
  return /st-key-\S+/.exec(classes)?.[0].replace(/-\d+$/, "");
}

// By the content, hidden or not: for the visible text, the browser would lay out the page first.
function nameOf(element) {
  return (element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent ?? "").trim();
}
