// A Plotly figure whose cursor moves without Plotly: a line laid over its axes, heatmaps drawn on a canvas above their panel. When the cursor
// rests, Plotly is told, so that hovering, zooming and exports show what is seen.

import { h } from "./dom.js";
import { picture, shades } from "./colour.js";
import { stepOf } from "./frames.js";

const NARROW = 640;
const REST = 260; // milliseconds without a movement
const CONFIG = { displaylogo: false, responsive: false, displayModeBar: "hover", modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "toImage"] };

export class Plot {
  constructor(Plotly, { figure, cursors = [], onstep }) {
    Object.assign(this, { Plotly, figure, cursors, onstep });
    this.el = h("div", { class: "plot" });
    this.heats = new Map(); // trace → canvas
    this.pending = new Map(); // what Plotly is told when the cursor rests
    this.lines = cursors.map(() => h("div", { class: "cursor-line", "aria-hidden": "true" }));
    this.resized = new ResizeObserver(() => this.fit());
  }

  async draw() {
    this.drawn = true;
    const { data, layout } = this.laidOut();
    await this.Plotly.newPlot(this.el, data, layout, { ...CONFIG, displayModeBar: this.narrow ? false : "hover" });
    this.el.append(...this.lines);
    if (this.cursors.length && this.onstep) this.listen();
    this.el.on("plotly_relayout", () => this.overlay());
    this.resized.observe(this.el);
    this.overlay();
    return this;
  }

  // In the layout that the width asks for, in the colours of the page.
  laidOut() {
    const layout = structuredClone(this.figure.layout), meta = layout.meta ?? {};
    const width = this.el.clientWidth || 600;
    this.narrow = width < NARROW;
    if (this.narrow) for (const [path, value] of Object.entries(meta.narrow ?? {})) put(layout, path, value);
    let height = layout.height ?? 420;
    if (meta.square) {
      const rows = this.narrow ? meta.square : 1, columns = this.narrow ? 1 : meta.square;
      const side = Math.min(((width - 62) / columns) * (columns > 1 ? 0.92 : 1), 560);
      height = rows * (side + meta.over + meta.under + 8);
    }
    Object.assign(layout, { width, height });
    if (this.narrow) layout.dragmode = false;
    this.el.style.height = `${height}px`;
    return { data: structuredClone(this.figure.data), layout: inked(layout, this.el) };
  }

  fit() {
    const width = this.el.clientWidth;
    if (!width || !this.el._fullLayout || Math.abs(width - this.el._fullLayout.width) < 2) return;
    const { layout } = this.laidOut();
    this.Plotly.react(this.el, this.el.data, layout).then(() => this.overlay());
  }

  // Another figure of the same view, as it stands at another step.
  async change(figure) {
    this.figure = figure;
    this.clear();
    const { data, layout } = this.laidOut();
    await this.Plotly.react(this.el, data, layout);
    this.overlay();
  }

  axis(name) {
    return this.el._fullLayout?.[name.replace(/^([xy])/, "$1axis")];
  }

