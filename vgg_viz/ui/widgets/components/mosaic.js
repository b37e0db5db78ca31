// An interactive mosaic: one canvas, drawn tile by tile so that each tile stays sharp.
//
// Python sends the header (vgg_viz/ui/widgets/grid.py), then a PNG with the tiles side by side, without
// gaps. Heatmap overlays are transparent; the photograph's PNG follows and, for small tiles, their
// values (float32). Titles are drawn here, in the page's font and color.

import { corner, fill, fitWidth, indexOf, layOut, nextPosition, positionAt, positionBox, tileAt } from "./layout.js";
import { frameNote, givesWhatIsPainted } from "./saving.js";
import { SELECT, selected } from "./selected.js";
import { clamp, cut, darkenedBackground, figure, unpack } from "./shared.js";

const ZOOMS = [1, 1.5, 2, 3, 4];
const DESCENT = 0.24; // share of the font size below the baseline
const LEGIBLE = 32; // CSS pixels: smaller tiles are not fitted to the screen
const LOW = 500; // CSS pixels: in a lower window, no grid is fitted
const SAVING = 60_000; // milliseconds that a browser may take to save an image
const CAPTION = 76; // CSS pixels for the caption below a mosaic that fits the window
const SMALLEST = 0.6; // size of a long title's letters, relative to the others'
const TITLE_WIDTH = 0.94; // relative to its tile, so that neighbors' titles do not touch
const SQUEEZE = 1.3; // largest width of a title, relative to its tile; it is squeezed to fit
const EXPORT = '[class*="st-key-export-"] [data-testid="stPopoverButton"]';
const HIDDEN = "This browser hides drawn images from pages: it would save noise.";
const PAGE = '[data-testid="stMainBlockContainer"]';
const RETURN = "vgg-viz:return";
const CHOOSE = "vgg-viz:choose";

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const mosaic = parentElement.mosaic ?? (parentElement.mosaic = new Mosaic(parentElement));
  mosaic.pick = (tile) => setTriggerValue("picked", mosaic.header.numbers[tile]);
  mosaic.receive(data);
  // Called again for new data; cleans up only after the component has left the page.
  return () => setTimeout(() => parentElement.isConnected || mosaic.dispose(parentElement));
}

