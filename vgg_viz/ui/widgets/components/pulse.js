// Has the part of the page that it stands in run again, every so often, as Streamlit's `run_every`
// does, but not during a run: of a run of the whole page with one of a part right behind it, the
// browser may miss what the first one says of that part. It then takes the part for gone, and its
// fields for emptied by the visitor. Nor in a tab that nobody sees: what nobody looks at rests.

import { unpack } from "./shared.js";

const RUNNING = '[data-test-script-state]:not([data-test-script-state="notRunning"])';

export default function ({ data, setTriggerValue }) {
  const look = () => {
    if (!document.hidden && !document.querySelector(RUNNING)) setTriggerValue("picked", true);
  };
  const timer = setInterval(look, 1000 * unpack(data).header.seconds);
  return () => clearInterval(timer);
}
