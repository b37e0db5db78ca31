// Keeps the page working while a browser translates it. A translator replaces text nodes by <font>
// elements, unknown to React: text that React writes into such a node stays invisible, and removing
// the node is an error that takes a part of the page with it. So a node is put back as soon as React
// uses it; its new text is then translated like any other.

const FIBER = "__reactFiber$"; // prefix of the property in which React notes an element's fiber
const TEXT_TAG = 6; // of a fiber for text

const replacements = new WeakMap(); // text node -> <font>
const placing = new MutationObserver(noteReplacements);
// A second observer: one that also watches the page would drop a node that has just left it.
const writing = new MutationObserver((records) => records.forEach(({ target }) => putBack(target)));

let surviving = false;

export function surviveTranslation() {
  // Observing the page again would lose what was written into a node that has just left it.
  if (surviving) return;
  surviving = true;
  // With text changes, since React may write before the replacement is noted.
  placing.observe(document.body, { childList: true, characterData: true, subtree: true });
  const translated = [...document.querySelectorAll("font")].map((font) => font.parentNode);
  new Set(translated).forEach(putBackEarlier);
}

function noteReplacements(records) {
  for (const { target, removedNodes, addedNodes, previousSibling, nextSibling } of records) {
    putBack(target);
    const near = [...addedNodes, previousSibling, nextSibling];
    const font = near.find((node) => node?.nodeName === "FONT");
    for (const node of font ? removedNodes : []) {
      if (node.nodeType !== Node.TEXT_NODE || node.isConnected) continue;
      replacements.set(node, font);
      writing.observe(node, { characterData: true });
      patchNodeMethods();
    }
  }
}

// Text nodes that were replaced before this script ran are known only to React.
function putBackEarlier(parent) {
  const fiber = parent[Object.keys(parent).find((key) => key.startsWith(FIBER))];
  const fonts = [...parent.children].filter((child) => child.nodeName === "FONT");
  for (const version of [fiber, fiber?.alternate]) {
    const texts = textsOf(version?.child).filter((text) => !text.isConnected);
    if (texts.length !== fonts.length) continue;
    fonts.forEach((font, index) => font.replaceWith(texts[index]));
    return;
  }
}

// The text nodes that React has made in one element, in order.
function textsOf(fiber) {
  if (!fiber) return [];
  const { tag, stateNode, child, sibling } = fiber;
  const own = tag === TEXT_TAG ? [stateNode] : stateNode instanceof Node ? [] : textsOf(child);
  return [...own, ...textsOf(sibling)];
}

function putBack(node) {
  const font = replacements.get(node);
  if (font?.isConnected && !node.isConnected) font.replaceWith(node);
}

// Only once a translator is at work.
let patched = false;
function patchNodeMethods() {
  if (patched) return;
  patched = true;
  for (const name of ["removeChild", "insertBefore"]) {
    const method = Node.prototype[name];
    Node.prototype[name] = function (...nodes) {
      noteReplacements(placing.takeRecords());
      nodes.forEach(putBack);
      return method.apply(this, nodes);
    };
  }
}
