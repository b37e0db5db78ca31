// Holds the token of the viewer's uploads (vgg_viz/ui/state/reloads.py) as long as this tab is open, and
// sends it to a new session: after a reload, or a connection that was lost for long. Until the session has
// answered, style sheets hide notices of what is missing. A tab without a token sends nothing, since a run
// of the page could drop an upload that has just begun.

import { unpack } from "./shared.js";

const NAME = "vgg-viz-uploads";
const SETTLED = "uploads-settled";

let sent; // to this session

export default function ({ data, setTriggerValue }) {
  const { answered, token } = unpack(data).header;
  const held = stored(token);
  if (!token && held && held !== sent) setTriggerValue("picked", held);
  sent = token ? undefined : held;
  document.documentElement.classList.toggle(SETTLED, Boolean(token) || answered || !held);
}

// Storage is blocked in some frames; then a reload loses the uploads.
function stored(token) {
  try {
    if (token) window.sessionStorage.setItem(NAME, token);
    return window.sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}
