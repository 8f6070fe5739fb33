// All maps on one canvas, from bytes: each over its own range, framed in the colour of a quantity.

import { h } from "./dom.js";

const GAP = 4; // pixels of a map between two of them, of which the frame takes two

const CHOSEN = 0xff0080ff, EDGE = 0x40909090; // colours as 0xAABBGGRR

export class Mosaic {
  constructor({ table, onpick, onchoose, label }) {
    Object.assign(this, { table: new Uint32Array(table.buffer), onpick, onchoose });
    this.canvas = h("canvas", { class: "mosaic", tabIndex: 0, role: "img", "aria-label": label });
    this.line = h("polyline", { points: "" });
    this.el = h("div", { class: "mosaic-place" }, this.canvas, h("svg", { class: "lasso", "aria-hidden": "true" }, this.line));
    this.order = [];
    this.chosen = new Set();
    this.tile = 40;
    this.listen();
    new ResizeObserver(() => this.again()).observe(this.el);
  }

  // maps: bytes (unit, row, column); order: units in the order in which they stand; frames: a colour (0xAABBGGRR) a unit, or none.
  show({ maps, order, frames }) {
    Object.assign(this, { maps, order, frames });
    this.draw();
  }

  again() {
    if (this.maps) this.draw();
  }

  draw() {
    const { values, shape: [, rows, columns] } = this.maps;
    this.side = this.tile + GAP;
    this.across = Math.max(1, Math.floor((this.el.clientWidth + GAP) / this.side));
    const scale = Math.max(1, Math.round(this.tile / Math.max(rows, columns)));
    const down = Math.ceil(this.order.length / this.across);
    const cell = [columns * scale + GAP, rows * scale + GAP];
    const width = Math.max(1, this.across * cell[0]), height = Math.max(1, down * cell[1]);
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.canvas.style.width = `${this.across * this.side}px`;
    this.canvas.style.height = `${down * this.side}px`;
    this.canvas.style.imageRendering = this.tile >= Math.max(rows, columns) ? "pixelated" : "auto";
    this.pixels.fill(0);
    for (let place = 0; place < this.order.length; place++) {
      const unit = this.order[place], x = (place % this.across) * cell[0], y = Math.floor(place / this.across) * cell[1];
      const colour = this.chosen.has(unit) ? CHOSEN : this.frames?.[unit] || EDGE;
      this.ring(x, y, cell, width, colour);
      let from = unit * rows * columns;
      for (let i = 0; i < rows * scale; i++) {
        let to = (y + 2 + i) * width + x + 2;
        const row = from + Math.floor(i / scale) * columns;
        if (scale === 1) for (let j = 0; j < columns; j++) this.pixels[to++] = this.table[values[row + j]];
        else for (let j = 0; j < columns * scale; j++) this.pixels[to++] = this.table[values[row + Math.floor(j / scale)]];
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
    this.mark();
  }

  ring(x, y, [w, hh], width, colour) {
    for (let j = 0; j < w; j++) for (const i of [0, 1, hh - 2, hh - 1]) this.pixels[(y + i) * width + x + j] = colour;
    for (let i = 0; i < hh; i++) for (const j of [0, 1, w - 2, w - 1]) this.pixels[(y + i) * width + x + j] = colour;
  }

  mark() {
    const place = this.order.indexOf(this.picked);
    this.cursor ??= this.el.appendChild(h("div", { class: "picked", "aria-hidden": "true" }));
    this.cursor.hidden = place < 0;
    if (place < 0) return;
    Object.assign(this.cursor.style, {
      width: `${this.side}px`, height: `${this.side}px`,
      transform: `translate(${(place % this.across) * this.side}px, ${Math.floor(place / this.across) * this.side}px)`,
    });
  }

  pick(unit) {
    this.picked = unit;
    this.mark();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [Math.floor((event.clientX - box.left) / this.side), Math.floor((event.clientY - box.top) / this.side)];
  }

  // A click picks one; a drag chooses what it goes round and what it touches (Shift: besides those that are chosen). By keys: arrows move, with
  // Shift they choose the range from where one began, Enter chooses or lets go of one.
  listen() {
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const from = this.place(event), path = [[event.clientX, event.clientY]];
      let dragged = false;
      const move = (later) => {
        path.push([later.clientX, later.clientY]);
        dragged ||= Math.hypot(later.clientX - path[0][0], later.clientY - path[0][1]) > 6;
        if (dragged) this.trace(path);
      };
      const up = (later) => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", up);
        removeEventListener("pointercancel", up);
        this.line.setAttribute("points", "");
        if (later.type === "pointercancel") return;
        if (!dragged) return this.unitAt(from) !== undefined && this.onpick(this.unitAt(from));
        this.choose(this.within(path), later.shiftKey);
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", up);
      addEventListener("pointercancel", up);
    });
    this.canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across }[event.key];
      if (!by && event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
      const at = Math.max(0, this.order.indexOf(this.picked)), to = Math.min(this.order.length - 1, Math.max(0, at + (by ?? 0)));
      if (!by) {
        if (!this.chosen.delete(this.order[at])) this.chosen.add(this.order[at]);
        return this.choose([...this.chosen]);
      }
      if (event.shiftKey) {
        this.anchor ??= at;
        this.choose(this.order.slice(Math.min(this.anchor, to), Math.max(this.anchor, to) + 1));
      } else this.anchor = undefined;
      this.onpick(this.order[to]);
    });
  }

  choose(units, besides) {
    this.chosen = new Set(besides ? [...this.chosen, ...units] : units);
    this.draw();
    this.onchoose?.([...this.chosen]);
  }

  trace(path) {
    const box = this.el.getBoundingClientRect();
    this.line.setAttribute("points", path.map(([x, y]) => `${x - box.left},${y - box.top}`).join(" "));
  }

  // Units whose middle lies inside the path, closed, or whose map it touches.
  within(path) {
    const box = this.canvas.getBoundingClientRect(), at = path.map(([x, y]) => [(x - box.left) / this.side, (y - box.top) / this.side]);
    const touched = new Set();
    at.forEach(([x, y], i) => {
      const [u, v] = at[Math.max(0, i - 1)], many = Math.ceil(4 * Math.hypot(x - u, y - v)) || 1;
      for (let k = 0; k <= many; k++) touched.add(this.unitAt([Math.floor(u + ((x - u) * k) / many), Math.floor(v + ((y - v) * k) / many)]));
    });
    return this.order.filter((unit, place) => touched.has(unit) || inside(at, (place % this.across) + 0.5, Math.floor(place / this.across) + 0.5));
  }

  unitAt([x, y]) {
    return x >= 0 && x < this.across ? this.order[y * this.across + x] : undefined;
  }
}

// Whether a point lies inside a closed path: a ray from it crosses the path an odd number of times.
export function inside(path, x, y) {
  let odd = false;
  path.forEach(([x1, y1], i) => {
    const [x0, y0] = path[(i || path.length) - 1];
    if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) odd = !odd;
  });
  return odd;
}
