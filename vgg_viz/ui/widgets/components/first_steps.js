// Two of the three first steps; the third, a click on a layer, is the diagram's.

import { showPictures } from "./pictures.js";

export default function ({ parentElement }) {
  const [picture, tour] = parentElement.querySelectorAll("button");
  picture.onclick = showPictures;
  tour.onclick = () => document.querySelector(".st-key-tour-start button")?.click();
}