class Mosaic {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.box = find(".mosaic");
    this.grid = find(".grid");
    this.scroller = find(".scroller");
    this.canvas = find("canvas");
    this.tip = find(".tip");
    this.pointed = find(".pointed");
    this.status = find(".message");
    this.announced = find(".announced");
    this.legend = find(".legend");
    this.caption = find(".caption");
    this.title = find(".title");
    this.tools = find(".tools");
    this.outlines = Object.fromEntries(
      ["hovered", "focused", "selected"].map((name) => [name, find(`.${name}`)]),
    );
    this.zoom = 0;
    this.current = 0;
    this.position = null;
    find(".fullscreen").hidden = !this.box.requestFullscreen;
    this.listen(find);
    this.listenOutside();
  }

  // Listeners outside the component would keep it in memory, so they end with it.
  listenOutside() {
    this.listening = new AbortController();
    const { signal } = this.listening;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.scroller);
    this.around = new ResizeObserver(() => this.refit());
    this.around.observe(document.querySelector(PAGE));
    window.addEventListener("resize", () => this.draw(), { signal });
    window.addEventListener(SELECT, ({ detail }) => this.select(detail), { signal });
    window.addEventListener("beforeprint", () => this.print(true), { signal });
    window.addEventListener("afterprint", () => this.print(false), { signal });
    window.addEventListener(RETURN, () => this.returnTo(), { signal });
  }

  dispose(root) {
    this.listening.abort();
    this.observer.disconnect();
    this.around.disconnect();
    this.release();
    this.bytes = null;
    // Browsers keep a removed canvas's pixels for a while.
    this.canvas.width = this.canvas.height = 0;
    if (root.mosaic === this) root.mosaic = null;
  }

  release() {
    this.bitmap?.close();
    this.photograph?.close();
    this.bitmap = this.photograph = null;
  }

  listen(find) {
    // Components are not told of a new theme; their text color changes.
    this.box.addEventListener("transitionend", () => this.draw());
    this.grid.addEventListener("pointermove", (event) => this.point(event));
    this.grid.addEventListener("pointerleave", () => this.hover(null));
    this.grid.addEventListener("click", (event) => this.click(event));
    this.grid.addEventListener("keydown", (event) => this.press(event));
    this.grid.addEventListener("focus", () => this.enter());
    this.grid.addEventListener("blur", () => this.hover(null));
    this.grid.addEventListener("pointerdown", () => (this.byKeyboard = false));
    find(".zoom-in").addEventListener("click", () => this.changeZoom(1));
    find(".zoom-out").addEventListener("click", () => this.changeZoom(-1));
    find(".fullscreen").addEventListener("click", () => this.toggleFullscreen());
    find(".copy").addEventListener("click", () => this.copy());
    find(".save").addEventListener("click", () => this.save());
  }

  async receive(bytes) {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    const { header, rest } = unpack(bytes);
    const [tiles, photo, values] = cut(rest, header.parts);
    const [bitmap, photograph] = await Promise.all([decoded(tiles), photo ? decoded(photo) : null]);
    // Newer data have arrived meanwhile.
    if (bytes !== this.bytes) return [bitmap, photograph].forEach((image) => image?.close());
    this.release();
    Object.assign(this, { header, bitmap, photograph });
    this.values = new Float32Array(values?.buffer ?? 0);
    this.count = header.titles.length;
    this.current = Math.min(this.current, this.count - 1);
    this.grid.setAttribute("aria-label", header.name);
    this.caption.textContent = header.name;
    this.writeTitle();
    this.writeLegend();
    this.tools.hidden = !header.tools;
    this.box.classList.toggle("lecture", header.lecture);
    this.draw();
    this.select(selected());
    // The tile under a resting pointer or the keyboard's focus has changed.
    const { hovered = null, position } = this;
    const exists = header.positions > Math.max(position?.row, position?.column);
    if (hovered !== null) this.hover(hovered < this.count ? hovered : null, exists ? position : null);
    this.describe(this.current);
  }

  // In one element with the grid, since each costs the browser time whenever it may have changed.
  writeTitle() {
    const { title } = this.header;
    const parts = title.split("**").map((text, index) => (index % 2 ? element("b", text) : text));
    this.title.replaceChildren(...parts);
    this.title.hidden = !title;
  }

  // The color bar of a scale that all tiles share.
  writeLegend() {
    const { legend } = this.header;
    this.legend.hidden = !legend;
    if (!legend) return;
    const bar = element("div", "");
    bar.style.background = `linear-gradient(90deg, ${legend.colors})`;
    this.legend.replaceChildren(bar, ...legend.labels.map((label) => element("span", label)));
  }

  // --- geometry, all in CSS pixels -------------------------------------------------------------

  layOut() {
    const fitting = this.fitted(this.box.matches(":fullscreen"));
    const tile = Math.max(this.header.smallest, fitting.tile) * ZOOMS[this.zoom];
    return layOut(this.header, this.count, { ...fitting, tile }, window.devicePixelRatio);
  }

  // Fitted to the screen if requested, unless tiles get too small, as on a zoomed page.
  fitted(fullscreen) {
    const { clientWidth: width, clientHeight: height } = this.scroller;
    const asWide = fitWidth(this.header, width);
    if (!fullscreen && !this.header.fits) return asWide;
    const [across, down] = fullscreen ? [width, height] : [this.roomAcross(), this.roomBelow()];
    const filling = fill(this.header, this.count, { across, down, width });
    const legible = window.innerHeight >= LOW && filling.tile >= LEGIBLE;
    return fullscreen || legible ? filling : asWide;
  }

  // The window's height below the mosaic's top on an unscrolled page; of a mosaic to scroll to, the
  // whole window's; or a minimum.
  roomBelow() {
    const page = document.querySelector('[data-testid="stMain"]');
    const top = this.scroller.getBoundingClientRect().top + (page?.scrollTop ?? 0);
    // On a zoomed page, larger surroundings must not shrink the tiles.
    const room = window.innerHeight - (top + CAPTION) / zoomOfPage();
    const least = 0.3 * window.innerHeight;
    if (room < least && this.header.scrolls) return window.innerHeight - CAPTION / zoomOfPage();
    return Math.max(room, least);
  }

  roomAcross() {
    return window.innerWidth - (window.innerWidth - this.scroller.clientWidth) / zoomOfPage();
  }

  // The tile at a pointer, or null, and the position in it if the tiles' values are known.
  at(event) {
    if (!this.layout) return [null, null];
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const tile = tileAt(this.layout, x, y);
    return [tile, tile === null ? null : positionAt(this.layout, tile, this.header.positions, x, y)];
  }

  // --- drawing ---------------------------------------------------------------------------------

  draw() {
    if (!this.bitmap || !this.scroller.clientWidth) return;
    this.layout = this.layOut();
    const { columns, rows, width, height, head, ratio } = this.layout;
    const { gap } = this.header;
    const [across, down] = [columns * width - gap, head + rows * height - gap];
    this.canvas.width = Math.floor(across * ratio);
    this.canvas.height = Math.floor(down * ratio);
    Object.assign(this.canvas.style, { width: `${across}px`, height: `${down}px` });
    Object.assign(this.grid.style, { width: `${across}px`, height: `${down}px` });
    this.paint(this.canvas.getContext("2d"), getComputedStyle(this.box));
    for (const name of Object.keys(this.outlines)) this.show(name, this[name]);
    this.showPosition();
    this.canvas.dataset.shown = this.header.shown;
  }

  // What stands above a mosaic that fits the window comes and goes, such as a loading network's progress.
  refit() {
    if (this.layout && this.header.fits && this.layOut().tile !== this.layout.tile) this.draw();
  }

  paint(context, style) {
    const { ratio, tile, title } = this.layout;
    const { space } = this.header;
    const below = Math.max(4, (title - space) * DESCENT);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingQuality = "high";
    context.fillStyle = this.onPaper ? "#000" : darkenedBackground() ? "#fff" : style.color;
    context.textAlign = "center";
    context.font = `500 ${title - space}px ${style.fontFamily}`;
    this.header.heads.forEach((head, column) => {
      write(context, head, column * this.layout.width + tile / 2, title - below, TITLE_WIDTH * tile);
    });
    const border = style.getPropertyValue("--st-border-color");
    for (let index = 0; index < this.count; index++) {
      context.strokeStyle = border;
      context.lineWidth = 1;
      const [left, top] = corner(this.layout, index);
      this.drawTile(context, index, left, top);
      context.strokeRect(left - 0.5, top - 0.5, tile + 1, tile + 1); // black tiles on a dark page
      write(context, this.header.titles[index], left + tile / 2, top - below, TITLE_WIDTH * tile);
      if (this.header.flat[index]) this.strike(context, left, top, tile);
    }
    for (let index = 0; index < this.count; index++) {
      const named = this.header.outlined.includes(this.header.numbers[index]);
      if (named || (this.onPaper && index === this.selected)) this.frame(context, style, index);
    }
  }

  drawTile(context, index, left, top) {
    const { ratio, tile } = this.layout;
    const { side, columns } = this.header;
    context.imageSmoothingEnabled = true;
    if (this.photograph) context.drawImage(this.photograph, left, top, tile, tile);
    context.imageSmoothingEnabled = side > tile * ratio;
    const [x, y] = [(index % columns) * side, Math.floor(index / columns) * side];
    context.drawImage(this.bitmap, x, y, side, side, left, top, tile, tile);
  }

  // Frames a tile that a tour's answer names, visible from the back of a room.
  frame(context, style, index) {
    const { tile } = this.layout;
    const [left, top] = corner(this.layout, index);
    context.strokeStyle = style.getPropertyValue("--st-orange-color");
    context.lineWidth = Math.min(6, Math.max(4, tile / 20));
    const inset = context.lineWidth / 2 - 2; // two pixels of it lie in the gap
    context.strokeRect(left + inset, top + inset, tile - 2 * inset, tile - 2 * inset);
  }

  // Paper is white in any theme, and resizing for print would misplace the outlines.
  print(onPaper) {
    this.onPaper = onPaper;
    this.draw();
  }

  strike(context, left, top, tile) {
    context.strokeStyle = this.header.mark;
    context.lineWidth = Math.max(1.5, tile / 40);
    context.beginPath();
    context.moveTo(left, top);
    context.lineTo(left + tile, top + tile);
    context.stroke();
  }

  show(name, tile) {
    const outline = this.outlines[name];
    this[name] = tile;
    outline.hidden = tile === null || tile === undefined || tile >= this.count;
    if (outline.hidden || !this.layout) return;
    const [left, top] = corner(this.layout, tile);
    const size = `${this.layout.tile}px`;
    Object.assign(outline.style, { left: `${left}px`, top: `${top}px`, width: size, height: size });
  }

  showPosition() {
    const tile = this.hovered ?? null;
    this.pointed.hidden = !this.position || tile === null || tile >= this.count;
    if (this.pointed.hidden || !this.layout) return;
    const [left, top] = corner(this.layout, tile);
    const box = positionBox(this.layout, this.header.positions, this.position);
    const size = `${box.side}px`;
    const corners = { left: `${left + box.left}px`, top: `${top + box.top}px` };
    Object.assign(this.pointed.style, { ...corners, width: size, height: size });
  }

  // --- pointing --------------------------------------------------------------------------------

  point(event) {
    this.hover(...this.at(event));
  }

  click(event) {
    this.choose(this.at(event)[0]);
    // A lifted finger leaves the tile: its tooltip stays.
    if (this.header?.positions) this.point(event);
  }

  hover(tile, position = null) {
    this.position = position;
    this.show("hovered", tile);
    this.showPosition();
    this.tip.hidden = tile === null;
    if (tile === null) return;
    const { titles, lines } = this.header;
    const [title, value] = [titles[tile], position && this.valueAt(tile, position)];
    const below = [value, lines[tile]].filter(Boolean).join("\n");
    this.tip.replaceChildren(element("b", title), title && below && "\n", below);
    this.placeTip(position ? [this.outlines.hovered, this.pointed] : [this.outlines.hovered]);
  }

  // Puts the tooltip below the tile or above it; without room for that, at the position in it.
  placeTip(anchors) {
    const { offsetHeight: height, offsetWidth: width } = this.tip;
    const fits = ({ bottom }) => bottom + 6 + height < window.innerHeight;
    const boxes = anchors.map((anchor) => anchor.getBoundingClientRect());
    const anchor = boxes.find((one) => fits(one) || one.top > height + 24) ?? boxes[0];
    const box = this.box.getBoundingClientRect();
    const left = Math.min(anchor.left - box.left, box.width - width - 4);
    const top = (fits(anchor) ? anchor.bottom + 6 : anchor.top - height - 24) - box.top;
    Object.assign(this.tip.style, { left: `${Math.max(0, left)}px`, top: `${top}px` });
  }

  valueAt(tile, position) {
    const value = figure(this.values[indexOf(this.header.positions, tile, position)]);
    return `Row ${position.row + 1}, column ${position.column + 1}: ${value}`;
  }

  enter() {
    this.byKeyboard = this.grid.matches(":focus-visible");
    if (this.header) this.describe(this.current);
  }

  // Describes the focused tile to screen readers.
  describe(tile) {
    this.show("focused", tile);
    const option = this.outlines.focused;
    const { titles, lines } = this.header;
    option.setAttribute("aria-label", [titles[tile], lines[tile]].filter(Boolean).join(". "));
    option.setAttribute("aria-selected", String(tile === this.selected));
    this.grid.setAttribute("aria-activedescendant", option.id);
  }

  focus(tile) {
    this.current = tile;
    this.byKeyboard = true;
    this.describe(tile);
    this.outlines.focused.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.hover(tile);
  }

  // Moves between the positions of the focused tile.
  move(step) {
    const from = this.hovered === this.current ? this.position : null;
    const position = nextPosition(from, step, this.header.positions);
    this.byKeyboard = true;
    this.hover(this.current, position);
    this.announced.textContent = this.valueAt(this.current, position);
  }

  choose(tile) {
    if (tile === null) return;
    this.current = tile;
    this.show("selected", tile);
    this.describe(tile);
    this.announced.textContent = `${this.header.titles[tile]} selected`;
    this.pick(tile);
    // The inspector comes into sight, which the server need not say.
    const detail = this.header.numbers[tile];
    if (this.header.follows) window.dispatchEvent(new CustomEvent(CHOOSE, { detail }));
  }

  select(number) {
    const tile = this.header?.follows ? this.header.numbers.indexOf(number) : -1;
    this.show("selected", tile < 0 ? null : tile);
    if (tile >= 0) this.current = tile;
  }

  // Scrolls back from an inspector below the mosaic.
  returnTo() {
    if (!this.header?.follows) return;
    const tile = this.outlines.selected;
    (tile.hidden ? this.grid : tile).scrollIntoView({ block: tile.hidden ? "start" : "center" });
    this.grid.focus({ preventScroll: true });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.layout) return;
    const { columns } = this.layout;
    // In a lecture, arrow keys belong to the page unless the keyboard's focus is here.
    if (this.header.fits && !this.byKeyboard) return;
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const ends = { Home: 0, End: this.count - 1 };
    if (event.key === "Enter" || event.key === " ") this.choose(this.current);
    else if (event.key === "Escape") this.grid.blur();
    else if (event.key in ends) this.focus(ends[event.key]);
    else if (event.key in steps && event.shiftKey && this.header.positions) this.move(steps[event.key]);
    else if (event.key in steps) {
      const [down, across] = steps[event.key];
      const tile = this.current + down * columns + across;
      if (tile >= 0 && tile < this.count) this.focus(tile);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // --- tools -----------------------------------------------------------------------------------

  changeZoom(step) {
    this.zoom = clamp(this.zoom + step, 0, ZOOMS.length - 1);
    this.draw();
    this.say(this.zoom ? `${ZOOMS[this.zoom]}×` : "");
  }

  async toggleFullscreen() {
    try {
      await (document.fullscreenElement ? document.exitFullscreen() : this.box.requestFullscreen());
    } catch {
      this.say("Full screen is blocked here");
    }
  }

  // Resolves to the mosaic as a PNG; rejects where the browser gives noise for it.
  async image() {
    if (!(await givesWhatIsPainted())) throw new Error(HIDDEN);
    const whole = document.createElement("canvas");
    [whole.width, whole.height] = [this.canvas.width, this.canvas.height];
    const context = whole.getContext("2d");
    const ground = getComputedStyle(this.box).getPropertyValue("--st-background-color");
    context.fillStyle = darkenedBackground() || ground;
    context.fillRect(0, 0, whole.width, whole.height);
    context.drawImage(this.canvas, 0, 0);
    return new Promise((resolve) => whole.toBlob(resolve, "image/png"));
  }

  async copy() {
    try {
      // WebKit lets a page write only in the click itself, before anything is awaited.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": this.image() })]);
      this.say("Copied");
    } catch {
      if (await givesWhatIsPainted()) this.say("Could not copy the image; save it instead");
      else this.offerExport();
    }
  }

  async save() {
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await this.image());
      link.download = `${this.header.file}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), SAVING);
      const note = frameNote();
      this.say(note || "Saved", note && pageLink());
    } catch {
      this.offerExport();
    }
  }

  // The server draws the same image, in the export menu below.
  offerExport() {
    const host = this.box.getRootNode().host;
    const below = [...document.querySelectorAll(EXPORT)].find(
      (button) => host.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    const offer = Object.assign(document.createElement("button"), { type: "button", textContent: "Export" });
    offer.addEventListener("click", () => {
      below.scrollIntoView({ block: "center" });
      // A click outside of Streamlit's menu closes it, and on a slow machine this one would still be one.
      setTimeout(() => below.click());
    });
    this.say(HIDDEN, below && offer);
  }

  // Shows a sentence and, after it, an element that helps.
  say(message, help) {
    this.status.replaceChildren(message, ...(help ? [" ", help] : []));
  }
}

// Zoom factor of the page; a window that is wider for another reason does not count.
function zoomOfPage() {
  const wider = window.outerWidth / window.innerWidth;
  return Math.max(1, Math.min(wider, window.devicePixelRatio));
}

function decoded(png) {
  return createImageBitmap(new Blob([png], { type: "image/png" }));
}

function pageLink() {
  const tab = { href: window.location.href, target: "_blank", textContent: "Open in a tab" };
  return Object.assign(document.createElement("a"), tab);
}

function element(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

// Draws a title, if needed squeezed a little and in smaller letters; a still longer one is cut off.
function write(context, title, x, y, width) {
  const font = context.font;
  const shrink = Math.max(SMALLEST, (SQUEEZE * width) / context.measureText(title).width);
  if (shrink < 1) context.font = font.replace(/[\d.]+(?=px)/, (size) => size * shrink);
  context.fillText(shortened(context, title, SQUEEZE * width), x, y, width);
  context.font = font;
}

function shortened(context, title, most) {
  if (context.measureText(title).width <= most) return title;
  const letters = lettersOf(title);
  let text = title;
  while (letters.length > 1 && context.measureText(text).width > most) {
    letters.pop();
    text = `${letters.join("").trimEnd()}…`;
  }
  return text;
}

// Splits a text where a reader does: an emoji, or a letter with its marks, may be several characters.
function lettersOf(text) {
  return Intl.Segmenter ? Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment) : [...text];
}
