// What several components know.

// What Python has packed (vgg_viz/ui/widgets/components): the header, and the bytes behind it.
export function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, rest: bytes.subarray(4 + length) };
}

// What stands one behind the other, apart: pieces of these lengths, each at the start of its memory.
export function cut(bytes, lengths) {
  let end = 0;
  return lengths.map((length) => bytes.slice(end, (end += length)));
}

export function clamp(value, least, most) {
  return Math.max(Math.min(value, most), least);
}

// A number as people read it: the same words as those of vgg_viz/figures.py.
export function figure(value) {
  const rounded = Number(Number(value.toPrecision(4)).toFixed(12)) + 0; // no "-0"
  return rounded.toLocaleString("en-US", { maximumFractionDigits: 12 }).replace("-", "−");
}
