// The network's diagram: every conv layer is a button that opens it. Once it has been painted it
// says so, and only then does the server start on what takes both of a small machine's cores.

export default function (component) {
  const { parentElement, setStateValue, setTriggerValue } = component;
  if (!parentElement.announced) {
    parentElement.announced = true;
    // Another value each time, or Streamlit would keep it to itself when the view is shown again.
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
