// The network's diagram: a click on a conv layer opens it. The server is told once the diagram has
// been painted, and only then starts work that takes both cores of a small machine.

export default function (component) {
  const { parentElement, setStateValue, setTriggerValue } = component;
  if (!parentElement.announced) {
    parentElement.announced = true;
    // A new value each time: Streamlit would not send the same one again.
    requestAnimationFrame(() => requestAnimationFrame(() => setStateValue("painted", performance.now())));
  }
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
