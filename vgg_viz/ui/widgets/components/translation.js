// A browser that translates a page puts <font> elements in the place of its text nodes. React knows
// nothing of that: what it writes into such a node nobody sees, and removing one is an error that
// takes a part of the page with it. So a node is put back as soon as React wants it; its new words
// are then translated like any that come.

const REACT = "__reactFiber$"; // where React notes, on each element, what it has made there
const REACTS_TEXT = 6;

const standIns = new WeakMap();
const placing = new MutationObserver(noteStandIns);
// Another observer: one that watches the page as well would drop a node that has just left it.
const writing = new MutationObserver((records) => records.forEach(({ target }) => putBack(target)));

let surviving = false;

export function surviveTranslation() {
  // To observe the page once more would lose what was written into a node that has just left it.
  if (surviving) return;
  surviving = true;
  // With what is written: React may be quicker than the note of where a node has gone.
  placing.observe(document.body, { childList: true, characterData: true, subtree: true });
  const translated = [...document.querySelectorAll("font")].map((font) => font.parentNode);
  new Set(translated).forEach(putBackEarlier);
}

function noteStandIns(records) {
  for (const { target, removedNodes, addedNodes, previousSibling, nextSibling } of records) {
    putBack(target);
    const near = [...addedNodes, previousSibling, nextSibling];
    const standIn = near.find((node) => node?.nodeName === "FONT");
    for (const node of standIn ? removedNodes : []) {
      if (node.nodeType !== Node.TEXT_NODE || node.isConnected) continue;
      standIns.set(node, standIn);
      writing.observe(node, { characterData: true });
      askFirst();
    }
  }
}

// Of what was translated before this script was there, only React knows the nodes.
function putBackEarlier(parent) {
  const fiber = parent[Object.keys(parent).find((key) => key.startsWith(REACT))];
  const fonts = [...parent.children].filter((child) => child.nodeName === "FONT");
  for (const version of [fiber, fiber?.alternate]) {
    const texts = textsOf(version?.child).filter((text) => !text.isConnected);
    if (texts.length !== fonts.length) continue;
    fonts.forEach((font, place) => font.replaceWith(texts[place]));
    return;
  }
}

// The text nodes among what React has made in one element, in their order.
function textsOf(fiber) {
  if (!fiber) return [];
  const { tag, stateNode, child, sibling } = fiber;
  const own = tag === REACTS_TEXT ? [stateNode] : stateNode instanceof Node ? [] : textsOf(child);
  return [...own, ...textsOf(sibling)];
}

function putBack(node) {
  const standIn = standIns.get(node);
  if (standIn?.isConnected && !node.isConnected) standIn.replaceWith(node);
}

// Only where a translator is at work.
let asked = false;
function askFirst() {
  if (asked) return;
  asked = true;
  for (const name of ["removeChild", "insertBefore"]) {
    const method = Node.prototype[name];
    Node.prototype[name] = function (...nodes) {
      noteStandIns(placing.takeRecords());
      nodes.forEach(putBack);
      return method.apply(this, nodes);
    };
  }
}
