// Name of the selected channel, which every mosaic of channels outlines. Where the details stand
// below the mosaic, they are scrolled into view.

import { announce, withdraw } from "./selected.js";
import { keepInView, unpack } from "./shared.js";

const RETURN = "vgg-viz:return";
const PAGE = '[data-testid="stMainBlockContainer"]';
const STACKED = "(max-width: 640px)"; // as in maps_and_inspector.css

export default function ({ data, parentElement }) {
  const { channel, title, reveal, clicked } = unpack(data).header;
  const box = parentElement.querySelector(".channel");
  const back = parentElement.querySelector(".return");
  const before = parentElement.revealed ?? (clicked ? null : reveal);
  parentElement.revealed = reveal;
  parentElement.querySelector(".title").textContent = title;
  back.hidden = channel === null || !window.matchMedia(STACKED).matches;
  back.onclick = () => window.dispatchEvent(new CustomEvent(RETURN));
  announce(channel, parentElement);
  if (before !== reveal && !back.hidden) keepInView(box, document.querySelector(PAGE));
  return () => setTimeout(() => parentElement.isConnected || withdraw(parentElement));
}
