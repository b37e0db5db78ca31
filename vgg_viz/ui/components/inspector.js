// One map, large, and what each of its positions sees of the photograph.
//
// What Python sends is one array of bytes: the header's length (four bytes, little-endian), the
// header (JSON: see components/__init__.py), the map (float32, little-endian), the colour map
// (levels x RGB), then the photograph as PNG.

const INPUT = 224;

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const inspector = parentElement.inspector ?? (parentElement.inspector = new Inspector(parentElement));
  inspector.pick = (row, column) => setTriggerValue("picked", { row, column });
  inspector.receive(data);
  // Every mosaic on the page outlines the map that is inspected.
  window.vggVizSelected = inspector.header.channel;
  window.dispatchEvent(new CustomEvent("vgg-viz:select", { detail: inspector.header.channel }));
}

class Inspector {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.root = find(".inspector");
    for (const name of ["map", "photo", "histogram", "point", "chosen", "field", "reading", "strength"])
      this[name] = find(`.${name}`);
    this.words = find(".histogram-words");
    this.mapStage = this.map.parentElement;
    this.strength.value = localStorage.getItem("vgg-viz:strength") ?? 50;
    this.listen();
    new ResizeObserver(() => this.header && this.drawHistogram()).observe(this.histogram);
  }

  listen() {
    for (const canvas of [this.map, this.photo]) {
      canvas.parentElement.addEventListener("pointermove", (event) => this.hover(event, canvas));
      canvas.parentElement.addEventListener("pointerleave", () => this.rest());
      canvas.parentElement.addEventListener("click", (event) => {
        this.pick(...this.positionAt(event, canvas));
      });
    }
    this.mapStage.addEventListener("keydown", (event) => this.press(event));
    this.strength.addEventListener("input", () => {
      localStorage.setItem("vgg-viz:strength", this.strength.value);
      this.drawPhoto();
    });
  }

  async receive(bytes) {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    const { height, width, channel, title } = this.header;
    let start = 4 + length;
    const take = (size) => bytes.slice(start, (start += size));
    this.values = new Float32Array(take(4 * height * width).buffer);
    this.colours = take(3 * this.header.levels);
    this.mapStage.setAttribute("aria-label", `${title}: arrow keys move, Enter explains a value`);
    this.drawMap();
    this.drawHistogram();
    this.rest();
    const photo = await createImageBitmap(new Blob([take(bytes.length - start)], { type: "image/png" }));
    if (bytes !== this.bytes) return;
    this.bitmap = photo;
    this.drawPhoto();
    this.root.dataset.shown = `${channel}`;
  }

  // --- drawing ---------------------------------------------------------------------------------

  drawMap() {
    const { height, width, low, high } = this.header;
    const pixels = new ImageData(width, height);
    const last = this.header.levels - 1;
    const scale = high > low ? last / (high - low) : 0;
    this.values.forEach((value, index) => {
      const level = 3 * Math.round(Math.min(Math.max((value - low) * scale, 0), last));
      pixels.data.set([...this.colours.subarray(level, level + 3), 255], 4 * index);
    });
    [this.map.width, this.map.height] = [width, height];
    this.map.getContext("2d").putImageData(pixels, 0, 0);
  }

  drawPhoto() {
    if (!this.bitmap) return;
    [this.photo.width, this.photo.height] = [2 * INPUT, 2 * INPUT];
    const context = this.photo.getContext("2d");
    context.drawImage(this.bitmap, 0, 0, 2 * INPUT, 2 * INPUT);
    context.globalAlpha = this.strength.value / 100;
    context.imageSmoothingEnabled = false;
    const { offset, stride, height } = this.header;
    // Position 0 is centred on `offset`, so the map covers the picture from offset - stride / 2 on.
    const start = 2 * (offset + 0.5 - stride / 2);
    context.drawImage(this.map, start, start, 2 * stride * height, 2 * stride * height);
  }

  drawHistogram() {
    const { clientWidth: width, clientHeight: height } = this.histogram;
    if (!width) return;
    const { counts, edges } = this.header.histogram;
    const ratio = window.devicePixelRatio;
    [this.histogram.width, this.histogram.height] = [width * ratio, height * ratio];
    const context = this.histogram.getContext("2d");
    const style = getComputedStyle(this.root);
    context.scale(ratio, ratio);
    context.fillStyle = style.getPropertyValue("--st-primary-color");
    const tallest = Math.max(...counts.map(Math.sqrt), 1);
    const bar = width / counts.length;
    counts.forEach((count, index) => {
      const tall = (Math.sqrt(count) / tallest) * (height - 2);
      context.fillRect(index * bar, height - tall, Math.max(1, bar - 1), tall);
    });
    context.fillStyle = style.color;
    context.fillRect(0, height - 1, width, 1);
    this.words.textContent =
      `Histogram of the values from ${short(edges[0])} to ${short(edges.at(-1))}; ` +
      `a bar's height is the root of its count, so that rare values show.`;
    this.histogram.setAttribute("aria-label", this.words.textContent);
  }

  // --- pointing --------------------------------------------------------------------------------

  positionAt(event, canvas) {
    const { height, width, offset, stride } = this.header;
    const box = canvas.getBoundingClientRect();
    const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    const on = (part, size) => {
      const place = canvas === this.map ? part * size : (part * INPUT - 0.5 - offset) / stride + 0.5;
      return Math.min(Math.max(Math.floor(place), 0), size - 1);
    };
    return [on(share[0], height), on(share[1], width)];
  }

  hover(event, canvas) {
    if (this.header) this.point_at(...this.positionAt(event, canvas));
  }

  rest() {
    const { row, column } = this.header ?? {};
    this.place(this.chosen, row, column);
    this.point.hidden = true;
    if (row === null || row === undefined) {
      this.field.hidden = true;
      this.reading.textContent =
        "Point at the map to see what a position sees of the photograph; click to see where its value comes from.";
    } else this.tell(row, column);
    this.at = [row ?? 0, column ?? 0];
  }

  point_at(row, column) {
    this.at = [row, column];
    this.place(this.point, row, column);
    this.tell(row, column);
  }

  place(mark, row, column) {
    mark.hidden = row === null || row === undefined;
    if (mark.hidden) return;
    const { height, width } = this.header;
    Object.assign(mark.style, {
      top: `${(100 * row) / height}%`, height: `${100 / height}%`,
      left: `${(100 * column) / width}%`, width: `${100 / width}%`,
    });
  }

  tell(row, column) {
    const { offset, stride, receptive_field: side, width } = this.header;
    const first = (place) => offset + place * stride - (side - 1) / 2;
    const window_ = { top: first(row), left: first(column) };
    window_.bottom = window_.top + side;
    window_.right = window_.left + side;
    const inside = Object.fromEntries(
      Object.entries(window_).map(([edge, place]) => [edge, Math.min(Math.max(place, 0), INPUT)]),
    );
    let clipped = false;
    for (const edge of Object.keys(window_)) {
      const cut = inside[edge] !== window_[edge];
      clipped ||= cut;
      this.field.dataset[edge] = cut ? "cut" : "";
    }
    const percent = (pixels) => `${(100 * pixels) / INPUT}%`;
    Object.assign(this.field.style, {
      top: percent(inside.top), left: percent(inside.left),
      height: percent(inside.bottom - inside.top), width: percent(inside.right - inside.left),
    });
    this.field.hidden = false;
    const value = this.values[row * width + column];
    this.reading.textContent =
      `Row ${row + 1}, column ${column + 1}: ${short(value)}. It sees rows ${inside.top + 1} to ` +
      `${inside.bottom} and columns ${inside.left + 1} to ${inside.right} of the picture` +
      (clipped ? `: its ${side} × ${side} pixels are cut off at the border.` : `, ${side} × ${side} pixels.`);
  }

  press(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const [row, column] = this.at;
    if (event.key === "Enter") this.pick(row, column);
    else if (event.key in steps) {
      const { height, width } = this.header;
      const [down, right] = steps[event.key];
      const within = (place, size) => Math.min(Math.max(place, 0), size - 1);
      this.point_at(within(row + down, height), within(column + right, width));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function short(value) {
  return Number(value.toPrecision(4)).toString().replace("-", "−");
}
