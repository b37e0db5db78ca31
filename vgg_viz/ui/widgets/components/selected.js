// The selected channel, which every mosaic of channels outlines: the one that was announced last by an
// element that is still on the page.

export const SELECT = "vgg-viz:select";

// By element; shared by all components, which have copies of this script.
const announced = (window.vggVizAnnounced ??= new Map());

export function announce(channel, by) {
  announced.delete(by); // so that it becomes the last
  announced.set(by, channel);
  tell();
}

export function withdraw(by) {
  announced.delete(by);
  tell();
}

export function selected() {
  return [...announced.values()].at(-1) ?? null;
}

function tell() {
  window.dispatchEvent(new CustomEvent(SELECT, { detail: selected() }));
}
