// The network's diagram: a click on a conv layer opens it, one on the picture shows where to choose
// another. The server is told once the diagram has been painted, and only then starts work that takes
// both cores of a small machine.

import { showPictures } from "./pictures.js";
import { unpack } from "./shared.js";

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  showInput(parentElement, data);
  if (unpack(data).header.awaited && !parentElement.announced) {
    parentElement.announced = true;
    // A new value each time: Streamlit would not send the same one again.
    requestAnimationFrame(() => requestAnimationFrame(() => setStateValue("painted", performance.now())));
  }
  for (const layer of parentElement.querySelectorAll("[data-layer]"))
    listen(layer, () => setTriggerValue("picked", Number(layer.dataset.layer)));
  listen(parentElement.querySelector("[data-input]"), showPictures);
}

function listen(part, open) {
  part.onclick = open;
  part.onkeydown = (event) => {
    if (!["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    open();
  };
}

// Draws the picture that enters the network.
function showInput(parentElement, data) {
  const { header, rest } = unpack(data);
  if (parentElement.input === header.digest) return;
  parentElement.input = header.digest;
  const image = parentElement.querySelector("image");
  URL.revokeObjectURL(image.getAttribute("href"));
  image.setAttribute("href", URL.createObjectURL(new Blob([rest], { type: "image/png" })));
  parentElement.querySelector("[data-input] title").textContent = header.title;
}
