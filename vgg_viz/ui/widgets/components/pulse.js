// Reruns its fragment at regular intervals, like Streamlit's `run_every`, but not during a run. If a
// fragment's run follows a run of the page at once, the browser can lose the fragment's elements and
// report their fields as emptied. It also rests in a hidden tab.

import { unpack } from "./shared.js";

const RUNNING = '[data-test-script-state]:not([data-test-script-state="notRunning"])';

export default function ({ data, setTriggerValue }) {
  const rerun = () => {
    if (!document.hidden && !document.querySelector(RUNNING)) setTriggerValue("picked", true);
  };
  const timer = setInterval(rerun, 1000 * unpack(data).header.seconds);
  return () => clearInterval(timer);
}