  listen() {
    let down = null;
    this.el.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; }, true);
    this.el.addEventListener("click", (event) => {
      if (!down || Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4) return;
      const box = this.el.getBoundingClientRect(), { _size: size } = this.el._fullLayout;
      const x = event.clientX - box.left, y = event.clientY - box.top;
      if (y < size.t || y > size.t + size.h) return;
      for (const name of this.cursors) {
        const axis = this.axis(name);
        if (x >= axis._offset && x <= axis._offset + axis._length) this.onstep(stepAt(axis, x - axis._offset));
      }
    }, true);
  }

  // The line of the cursor on every axis that counts steps.
  at(step) {
    this.step = step;
    this.cursors.forEach((name, i) => {
      const axis = this.axis(name), line = this.lines[i];
      if (!axis || step === undefined) return;
      const x = pixelOf(axis, step);
      const { _size: size } = this.el._fullLayout;
      const panel = this.el._fullLayout[`yaxis${name.slice(1)}`];
      line.style.transform = `translateX(${axis._offset + Math.min(axis._length, Math.max(0, x))}px)`;
      line.style.top = `${panel?._offset ?? size.t}px`;
      line.style.height = `${panel?._length ?? size.h}px`;
      line.classList.toggle("before", axis.type === "log" && step <= 0);
    });
  }

  // One attribute of one trace is now these values, an array of this shape.
  set(trace, attribute, values, shape) {
    const of = this.el.data[trace];
    this.pending.set(`${trace} ${attribute}`, [trace, attribute, values, shape]);
    if (attribute === "z" && of.type === "heatmap" && !of.texttemplate) this.heat(trace, values, shape);
    else this.soon();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(), REST);
  }

  // Bars and lines are Plotly's; of a fast cursor they show every few frames.
  soon() {
    if (this.coming) return;
    this.coming = requestAnimationFrame(() => { this.coming = 0; this.tell((of) => of.type !== "heatmap" || of.texttemplate); });
  }

  tell(which) {
    const told = [...this.pending].filter(([, [trace]]) => which(this.el.data[trace]));
    for (const [key, [trace, attribute, values, shape]] of told) {
      this.pending.delete(key);
      const value = shape?.length === 2 ? rowsOf(values, ...shape) : values.length === undefined ? values : Array.from(values);
      put(this.el.data[trace], attribute, value);
    }
    if (!told.length || !this.el._fullLayout) return Promise.resolve();
    this.el.layout.datarevision = (this.el.layout.datarevision ?? 0) + 1;
    return this.Plotly.react(this.el, this.el.data, this.el.layout).then(() => this.overlay());
  }

  async settle() {
    clearTimeout(this.resting);
    await this.tell(() => true);
    for (const one of this.heats.values()) one.canvas.classList.remove("moving");
  }

  heat(trace, values, shape) {
    let one = this.heats.get(trace);
    if (!one) {
      one = { canvas: h("canvas", { class: "heat", "aria-hidden": "true" }) };
      this.heats.set(trace, one);
      this.el.append(one.canvas);
    }
    one.canvas.classList.add("moving");
    const of = this.el._fullData.find((full) => full.index === trace);
    const colours = of.coloraxis ? this.el._fullLayout[of.coloraxis] : of;
    const key = JSON.stringify(colours.colorscale);
    if (one.key !== key) Object.assign(one, { key, table: shades(colours.colorscale) });
    const [low, high] = colours.cmin !== undefined ? [colours.cmin, colours.cmax] : [of.zmin, of.zmax];
    this.paint(one, of, picture(values, shape[0], shape[1], low, high, one.table));
  }

  paint(one, of, image) {
    const x = this.axis(of.xaxis ?? "x"), y = this.axis(of.yaxis ?? "y"), ratio = devicePixelRatio || 1;
    const [left, right] = edges(of.x, image.width).map((v) => x.l2p(v)), [top, bottom] = edges(of.y, image.height).map((v) => y.l2p(v));
    const { canvas } = one, box = `${x._offset} ${y._offset} ${x._length} ${y._length}`;
    if (one.box !== box) {
      one.box = box;
      Object.assign(canvas.style, { left: `${x._offset}px`, top: `${y._offset}px`, width: `${x._length}px`, height: `${y._length}px` });
      canvas.width = Math.round(x._length * ratio);
      canvas.height = Math.round(y._length * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, x._length, y._length);
    context.imageSmoothingEnabled = false;
    context.translate(left, top);
    context.scale((right - left) / image.width, (bottom - top) / image.height);
    context.drawImage(image, 0, 0);
  }

  overlay() {
    if (this.step !== undefined) this.at(this.step);
  }

  clear() {
    clearTimeout(this.resting);
    this.pending.clear();
    for (const { canvas } of this.heats.values()) canvas.remove();
    this.heats.clear();
  }

  async image(format) {
    await this.settle();
    const { data, layout } = this.el;
    const paper = structuredClone(this.figure.layout.template);
    return this.Plotly.toImage({ data, layout: { ...layout, template: paper, paper_bgcolor: "white", plot_bgcolor: "white" } },
      { format, width: layout.width, height: layout.height, scale: format === "png" ? 3 : 1 });
  }

  close() {
    this.resized.disconnect();
    this.clear();
    if (this.drawn) this.Plotly.purge(this.el);
  }
}

