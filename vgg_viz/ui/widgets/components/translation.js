// Keeps the page working while a browser translates it. A translator replaces text nodes by <font>
// elements, unknown to React: text that React writes into such a node stays invisible, and removing
// the node is an error that takes a part of the page with it. So a node is put back when React uses
// it; its new text is then translated like any other.

const FIBER = "__reactFiber$"; // prefix of the property in which React notes a node's fiber
let surviving = false;

export function surviveTranslation() {
  if (surviving) return;
  surviving = true;
  const { removeChild, insertBefore } = Node.prototype;
  Node.prototype.removeChild = function (child) {
    return putBack(child).parentNode === this ? removeChild.call(this, child) : child;
  };
  Node.prototype.insertBefore = function (child, next) {
    return insertBefore.call(this, child, next && putBack(next).parentNode === this ? next : null);
  };
  const { set, ...rest } = Object.getOwnPropertyDescriptor(Node.prototype, "nodeValue");
  const write = function (text) { set.call(putBack(this), text); };
  Object.defineProperty(Node.prototype, "nodeValue", { ...rest, set: write });
}

// React's children of an element are the element's nodes, unless some come from a nested list.
function putBack(node) {
  if (node.isConnected) return node;
  const fiber = node[Object.keys(node).find((key) => key.startsWith(FIBER))];
  let parent = fiber?.return;
  while (parent && !(parent.stateNode instanceof Element)) parent = parent.return;
  const nodes = [...(parent?.stateNode.childNodes ?? [])];
  [nodes[fiber?.index], ...nodes].find((each) => each?.nodeName === "FONT")?.replaceWith(node);
  return node;
}
