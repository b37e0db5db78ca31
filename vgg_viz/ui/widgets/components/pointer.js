// The chosen picture as a canvas: a click or an arrow key sends a pixel's row and column.

import { clamp, unpack } from "./shared.js";

const STEP = 8; // pixels that an arrow key moves
const MOVES = { ArrowUp: [-STEP, 0], ArrowDown: [STEP, 0], ArrowLeft: [0, -STEP], ArrowRight: [0, STEP] };

export default function ({ data, parentElement, setTriggerValue }) {
  const photo = parentElement.querySelector(".photo");
  const { header, rest } = unpack(data);
  const { side, row, column, alt } = header;
  photo.setAttribute("aria-label", `${alt}. Click, or press an arrow key, to move the square.`);
  const send = (at, across) =>
    setTriggerValue("picked", { row: clamp(at, 0, side - 1), column: clamp(across, 0, side - 1) });
  photo.onclick = (event) => {
    const { left, top, width, height } = photo.getBoundingClientRect();
    const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
    send(Math.floor(y * side), Math.floor(x * side));
  };
  photo.onkeydown = (event) => {
    const move = MOVES[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    send(row - 1 + move[0], column - 1 + move[1]);
  };
  draw(photo, side, rest);
}

async function draw(photo, side, png) {
  const bitmap = await createImageBitmap(new Blob([png], { type: "image/png" }));
  photo.width = photo.height = side;
  photo.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}
