// Bars of a property of the conv layers: a click, or Enter, opens a bar's layer. Tab goes to one bar,
// from which the arrow keys lead to the others.

import { clamp, unpack } from "./shared.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

export default function ({ data, parentElement, setTriggerValue }) {
  const { title, ticks, zero, numbers, bars, current } = unpack(data).header;
  const [plot, tip] = [".plot", ".tip"].map((name) => parentElement.querySelector(name));
  plot.setAttribute("aria-label", title);
  parentElement.querySelector(".ticks").replaceChildren(...ticks.map(([share, text]) => tick(share, text)));
  const buttons = existing(plot, bars.length);
  plot.querySelectorAll(".line").forEach((one) => one.remove());
  plot.prepend(...ticks.map(([share]) => line(share)));
  const reached = buttons.find((one) => one === one.getRootNode().activeElement);
  buttons.forEach((button, index) => {
    fill(button, bars[index], zero, numbers[index] === current);
    button.onclick = () => setTriggerValue("picked", numbers[index]);
    button.onmouseenter = button.onfocus = () => point(tip, button, bars[index]);
    button.onmouseleave = button.onblur = () => (tip.hidden = true);
    button.onkeydown = (event) => press(event, buttons, index);
  });
  const first = Math.max(0, numbers.indexOf(current));
  if (buttons.length) makeReachable(buttons, reached ?? buttons[first]);
}

// Existing bars stay, so that the focus does.
function existing(plot, count) {
  const buttons = [...plot.querySelectorAll("button")];
  buttons.splice(count).forEach((button) => button.remove());
  while (buttons.length < count) {
    const button = element("button", { type: "button" });
    const room = element("span", { className: "room" });
    room.append(element("i"));
    button.append(room, element("span", { className: "number" }));
    plot.append(button);
    buttons.push(button);
  }
  return buttons;
}

function fill(button, { number, name, share }, zero, isCurrent) {
  const bar = button.querySelector("i");
  bar.hidden = share === zero;
  bar.style.bottom = `${100 * Math.min(share, zero)}%`;
  bar.style.height = `${100 * Math.abs(share - zero)}%`;
  button.querySelector(".number").textContent = number;
  button.setAttribute("aria-label", name);
  button.setAttribute("aria-current", String(isCurrent));
}

function tick(share, text) {
  const label = element("span", { textContent: text });
  label.style.top = `${100 * (1 - share)}%`;
  return label;
}

function line(share) {
  const mark = element("div", { className: "line" });
  mark.style.top = `${100 * (1 - share)}%`;
  return mark;
}

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

// Of all bars, Tab goes to one.
function makeReachable(buttons, reached) {
  for (const button of buttons) button.tabIndex = button === reached ? 0 : -1;
}

function press(event, buttons, index) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !(event.key in STEPS)) return;
  const next = buttons[clamp(index + STEPS[event.key], 0, buttons.length - 1)];
  makeReachable(buttons, next);
  next.focus();
  event.preventDefault();
  event.stopPropagation();
}

// Shows a bar's value above it.
function point(tip, button, { lines }) {
  tip.hidden = false;
  tip.textContent = lines;
  const [bar, box] = [button, tip.parentElement].map((one) => one.getBoundingClientRect());
  const middle = bar.left + bar.width / 2 - box.left - tip.offsetWidth / 2;
  tip.style.left = `${clamp(middle, 0, Math.max(0, box.width - tip.offsetWidth))}px`;
  tip.style.top = `${bar.top - box.top - tip.offsetHeight - 4}px`;
}
