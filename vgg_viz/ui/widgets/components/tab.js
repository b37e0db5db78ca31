// Holds the token of the viewer's uploads (vgg_viz/ui/state/reloads.py) as long as this tab is open, and
// sends it to a new session: after a reload, or a connection that was lost for long. A session that asks
// for it gets an empty text if there is none.

import { unpack } from "./shared.js";

const NAME = "vgg-viz-uploads";

let sent; // to this session; undefined if nothing was

export default function ({ data, setTriggerValue }) {
  const { asks, token } = unpack(data).header;
  const held = stored(token);
  const answer = token || !(held || asks) ? undefined : (held ?? "");
  if (answer !== undefined && answer !== sent) setTriggerValue("picked", answer);
  sent = answer;
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
