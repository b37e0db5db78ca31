// One map, enlarged, and the receptive field of each position in the photograph. Without a selected
// map, the photograph alone.
//
// Python sends the header (vgg_viz/ui/parts/inspector.py), the map (float32, little-endian), the color
// map (levels × RGB), then the photograph as PNG.

import { fieldAt, fieldText } from "./fields.js";
import { announce, withdraw } from "./selected.js";
import { clamp, figure, keepInView, unpack } from "./shared.js";

const LEAST_MAP = 320; // CSS pixels, if the page is as wide
const LEAST_PHOTO = 150;
const LEAST_TEXT = 140; // CSS pixels, beside the photograph
const BELOW = 96; // CSS pixels for the overlay's slider and the buttons below
const SLIDER = 56; // in a lecture
const LONG_PRESS = 400; // milliseconds that a finger rests
const LECTURE_SHARE = 0.62; // share of the height for the map
const POINT = "vgg-viz:point";
const RETURN = "vgg-viz:return";
const CHOOSE = "vgg-viz:choose";
const TAB = ".st-key-map-tabs > :first-child [role=radio]";
const STRENGTH = "vgg-viz:strength";
const PARTS = [
  "title", "trail", "return", "map-stage", "map", "point", "chosen", "photo-stage", "photo", "field",
  "reading", "sum", "explain", "filter", "blend", "strength", "note",
];

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const inspector = parentElement.inspector ?? (parentElement.inspector = new Inspector(parentElement));
  inspector.send = (value) => setTriggerValue("picked", value);
  inspector.receive(data);
  // Called again for new data; cleans up only after the component has left the page.
  return () => setTimeout(() => parentElement.isConnected || inspector.dispose(parentElement));
}

class Inspector {
  constructor(root) {
    this.root = root.querySelector(".inspector");
    this.parts = Object.fromEntries(PARTS.map((name) => [name, root.querySelector(`.${name}`)]));
    this.parts.strength.value = stored(STRENGTH) ?? 35;
    this.listening = new AbortController();
    this.listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }

  // Removes outside listeners, and empties the canvases, which would stay in memory.
  dispose(root) {
    delete root.inspector;
    this.listening.abort();
    this.observer.disconnect();
    this.bitmap?.close();
    this.bitmap = this.bytes = this.digest = null;
    for (const name of ["map", "photo"]) this.parts[name].width = this.parts[name].height = 0;
    withdraw(this);
  }

  listen() {
    const { strength, explain } = this.parts;
    this.on("map-stage", "keydown", (event) => this.pressKey(event));
    for (const name of ["map", "photo"]) this.listenTo(name);
    strength.addEventListener("input", () => {
      store(STRENGTH, strength.value);
      this.drawPhoto();
    });
    explain.addEventListener("click", () => this.send("explain"));
    this.on("filter", "click", () => this.send("filter"));
    this.on("return", "click", () => window.dispatchEvent(new CustomEvent(RETURN)));
    const outside = { signal: this.listening.signal };
    window.addEventListener("resize", () => this.fit(), outside);
    const anywhere = { ...outside, capture: true };
    window.addEventListener("click", ({ target }) => target.closest(TAB) && this.revealTabs(), anywhere);
    window.addEventListener(CHOOSE, ({ detail }) => this.expectMap(detail), outside);
    window.addEventListener(POINT, ({ detail }) => this.follow(detail), outside);
    window.addEventListener("keydown", (event) => this.close(event), anywhere);
  }

  on(name, event, act) {
    this.parts[name].addEventListener(event, act);
  }

  listenTo(name) {
    const stage = `${name}-stage`;
    const point = (event) => this.hasMap() && this.point(...this.positionAt(event, name));
    this.on(stage, "pointerdown", (event) => (byFinger(event) ? this.press(event, point) : point(event)));
    this.on(stage, "pointermove", (event) => (!byFinger(event) || this.looking) && point(event));
    for (const released of ["pointerup", "pointercancel"]) this.on(stage, released, () => this.release());
    for (const act of ["touchmove", "contextmenu"])
      this.on(stage, act, (event) => this.looking && event.preventDefault());
    // A lifted finger leaves the stage: the last reading stays.
    this.on(stage, "pointerleave", (event) => byFinger(event) || this.rest());
    this.on(stage, "click", (event) => this.hasMap() && this.pick(...this.positionAt(event, name)));
  }

  // A finger scrolls and zooms the page, unless it has rested before it moves: then it looks around.
  press(event, point) {
    this.release();
    if (!event.isPrimary) return;
    this.pressing = setTimeout(() => {
      this.looking = true;
      point(event);
    }, LONG_PRESS);
  }

  release() {
    clearTimeout(this.pressing);
    this.looking = false;
  }

  hasMap() {
    return Boolean(this.header?.channel);
  }

