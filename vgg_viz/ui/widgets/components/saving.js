// What keeps the page from saving a file: a browser that hides what canvases show, the frame around the
// page, or a server that does not make the file.

const KNOWN = [[12, 200, 90], [250, 40, 130]]; // two colors, so that no single color is both
const FAILED = '[data-testid="stDownloadButtonError"]';
const FAILURE = "Could not make this file. Try again. If that fails, reload the page; its URL restores your view.";
const FORBIDDEN = "This frame forbids downloads: open the page in its own tab.";
const ROUNDING = 3; // what some browsers add to each value, unseen

let explaining = false;

// Resolves to whether a canvas gives what was painted on it. Browsers that resist fingerprinting give
// noise instead.
export async function givesWhatIsPainted() {
  const [canvas, copy] = [0, 1].map(() => document.createElement("canvas"));
  for (const each of [canvas, copy]) [each.width, each.height] = [KNOWN.length, 1];
  const painted = canvas.getContext("2d");
  KNOWN.forEach((color, left) => {
    painted.fillStyle = `rgb(${color})`;
    painted.fillRect(left, 0, 1, 1);
  });
  try {
    const file = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    const read = copy.getContext("2d");
    read.drawImage(await createImageBitmap(file), 0, 0);
    const { data } = read.getImageData(0, 0, KNOWN.length, 1);
    return KNOWN.every((color, left) => color.every((value, band) => isNear(value, data[4 * left + band])));
  } catch {
    return false;
  }
}

function isNear(value, found) {
  return Math.abs(value - found) <= ROUNDING;
}

// Says what the frame around the page does with a saved file; empty outside a frame. Only a frame of
// the same origin tells its flags.
export function frameNote() {
  if (window.top === window) return "";
  const sandbox = window.frameElement?.hasAttribute("sandbox") && window.frameElement.sandbox;
  return sandbox && !sandbox.contains("allow-downloads")
    ? FORBIDDEN
    : "If no file arrives, this frame forbids downloads: open the page in its own tab.";
}

// Tells the style sheets whether what is drawn can be saved: charts have a button of Streamlit's own.
export async function markUnsavable() {
  const isUnsavable = frameNote() === FORBIDDEN || !(await givesWhatIsPainted());
  document.documentElement.classList.toggle("unsavable", isUnsavable);
}

// Says in the page's words that the server did not make a file, whatever the reason; Streamlit's own
// words end no sentence that helps.
export function explainFailures() {
  if (explaining) return;
  explaining = true;
  new MutationObserver(() => {
    for (const error of document.querySelectorAll(FAILED))
      if (error.textContent !== FAILURE) {
        error.textContent = FAILURE;
        error.scrollIntoView({ block: "nearest" });
      }
  }).observe(document.body, { childList: true, subtree: true });
}
