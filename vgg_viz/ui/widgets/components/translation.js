// A browser that translates a page puts <font> elements in the place of its text nodes. React knows
// nothing of that: what it writes into such a node nobody sees, and removing one is an error that
// takes a part of the page with it. So a node is put back as soon as React wants it; its new words
// are then translated like any that come.

const standIns = new WeakMap();
const placing = new MutationObserver(noteStandIns);
// Another observer: one that watches the page as well would drop a node that has just left it.
const writing = new MutationObserver((records) => records.forEach(({ target }) => putBack(target)));

function surviveTranslation() {
  // With what is written: React may be quicker than the note of where a node has gone.
  placing.observe(document.body, { childList: true, characterData: true, subtree: true });
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