  async receive(bytes) {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    const before = this.header;
    const { header, rest } = unpack(bytes);
    this.header = header;
    const { height, width, levels } = header;
    let start = 0;
    const take = (size) => rest.slice(start, (start += size));
    this.values = new Float32Array(take(4 * height * width).buffer);
    this.colors = take(3 * levels);
    this.write();
    this.fit();
    if (this.hasMap()) this.drawMap();
    this.rest();
    announce(this.header.channel, this);
    if (before && before.reveal[0] !== header.reveal[0]) this.reveal();
    else if (this.awaited) this.revealMap();
    this.awaited = false;
    if (this.digest !== header.digest) await this.decode(take(rest.length - start), header.digest);
    if (bytes !== this.bytes) return;
    this.drawPhoto();
    this.root.dataset.shown = `${header.channel ?? "photo"}`;
  }

  async decode(png, digest) {
    const bitmap = await createImageBitmap(new Blob([png], { type: "image/png" }));
    if (digest !== this.header.digest || !this.root.isConnected) return bitmap.close();
    this.bitmap?.close();
    Object.assign(this, { bitmap, digest });
  }

  // --- text ------------------------------------------------------------------------------------

  write() {
    const { title, note, sum, explains, filter, lecture, photo } = this.header;
    const { parts } = this;
    const chosen = this.hasMap();
    this.root.classList.toggle("photo-only", !chosen);
    this.root.classList.toggle("lecture", lecture);
    parts.title.textContent = title;
    parts["map-stage"].setAttribute("aria-label", `${title}: arrow keys move, Enter explains a value`);
    parts.photo.setAttribute("aria-label", photo);
    parts["map-stage"].hidden = parts.blend.hidden = !chosen;
    parts.sum.textContent = sum;
    parts.sum.hidden = !sum;
    parts.explain.hidden = !sum || !explains;
    parts.filter.textContent = filter;
    parts.filter.hidden = !filter;
    parts.note.textContent = note;
    parts.note.hidden = !note;
    this.writeTrail();
  }

  writeTrail() {
    const { trail } = this.header;
    const list = this.parts.trail.querySelector("ol");
    while (list.children.length > trail.length) list.lastChild.remove();
    trail.forEach((label, index) => {
      const button = list.children[index]?.firstChild ?? this.newStep(list, index);
      button.textContent = label;
      button.toggleAttribute("aria-current", index === trail.length - 1);
    });
    // The trail's end repeats the title, and there is no room for both.
    this.parts.title.hidden = trail.length > 0;
    this.parts.trail.hidden = !trail.length;
    this.parts.trail.scrollTop = this.parts.trail.scrollHeight;
  }

