// The most likely classes, one row each: name, bar, probability and logit. A click shows the evidence
// for the class.

import { unpack } from "./shared.js";

export default function ({ data, parentElement, setTriggerValue }) {
  const { label, lecture, rows } = unpack(data).header;
  const table = parentElement.querySelector("table");
  const body = table.querySelector("tbody");
  table.setAttribute("aria-label", label);
  table.classList.toggle("lecture", lecture);
  while (body.rows.length > rows.length) body.deleteRow(-1);
  // Existing rows stay, so that the focus does.
  while (body.rows.length < rows.length) addRow(body);
  rows.forEach((row, index) => fill(body.rows[index], row, setTriggerValue));
}

function addRow(body) {
  const row = body.insertRow();
  row.insertCell().append(Object.assign(document.createElement("button"), { type: "button" }));
  const bar = row.insertCell();
  bar.className = "bar";
  bar.setAttribute("aria-hidden", "true");
  bar.append(document.createElement("div"));
  row.insertCell().className = "number";
  row.insertCell().className = "number";
  row.setAttribute("role", "row");
  for (const cell of row.cells) cell.setAttribute("role", "cell");
}

function fill(row, { number, name, detail, share, probability, logit, chosen, against }, setTriggerValue) {
  const [cell, bar, ...numbers] = row.cells;
  const button = cell.firstChild;
  const small = Object.assign(document.createElement("small"), { textContent: detail });
  button.replaceChildren(`${name} `, small);
  button.setAttribute("aria-pressed", String(chosen));
  button.classList.toggle("against", against);
  button.title = against ? `Evidence for ${name}; now the class to contrast with` : `Evidence for ${name}`;
  button.onclick = () => setTriggerValue("picked", number);
  bar.firstChild.style.width = `${100 * share}%`;
  numbers[0].textContent = probability;
  numbers[1].textContent = logit;
}
