// Names the language of a tour's panel, for screen readers, spelling and the choice of a font.

import { unpack } from "./shared.js";

export default function ({ data, parentElement }) {
  const { host } = parentElement.getRootNode();
  (host ?? parentElement).closest(".st-key-tour-panel")?.setAttribute("lang", unpack(data).header.language);
}