  newStep(list, index) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.addEventListener("click", () => this.send({ step: index }));
    list.appendChild(document.createElement("li")).append(button);
    return button;
  }

  // --- sizes -----------------------------------------------------------------------------------

  // Sizes map and photograph so that both are visible at once.
  fit() {
    const { top: at, width: wide } = this.root.getBoundingClientRect();
    if (!this.header || !wide) return;
    const top = this.top();
    const below = top > 0.6 * window.innerHeight;
    this.parts.return.hidden = !below || !this.hasMap();
    const stage = this.parts[this.hasMap() ? "map-stage" : "photo-stage"];
    const head = stage.getBoundingClientRect().top - at;
    // An inspector below the grid is scrolled to the top, just below the page's header bar.
    const rest = this.header.lecture ? SLIDER : BELOW;
    const room = window.innerHeight - (below ? 64 : top) - head - rest;
    const least = Math.min(LEAST_MAP, wide);
    const most = this.header.lecture ? LECTURE_SHARE * room : room - LEAST_PHOTO - 8;
    const map = clamp(most, least, wide);
    const beside = clamp(room - map - 8, LEAST_PHOTO, wide - LEAST_TEXT);
    const photo = this.hasMap() ? beside : clamp(room - 90, least, wide);
    this.root.style.setProperty("--map", `${Math.floor(map)}px`);
    this.root.style.setProperty("--photo", `${Math.floor(photo)}px`);
  }

  // Top of the inspector on an unscrolled page; a sticky panel is further down when scrolled.
  top() {
    const panel = this.root.getRootNode().host.closest(".st-key-maps-room > *");
    const row = panel?.parentElement.getBoundingClientRect();
    const at = this.root.getBoundingClientRect().top;
    const sticky = panel && getComputedStyle(panel).position === "sticky";
    const top = sticky ? row.top + at - panel.getBoundingClientRect().top + panel.scrollTop : at;
    return top + (element('[data-testid="stMain"]')?.scrollTop ?? 0);
  }

  // Scrolls to the tabs below, or to the top of the page or an inspector below the grid.
  reveal() {
    const [, place] = this.header.reveal;
    if (place === "tabs") return this.revealTabs();
    if (!this.parts.return.hidden) return this.revealMap();
    element('[data-testid="stMain"]')?.scrollTo(0, 0);
  }

  // Scrolls to the selected map, below the grid or beside it, unless it is visible.
  revealMap() {
    const box = this.parts["map-stage"].getBoundingClientRect();
    if (box.top >= 0 && box.bottom <= window.innerHeight && box.height > 0) return;
    if (!this.parts.return.hidden) this.root.scrollIntoView();
    else element('[data-testid="stMain"]')?.scrollTo(0, 0);
  }

  // Reveals a map chosen in a grid, once it is here.
  expectMap(channel) {
    this.awaited = channel !== this.header?.channel;
    if (!this.awaited) this.revealMap();
  }

  revealTabs() {
    const tabs = element(".st-key-map-tabs");
    if (tabs) keepInView(tabs, tabs);
  }

  // --- drawing ---------------------------------------------------------------------------------

  drawMap() {
    const { height, width, low, high, levels } = this.header;
    const { map } = this.parts;
    const pixels = new ImageData(width, height);
    const last = levels - 1;
    const scale = high > low ? last / (high - low) : 0;
    const { data } = pixels;
    this.values.forEach((value, index) => {
      const level = 3 * Math.round(clamp((value - low) * scale, 0, last));
      for (let band = 0; band < 3; band++) data[4 * index + band] = this.colors[level + band];
      data[4 * index + 3] = 255;
    });
    [map.width, map.height] = [width, height];
    map.getContext("2d").putImageData(pixels, 0, 0);
  }

  drawPhoto() {
    if (!this.bitmap) return;
    const { photo, map, strength } = this.parts;
    const side = 2 * this.header.input;
    [photo.width, photo.height] = [side, side];
    const context = photo.getContext("2d");
    context.drawImage(this.bitmap, 0, 0, side, side);
    if (!this.hasMap()) return;
    context.globalAlpha = strength.value / 100;
    context.imageSmoothingEnabled = false;
    const { offset, stride, height } = this.header;
    // Position 0 is centered on `offset`, so the map covers the image from offset - stride / 2 on.
    const start = 2 * (offset + 0.5 - stride / 2);
    context.drawImage(map, start, start, 2 * stride * height, 2 * stride * height);
  }

  // --- pointing --------------------------------------------------------------------------------

  positionAt(event, name) {
    const { height, width, offset, stride, input } = this.header;
    const box = this.parts[name].getBoundingClientRect();
    const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    const indexAt = (part, size) => {
      const index = name === "map" ? part * size : (part * input - 0.5 - offset) / stride + 0.5;
      return clamp(Math.floor(index), 0, size - 1);
    };
    return [indexAt(share[0], height), indexAt(share[1], width)];
  }

  pick(row, column) {
    this.send({ row, column });
  }

  point(row, column) {
    this.mark(row, column);
    window.dispatchEvent(new CustomEvent(POINT, { detail: { from: this, row, column } }));
  }

  rest() {
    this.unmark();
    window.dispatchEvent(new CustomEvent(POINT, { detail: { from: this } }));
  }

  // Two compared maps mark the same position.
  follow({ from, row, column }) {
    if (from === this || !this.hasMap()) return;
    const { height, width } = this.header;
    if (row < height && column < width) this.mark(row, column);
    else this.unmark();
  }

  mark(row, column) {
    this.at = [row, column];
    this.placeMark("point", row, column);
    this.describe(row, column);
  }

  unmark() {
    const { row, column } = this.header;
    this.placeMark("chosen", row, column);
    this.parts.point.hidden = true;
    this.at = [row ?? 0, column ?? 0];
    if (this.hasMap() && row !== null) return this.describe(row, column);
    this.parts.field.hidden = true;
    this.parts.reading.textContent = this.header.hint;
  }

  placeMark(name, row, column) {
    const mark = this.parts[name];
    mark.hidden = row === null || row === undefined;
    if (mark.hidden) return;
    const { height, width } = this.header;
    Object.assign(mark.style, {
      top: `${(100 * row) / height}%`, height: `${100 / height}%`,
      left: `${(100 * column) / width}%`, width: `${100 / width}%`,
    });
  }

  describe(row, column) {
    const { width, input } = this.header;
    const receptive = fieldAt(this.header, row, column);
    const { whole, inside, cut } = receptive;
    const { field, reading } = this.parts;
    for (const edge of Object.keys(whole)) field.dataset[edge] = cut.includes(edge) ? "cut" : "";
    const percent = (pixels) => `${(100 * pixels) / input}%`;
    Object.assign(field.style, {
      top: percent(inside.top), left: percent(inside.left),
      height: percent(inside.bottom - inside.top), width: percent(inside.right - inside.left),
    });
    field.hidden = false;
    const value = figure(this.values[row * width + column]);
    reading.textContent = `Row ${row + 1}, column ${column + 1}: ${value}. ${fieldText(receptive)}`;
  }

  pressKey(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const [row, column] = this.at;
    if (event.key === "Enter") this.pick(row, column);
    else if (event.key in steps) {
      const { height, width } = this.header;
      const [down, right] = steps[event.key];
      this.point(clamp(row + down, 0, height - 1), clamp(column + right, 0, width - 1));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // In a lecture, Esc closes the map before it has any other effect.
  close(event) {
    if (event.key !== "Escape" || !this.header?.lecture || !this.hasMap()) return;
    if (document.fullscreenElement) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.send("closed");
  }
}

function element(selector) {
  return document.querySelector(selector);
}

function byFinger({ pointerType }) {
  return pointerType === "touch";
}

// If cookies are blocked, a browser throws on any access to its storage.
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then the value is not kept.
  }
}
