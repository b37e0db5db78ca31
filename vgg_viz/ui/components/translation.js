// A browser that translates a page puts <font> elements in the place of its text nodes. React knows
// nothing of that: what it writes into such a node nobody sees, and removing one is an error that
// takes a part of the page with it. So a node is put back as soon as React wants it; its new words
// are then translated like any that come.

const standIns = new WeakMap();
const observer = new MutationObserver(note);

function surviveTranslation() {
  observer.observe(document.body, { childList: true, subtree: true });
}

function note(records) {
  for (const { type, target, removedNodes, addedNodes, previousSibling, nextSibling } of records) {
    if (type === "characterData") putBack(target);
    const near = [...addedNodes, previousSibling, nextSibling];
    const standIn = near.find((node) => node?.nodeName === "FONT");
    for (const node of standIn ? removedNodes : []) {
      if (node.nodeType !== Node.TEXT_NODE || node.isConnected) continue;
      standIns.set(node, standIn);
      observer.observe(node, { characterData: true });
      askFirst();
    }
  }
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
      note(observer.takeRecords());
      nodes.forEach(putBack);
      return method.apply(this, nodes);
    };
  }
}
