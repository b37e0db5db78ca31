// The network's diagram: every conv layer is a button that opens it.

export default function (component) {
  const { parentElement, setTriggerValue } = component;
  for (const layer of parentElement.querySelectorAll("[data-layer]")) {
    const open = () => setTriggerValue("picked", Number(layer.dataset.layer));
    layer.onclick = open;
    layer.onkeydown = (event) => {
      if (!["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      open();
    };
  }
}
