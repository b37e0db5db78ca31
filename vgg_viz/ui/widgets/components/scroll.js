// Scrolls to where a history entry was left, on Back and Forward. The page scrolls within an element,
// whose position browsers do not restore.

const NAME = "vggVizScroll"; // in the state of a history entry
const PAUSE = 200; // milliseconds without scrolling, after which the position is saved
const STEP = 50; // milliseconds between two looks at whether the page is at rest
const BEGINNING = 500; // milliseconds until a run begins; without a run, the page is at rest
const CALM = 6; // looks without a change, after which nothing more is drawn
const LONGEST = 20_000; // milliseconds until it is given up
const OTHER_WISHES = ["wheel", "touchmove", "pointerdown", "keydown"];
const AT_REST = '[data-test-script-state="notRunning"]';

let watching = false;
let restoring = null;
let saving;

export function rememberScroll() {
  if (watching) return;
  watching = true;
  const options = { capture: true, passive: true };
  document.addEventListener("scroll", ({ target }) => target === scroller() && saveSoon(), options);
  window.addEventListener("popstate", () => restore(window.history.state?.[NAME] ?? 0));
  for (const kind of OTHER_WISHES) window.addEventListener(kind, () => restoring && stop(), options);
}

// Called before a new entry, too.
export function saveScroll() {
  clearTimeout(saving);
  const top = Math.round(scroller()?.scrollTop ?? 0);
  if (restoring || (window.history.state?.[NAME] ?? 0) === top) return;
  const state = { ...window.history.state, [NAME]: top };
  History.prototype.replaceState.call(window.history, state, "", window.location.href);
}

function saveSoon() {
  clearTimeout(saving);
  saving = setTimeout(saveScroll, PAUSE);
}

function restore(top) {
  clearTimeout(saving);
  // What is drawn late above the position must not push it down.
  scroller()?.style.setProperty("overflow-anchor", "none");
  restoring = { top, since: performance.now(), began: false, height: 0, calm: 0 };
  setTimeout(look, STEP, restoring);
}

function look(wanted) {
  const main = scroller();
  if (wanted !== restoring || !main) return;
  const passed = performance.now() - wanted.since;
  const resting = document.querySelector(AT_REST) && !document.querySelector('[data-stale="true"]');
  wanted.began ||= !resting || passed > BEGINNING;
  if (wanted.began && resting) main.scrollTo(0, wanted.top);
  const there = Math.abs(main.scrollTop - wanted.top) < 2;
  const steady = wanted.began && resting && there && main.scrollHeight === wanted.height;
  wanted.height = main.scrollHeight;
  wanted.calm = steady ? wanted.calm + 1 : 0;
  const enough = wanted.top === 0 ? 1 : CALM; // at the top, nothing is pushed down
  if (wanted.calm >= enough || passed > LONGEST) stop();
  else setTimeout(look, STEP, wanted);
}

function stop() {
  restoring = null;
  scroller()?.style.removeProperty("overflow-anchor");
}

export function isRestoring() {
  return restoring !== null;
}

function scroller() {
  return document.querySelector('[data-testid="stMain"]');
}
