// One map, a spectrum, a row of bars, a line: small drawings on canvas with their numbers under the pointer.

import { h, number } from "./dom.js";
import { picture, shade } from "./colour.js";

// `ticks`: what rows and columns are called, where that is not their place; `onopen`: a cell is pressed.
export function mapFigure({ values, shape: [rows, columns], words, of, table, low, high, axes, from = 0, ticks = [[], []], onopen }) {
  let least = Infinity, most = -Infinity;
  for (const v of values) { if (v < least) least = v; if (v > most) most = v; }
  const at = (k, i) => ticks[k]?.[i] ?? i + from;
  const canvas = h("canvas", { role: "img", "aria-label": words, class: "map" });
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").drawImage(picture(values, rows, columns, low ?? least, high ?? most, table), 0, 0);
  const said = h("output", { class: "readout" }, `${number(least)} to ${number(most)}`);
  const cell = (event) => {
    const box = canvas.getBoundingClientRect();
    return [Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows)), Math.min(columns - 1, Math.floor(((event.clientX - box.left) / box.width) * columns))];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [i, j] = cell(event);
    if (i >= 0 && j >= 0) said.textContent = `${axes[0]} ${at(0, i)}, ${axes[1]} ${at(1, j)}: ${number(values[i * columns + j])}`;
  });
  if (onopen) canvas.addEventListener("click", (event) => onopen(...cell(event)));
  canvas.addEventListener("pointerleave", () => { said.textContent = `${number(least)} to ${number(most)}`; });
  return h("figure", { class: "map-figure" }, h("figcaption", null, words, of && h("small", null, of)), h("div", { class: "map-frame" },
    h("span", { class: "axis-a" }, axes[0]), canvas, h("span", { class: "axis-b" }, axes[1])), said);
}

export function bars({ values, words, labels }) {
  const width = 320, height = 84, most = Math.max(1e-12, ...Array.from(values, Math.abs)), w = width / values.length;
  const said = h("output", { class: "readout" }, `largest ${number(most)}`);
  const el = h("svg", { viewBox: `0 0 ${width} ${height}`, class: "bars", role: "img", "aria-label": words }, Array.from(values, (v, i) => {
    const tall = (Math.abs(v) / most) * (height / 2 - 2);
    return h("rect", { x: i * w, y: v >= 0 ? height / 2 - tall : height / 2, width: Math.max(0.6, w - 0.5), height: tall, class: v >= 0 ? "up" : "below" });
  }), h("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "zero" }));
  el.addEventListener("pointermove", (event) => {
    const box = el.getBoundingClientRect(), i = Math.min(values.length - 1, Math.floor(((event.clientX - box.left) / box.width) * values.length));
    if (i >= 0) said.textContent = `${labels} ${i}: ${number(values[i])}`;
  });
  return h("figure", { class: "map-figure" }, h("figcaption", null, words), el, said);
}

// A quantity over steps, with the cursor.
export function spark({ values, steps, words, at }) {
  const width = 320, height = 60, there = values.map((v, i) => [i, v]).filter(([, v]) => Number.isFinite(v));
  if (there.length < 2) return null;
  const low = Math.min(...there.map(([, v]) => v)), high = Math.max(...there.map(([, v]) => v));
  const x = (i) => (i / (values.length - 1)) * width, y = (v) => 4 + (1 - (v - low) / (high - low || 1)) * (height - 8);
  const now = h("circle", { r: 3.5, class: "dot" }), said = h("output", { class: "readout" });
  const el = h("svg", { viewBox: `0 0 ${width} ${height}`, class: "spark", role: "img", "aria-label": `${words} over the steps that were kept` },
    h("polyline", { points: there.map(([i, v]) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ") }), now);
  const move = (i) => {
    const v = values[i];
    now.setAttribute("visibility", Number.isFinite(v) ? "visible" : "hidden");
    if (Number.isFinite(v)) { now.setAttribute("cx", x(i)); now.setAttribute("cy", y(v)); }
    said.textContent = `${number(v)} at step ${number(steps[i])}`;
  };
  move(at);
  return { el: h("figure", { class: "map-figure" }, h("figcaption", null, words), el, said), move };
}

// Small maps in a row, each to be opened.
export function strip({ maps, table, labels, onopen, words }) {
  const [count, rows, columns] = maps.shape;
  return h("div", { class: "strip", role: "group", "aria-label": words }, Array.from({ length: count }, (_, k) => {
    const canvas = h("canvas", { "aria-hidden": "true" });
    canvas.width = columns;
    canvas.height = rows;
    canvas.getContext("2d").drawImage(picture(maps.values.subarray(k * rows * columns, (k + 1) * rows * columns), rows, columns, 0, 255, table), 0, 0);
    const label = h("small", null, labels[k]);
    return onopen ? h("button", { type: "button", class: "mini", onclick: () => onopen(k), "aria-label": labels[k] }, canvas, label) : h("div", { class: "mini" }, canvas, label);
  }));
}

export function legend({ words, low, high, table }) {
  const stops = Array.from({ length: 9 }, (_, i) => shade(table, i / 8)).join(", ");
  return h("span", { class: "legend" }, h("span", null, words), h("span", null, number(low)), h("span", { class: "ramp", style: { background: `linear-gradient(to right, ${stops})` } }), h("span", null, number(high)));
}