// Where a step stands on an axis, and which step stands at a pixel. Axes may be logarithmic, or have every kept step as a word.
function pixelOf(axis, step) {
  if (axis.type === "log") return step > 0 ? axis.d2p(step) : 0;
  if (axis.type !== "category") return axis.d2p(step);
  let place = 0;
  axis._categories.forEach((word, i) => { if (stepOf(word) <= step) place = i; });
  return axis.l2p(place);
}

function stepAt(axis, pixel) {
  if (axis.type !== "category") return axis.p2d(pixel);
  const words = axis._categories;
  return stepOf(words[Math.max(0, Math.min(words.length - 1, Math.round(axis.p2l(pixel))))]);
}

export function put(target, path, value) {
  const keys = path.split(/[.[\]]+/).filter(Boolean), last = keys.pop();
  keys.reduce((at, key) => (at[key] ??= {}), target)[last] = value;
}

function rowsOf(values, rows, columns) {
  return Array.from({ length: rows }, (_, i) => Array.from(values.subarray(i * columns, (i + 1) * columns)));
}

// Where the first cell begins and the last one ends.
function edges(ticks, count) {
  const given = ticks?.length === count && typeof ticks[0] === "number";
  const first = given ? ticks[0] : 0, last = given ? ticks[count - 1] : count - 1;
  const half = count > 1 ? (last - first) / (count - 1) / 2 : 0.5;
  return [first - half, last + half];
}

// The figure's own look in the colours of the page, which may be dark.
export function inked(layout, el) {
  const style = getComputedStyle(el.isConnected ? el : document.querySelector(".ontogeny") ?? document.body);
  const of = (name) => style.getPropertyValue(name).trim();
  const ink = of("--ink") || "#1f2328", muted = of("--muted") || "#59636e", grid = of("--grid") || "#e7eaee", rule = of("--rule-strong") || "#9aa4ae";
  const look = ((layout.template ??= {}).layout ??= {});
  Object.assign(look, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { ...look.font, color: ink } });
  for (const name of ["xaxis", "yaxis"]) look[name] = { ...look[name], gridcolor: grid, linecolor: rule, tickcolor: rule };
  look.hoverlabel = { ...look.hoverlabel, bgcolor: of("--card") || "white", bordercolor: rule, font: { ...look.hoverlabel?.font, color: ink } };
  look.annotationdefaults = { ...look.annotationdefaults, font: { ...look.annotationdefaults?.font, color: muted } };
  for (const [name, axis] of Object.entries(layout)) if (/^coloraxis/.test(name) && axis.colorbar) axis.colorbar.outlinecolor = rule;
  for (const one of layout.annotations ?? []) if (one.bgcolor) one.bgcolor = "rgba(0,0,0,0)";
  return layout;
}

// What is shown, as a table: a row a point or a cell.
export function csv(data) {
  const lines = [];
  for (const trace of data) {
    const name = JSON.stringify(trace.name ?? trace.type);
    if (trace.type === "heatmap") {
      const rows = trace.z ?? [];
      if (!lines.length) lines.push("trace,x,y,z");
      rows.forEach((row, i) => Array.from(row).forEach((z, j) => lines.push([name, trace.x?.[j] ?? j, trace.y?.[i] ?? i, z].join(","))));
    } else {
      if (!lines.length) lines.push("trace,x,y");
      const y = Array.from(trace.y ?? []), x = trace.x ? Array.from(trace.x) : y.map((_, i) => i);
      y.forEach((value, i) => lines.push([name, x[i], value].map((one) => one ?? "").join(",")));
    }
  }
  return lines.join("\n") + "\n";
}
