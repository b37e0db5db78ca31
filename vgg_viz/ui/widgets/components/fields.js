// Receptive fields of a map's positions. `fields` has, for each position along one side, the first
// input pixel and the one after the last (vgg_viz/interpretability/receptive_field.py).

import { clamp } from "./shared.js";

// A position's receptive field, its part inside the image, and the edges at which it is cut off.
export function fieldAt({ fields, input }, row, column) {
  const [[top, bottom], [left, right]] = [fields[row], fields[column]];
  const whole = { top, left, bottom, right };
  const edges = Object.entries(whole).map(([edge, pixel]) => [edge, clamp(pixel, 0, input)]);
  const inside = Object.fromEntries(edges);
  return { whole, inside, cut: Object.keys(whole).filter((edge) => inside[edge] !== whole[edge]) };
}

export function fieldText({ whole, inside, cut }) {
  const size = `${whole.bottom - whole.top} × ${whole.right - whole.left} pixels`;
  const rows = `rows ${inside.top + 1} to ${inside.bottom}`;
  const columns = `columns ${inside.left + 1} to ${inside.right}`;
  return `Receptive field: ${rows}, ${columns} (${size}${cut.length ? ", cut off at the border" : ""}).`;
}
