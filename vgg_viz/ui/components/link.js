// Copies the page's address, which says all that the page shows.

const SECONDS = 6;

export default function (component) {
  const { data, parentElement } = component;
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  const { missing } = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  const button = parentElement.querySelector("button");
  button.onclick = () => copy(parentElement.querySelector(".said"), missing);
}

async function copy(said, missing) {
  const note = missing ? ` It does not carry ${missing}.` : "";
  const address = window.location.href;
  try {
    await navigator.clipboard.writeText(address);
    said.textContent = `Link copied.${note}`;
  } catch {
    // Without https, or without permission: the visitor copies it.
    const field = Object.assign(document.createElement("input"), { value: address, readOnly: true });
    field.setAttribute("aria-label", "Link to this view");
    said.replaceChildren(`Copy this link:${note}`, field);
    field.select();
  }
  said.hidden = false;
  clearTimeout(said.timer);
  if (!said.querySelector("input")) said.timer = setTimeout(() => (said.hidden = true), 1000 * SECONDS);
}
