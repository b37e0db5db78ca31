// The channel that is chosen, by name. Every mosaic of channels outlines it, and what is shown of it
// comes into sight where that is not beside the mosaic.

import { unpack } from "./shared.js";

const SELECT = "vgg-viz:select";
const RETURN = "vgg-viz:return";
const STACKED = "(max-width: 640px)"; // as in maps_and_inspector.css
const DRAWN = 300; // milliseconds, in which what stands below is there: before, there is no room to scroll

export default function ({ data, parentElement }) {
  const { channel, title, reveal } = unpack(data).header;
  const box = parentElement.querySelector(".channel");
  const back = parentElement.querySelector(".return");
  const before = parentElement.revealed;
  parentElement.revealed = reveal;
  parentElement.querySelector(".title").textContent = title;
  back.hidden = channel === null || !window.matchMedia(STACKED).matches;
  back.onclick = () => window.dispatchEvent(new CustomEvent(RETURN));
  announce(channel);
  if (before !== undefined && before !== reveal && !back.hidden) {
    for (const wait of [0, DRAWN]) setTimeout(() => box.scrollIntoView(), wait);
  }
  return () => setTimeout(() => parentElement.isConnected || announce(null));
}

function announce(channel) {
  window.vggVizSelected = channel;
  window.dispatchEvent(new CustomEvent(SELECT, { detail: channel }));
}
