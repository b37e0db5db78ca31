// What the positions of a map see of the picture. `fields` are the first and the last but one input
// pixel of each position's receptive field along one side (vgg_viz/explanation.py).

import { clamp } from "./shared.js";

// The whole field of a position, the part of it that lies on the picture, and which edges are cut.
export function fieldAt({ fields, input }, row, column) {
  const [[top, bottom], [left, right]] = [fields[row], fields[column]];
  const whole = { top, left, bottom, right };
  const edges = Object.entries(whole).map(([edge, place]) => [edge, clamp(place, 0, input)]);
  const seen = Object.fromEntries(edges);
  return { whole, seen, cut: Object.keys(whole).filter((edge) => seen[edge] !== whole[edge]) };
}

export function fieldInWords({ whole, seen, cut }) {
  const side = `${whole.bottom - whole.top} × ${whole.right - whole.left} pixels`;
  return (
    `It sees rows ${seen.top + 1} to ${seen.bottom} and columns ${seen.left + 1} to ${seen.right} ` +
    (cut.length ? `of the picture: its ${side} are cut off at the border.` : `of the picture, ${side}.`)
  );
}
