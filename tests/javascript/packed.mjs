// Packs a component's data as vgg_viz/ui/widgets/components/__init__.py does: four bytes of length,
// a header padded to a multiple of four, and the rest, which may begin later in a buffer.
export function packed(header, rest = [], before = 0) {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 4) * 4;
  const buffer = new Uint8Array(before + 4 + length + rest.length);
  buffer.fill(32, before + 4, before + 4 + length);
  new DataView(buffer.buffer).setUint32(before, length, true);
  buffer.set(json, before + 4);
  buffer.set(rest, before + 4 + length);
  return buffer.subarray(before);
}
