// Functions that several components share.

// Splits the data packed by vgg_viz/ui/widgets/components/__init__.py into header and other bytes.
export function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, rest: bytes.subarray(4 + length) };
}

// Cuts bytes into pieces of these lengths, each copied to a buffer of its own for alignment.
export function cut(bytes, lengths) {
  let end = 0;
  return lengths.map((length) => bytes.slice(end, (end += length)));
}

export function clamp(value, smallest, largest) {
  return Math.max(Math.min(value, largest), smallest);
}

// Formats a number for people, as vgg_viz/export/number_format.py does.
export function figure(value) {
  const rounded = Number(Number(value.toPrecision(4)).toFixed(12)) + 0; // no "-0"
  return rounded.toLocaleString("en-US", { maximumFractionDigits: 12 }).replace("-", "−");
}

// Scrolls to an element, again while the content arrives that makes room for it, until the viewer
// does something.
export function keepInView(element, content) {
  const arriving = new ResizeObserver(() => element.scrollIntoView());
  arriving.observe(content);
  const acts = new AbortController(); // any act ends all, which would keep the element in memory
  acts.signal.addEventListener("abort", () => arriving.disconnect());
  for (const act of ["wheel", "pointerdown", "keydown", "popstate"])
    window.addEventListener(act, () => acts.abort(), { capture: true, signal: acts.signal });
}

// The background where the browser darkens light pages by itself, which leaves drawings as they are;
// elsewhere empty. Remembered, since to find it out, the browser restyles the page.
let darkened = {};

export function darkenedBackground() {
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  if (darkened.prefersDark !== prefersDark) darkened = { prefersDark, background: probeBackground() };
  return darkened.background;
}

function probeBackground() {
  const probe = document.createElement("div");
  probe.style.cssText = "color-scheme: light; background: canvas; forced-color-adjust: none";
  document.body.append(probe);
  const { backgroundColor } = getComputedStyle(probe);
  probe.remove();
  return backgroundColor === "rgb(255, 255, 255)" ? "" : backgroundColor;
}
