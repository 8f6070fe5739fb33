// Settings against outcomes: a line a run across parallel axes. Drag on an axis to keep the runs in a range; double-click lets all go.

import { h, number } from "./dom.js";
import { shade, shades } from "./colour.js";

const HEIGHT = 250, TOP = 34, BOTTOM = 14;

export function parallel({ columns, look, onrange }) {
  const scales = columns.map((one) => scaleOf(one));
  const table = shades(look.scales.ordered);
  const canvas = h("canvas", { class: "parallel-lines", "aria-hidden": "true" });
  const axes = h("div", { class: "parallel-axes" });
  const el = h("div", { class: "parallel", role: "group", "aria-label": `Runs as lines over ${columns.map((one) => one.words).join(", ")}` }, canvas, axes);
  const ranges = new Map();
  let shown = null;

  const place = (k, width) => 60 + (k * (width - 120)) / Math.max(1, columns.length - 1);

  function draw() {
    const width = el.clientWidth || 800, ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const count = columns[0]?.values.length ?? 0;
    context.lineWidth = 1.2;
    const last = scales.length - 1;
    for (const pass of [false, true]) {
      for (let i = 0; i < count; i++) {
        const inside = (!shown || shown.has(i)) && [...ranges].every(([k, [low, high]]) => { const at = scales[k].at(i); return at >= low && at <= high; });
        if (inside !== pass) continue;
        const end = scales[last].at(i);
        context.strokeStyle = inside ? shade(table, Number.isNaN(end) ? 0 : end) : "rgba(128,128,128,0.12)";
        context.globalAlpha = inside ? Math.max(0.12, Math.min(0.8, 60 / count)) : 1;
        context.beginPath();
        let begun = false;
        for (let k = 0; k < scales.length; k++) {
          const at = scales[k].at(i);
          if (Number.isNaN(at)) { begun = false; continue; }
          const x = place(k, width), y = TOP + (1 - at) * (HEIGHT - TOP - BOTTOM);
          if (begun) context.lineTo(x, y); else context.moveTo(x, y);
          begun = true;
        }
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    axes.replaceChildren(...columns.map((one, k) => axis(one, k, place(k, width))));
  }

  function axis(one, k, x) {
    const range = ranges.get(k), tall = HEIGHT - TOP - BOTTOM;
    const brush = h("div", { class: "brush", hidden: !range });
    if (range) Object.assign(brush.style, { top: `${TOP + (1 - range[1]) * tall}px`, height: `${(range[1] - range[0]) * tall}px` });
    const { low, high } = scales[k];
    const line = h("div", { class: "axis", style: { left: `${x}px` } },
      h("span", { class: "axis-name", title: one.words }, one.words), h("span", { class: "axis-high" }, high), h("span", { class: "axis-line" }), h("span", { class: "axis-low" }, low), brush);
    const at = (event) => Math.min(1, Math.max(0, 1 - (event.clientY - el.getBoundingClientRect().top - TOP) / tall));
    line.addEventListener("pointerdown", (event) => {
      const from = at(event);
      const move = (later) => { const to = at(later); ranges.set(k, [Math.min(from, to), Math.max(from, to)]); draw(); };
      const up = () => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", up);
        const now = ranges.get(k);
        if (now && now[1] - now[0] < 0.01) ranges.delete(k);
        draw();
        onrange?.([...ranges].map(([j, [a, b]]) => [columns[j].name, scales[j].value(a), scales[j].value(b)]));
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", up);
      event.preventDefault();
    });
    return line;
  }

  new ResizeObserver(draw).observe(el);
  return { el, show: (indices) => { shown = indices; draw(); } };
}

// Numbers by size; words by their order.
function scaleOf({ values, numeric }) {
  const there = values.filter((v) => v !== null && v !== undefined && !Number.isNaN(v));
  if (numeric) {
    const low = there.reduce((a, b) => Math.min(a, b), Infinity), high = there.reduce((a, b) => Math.max(a, b), -Infinity);
    const span = high - low || 1;
    return { low: number(low), high: number(high), at: (i) => (values[i] === null ? NaN : high === low ? 0.5 : (values[i] - low) / span), value: (share) => low + share * span };
  }
  const words = [...new Set(there.map(String))].sort();
  const at = (i) => (values[i] === null ? NaN : words.length === 1 ? 0.5 : words.indexOf(String(values[i])) / (words.length - 1));
  return { low: words[0] ?? "", high: words.at(-1) ?? "", at, value: (share) => share };
}
