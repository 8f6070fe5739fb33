// Loss and accuracy as they were logged, every part of the examples beside the other.

import { Plot } from "./plot.js";

const MOST = 1500; // points a line

export function curveFigure(metrics, look, log = true) {
  const steps = metrics.step?.values ?? [];
  const names = Object.keys(metrics).filter((name) => /_(loss|accuracy)$/.test(name) && !name.startsWith("all_"));
  const shown = names.length ? names : Object.keys(metrics).filter((name) => /_(loss|accuracy)$/.test(name));
  const kinds = ["loss", "accuracy"].filter((kind) => shown.some((name) => name.endsWith(`_${kind}`)));
  const parts = [...new Set(shown.map((name) => name.replace(/_(loss|accuracy)$/, "")))];
  const keep = thinned(steps, MOST, log);
  const data = [];
  for (const [panel, kind] of kinds.entries()) for (const [i, part] of parts.entries()) {
    const values = metrics[`${part}_${kind}`]?.values;
    if (!values) continue;
    const end = panel ? panel + 1 : "";
    data.push({
      type: "scatter", mode: "lines", name: part, legendgroup: part, showlegend: panel === 0, x: keep.map((k) => steps[k]), y: keep.map((k) => values[k]),
      xaxis: `x${end}`, yaxis: `y${end}`, line: { color: look.palette[i], width: 2 }, hovertemplate: `${part} ${kind} <b>%{y:.4g}</b><br>step %{x:,}<extra></extra>`,
    });
  }
  const wide = kinds.length > 1 ? [[0, 0.46], [0.54, 1]] : [[0, 1]];
  const layout = { template: structuredClone(look.template), height: 280, margin: { l: 56, r: 14, t: 34, b: 44 }, meta: { narrow: {} } };
  kinds.forEach((kind, panel) => {
    const end = panel ? panel + 1 : "";
    layout[`xaxis${end}`] = { domain: wide[panel], anchor: `y${end}`, title: { text: "optimiser updates" }, type: log ? "log" : "linear", exponentformat: "SI", nticks: 8, ...(log ? { dtick: 1 } : {}) };
    layout[`yaxis${end}`] = { anchor: `x${end}`, title: { text: kind === "loss" ? "loss (nats)" : "accuracy" }, ...(kind === "loss" ? { type: "log", exponentformat: "power", dtick: 1 } : { range: [-0.03, 1.03] }) };
    layout.meta.narrow[`xaxis${end}.domain`] = [0, 1];
    layout.meta.narrow[`yaxis${end}.domain`] = kinds.length > 1 ? [[0.58, 1], [0, 0.42]][panel] : [0, 1];
  });
  layout.meta.narrow.height = kinds.length > 1 ? 480 : 280;
  return { figure: { data, layout }, cursors: kinds.map((_, panel) => `x${panel ? panel + 1 : ""}`) };
}

export function curvePlot(Plotly, metrics, look, onstep, log) {
  return new Plot(Plotly, { ...curveFigure(metrics, look, log), onstep });
}

// Evenly spaced, in the logarithm where that is shown; the first and the last are kept.
function thinned(steps, most, log) {
  const all = Array.from(steps, (_, k) => k).filter((k) => !log || steps[k] > 0);
  if (all.length <= most) return all;
  const kept = new Set();
  for (let i = 0; i < most; i++) {
    const share = i / (most - 1);
    kept.add(all[Math.round(log ? all.length ** share - 1 : share * (all.length - 1))]);
  }
  return [...kept];
}
