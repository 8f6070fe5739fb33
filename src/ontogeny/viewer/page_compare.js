// Two to four runs: any view side by side under one cursor, at equal steps or aligned where each groks; their differences; and measures over
// all runs, or over the steps of one.

import { button, empty, fill, h, number, select, trouble, waiting } from "./dom.js";
import { shades } from "./colour.js";
import { Cursor, cursorBar } from "./cursor.js";
import { mapFigure } from "./maps.js";
import { closing, Panel } from "./panel.js";

// The cursor of one run among others: the last step that it kept behind the common one.
class Follower {
  constructor(cursor, steps, offset = 0) {
    Object.assign(this, { cursor, steps, offset });
  }

  get step() {
    let found = this.steps[0];
    for (const one of this.steps) if (one <= this.cursor.step + this.offset) found = one;
    return found;
  }

  near(step) {
    this.cursor.near(step - this.offset);
  }

  on(act) {
    return this.cursor.on(act);
  }
}

export function comparePage(app) {
  const { source, state, look } = app, study = state.get("s");
  const head = h("div", { class: "run-head" }), bar = h("div", { class: "cursor-place" }), tools = h("div", { class: "toolbar" }), rows = h("div", { class: "compare-rows" }), under = h("section", { class: "measures", "aria-label": "Measures over runs" });
  const el = h("main", { id: "main", class: "compare" }, head, bar, tools, rows, under);
  const cursor = new Cursor(state), off = [], panels = new Map();
  const table = shades(look.scales.diverging), plain = shades(look.scales.sequential);
  let runs = [], offsets = {}, controls, closed = false;
  begin();
  measures();

  async function begin() {
    const ids = (state.list("runs").length ? state.list("runs") : state.list("pick")).slice(0, 4);
    fill(head, h("h1", null, "Compare"), h("p", { class: "muted" }, "Runs under one cursor."));
    if (ids.length < 2) return fill(rows, empty("Choose two to four runs in the table, and press Compare.", button("To the table", () => app.open("runs"))));
    fill(rows, waiting("Opening the runs …"));
    try {
      runs = await Promise.all(ids.map((id) => source.json(`s/${study}/r/${id}`)));
      const { grokked } = await source.json(`s/${study}/events`, { runs: ids.join(",") });
      if (closed) return;
      offsets = grokked;
      state.set({ runs: ids });
      align();
      controls = cursorBar(cursor);
      fill(bar, controls.el);
      toolbar();
      draw();
      off.push(state.on(["views"], draw), state.on(["align"], () => { align(); for (const one of panels.values()) one.forEach((panel) => panel.close()); panels.clear(); fill(rows); draw(); }));
    } catch (error) {
      if (!closed) fill(rows, trouble(error));
    }
  }

  const aligned = () => state.get("align") === "grokked" && runs.every((run) => Number.isFinite(offsets[run.id]));
  const shared = () => runs[0].views.filter((one) => one.state !== "cannot" && runs.every((run) => run.views.some((other) => other.name === one.name && other.state !== "cannot")));

  // The steps of all, or how far each is from the step at which its run groks.
  function align() {
    const all = new Set(runs.flatMap((run) => run.steps.map((step) => step - (aligned() ? offsets[run.id] : 0))));
    cursor.of([...all].sort((a, b) => a - b));
    cursor.index = Math.max(0, cursor.chosen());
  }

  function toolbar() {
    const can = runs.every((run) => Number.isFinite(offsets[run.id]));
    const views = shared().filter((one) => !state.list("views").includes(one.name));
    fill(tools,
      select("Add a view", [["", "…"], ...views.map((one) => [one.name, `${one.title} (${one.group})`])], "", (name) => name && state.set({ views: [...state.list("views"), name] }, { back: true })),
      select("Steps", [["", "equal steps"], ...(can ? [["grokked", "from where each groks"]] : [])], state.get("align"), (align) => state.set({ align }, { back: true })),
      !can && h("p", { class: "muted small" }, "Not all of these runs are known to grok, so they cannot be aligned there."));
  }

  function draw() {
    if (!state.get("views")) state.set({ views: shared().filter((one) => one.state === "ready").slice(0, 2).map((one) => one.name) });
    const names = state.list("views").filter((name) => shared().some((one) => one.name === name));
    for (const [name, of] of panels) if (!names.includes(name)) { of.forEach((one) => one.close()); panels.delete(name); rows.querySelector(`[data-row="${name}"]`)?.remove(); }
    rows.querySelectorAll(":scope > .waiting, :scope > .empty").forEach((one) => one.remove());
    for (const name of names) if (!panels.has(name)) rows.append(row(name));
    toolbar();
    if (!names.length) fill(rows, empty("Add a view above; it stands beside itself for every run."));
  }

  function row(name) {
    const first = shared().find((one) => one.name === name);
    const of = runs.map((run) => new Panel({ source, study, runs: [run.id], offer: { ...run.views.find((one) => one.name === name), title: run.name, question: "" }, cursor: new Follower(cursor, run.steps, aligned() ? offsets[run.id] : 0), compute: (one) => app.compute(study, run, one, () => app.again()) }));
    panels.set(name, of);
    link(of);
    const place = h("div", { class: "differences" });
    const close = closing(`Take ${first.title} away`, () => state.set({ views: state.list("views").filter((one) => one !== name) }, { back: true }));
    return h("section", { class: "compare-row", data: { row: name }, "aria-label": first.title }, h("header", null, h("div", null, h("h2", null, first.title), h("p", { class: "question" }, first.question)),
      h("div", { class: "actions" }, button("Differences of maps", () => differ(name, of, place)), close)), h("div", { class: "side-by-side", style: { gridTemplateColumns: `repeat(auto-fit, minmax(min(300px, 100%), 1fr))` } }, of.map((one) => one.el)), place);
  }

  // The same ranges in every panel, so that heights can be compared; panels of maps have them already.
  function level(of) {
    if (!of.every((one) => one.plot?.el._fullLayout)) return;
    const layouts = of.map((one) => one.plot.el._fullLayout), ranges = {};
    for (const name of Object.keys(layouts[0]).filter((key) => /^yaxis\d*$/.test(key))) {
      const axes = layouts.map((layout) => layout[name]);
      if (axes.some((axis) => !axis || axis.type !== axes[0].type || axis.type === "category" || axis.scaleanchor)) continue;
      ranges[`${name}.range`] = [Math.min(...axes.map((axis) => axis.range[0])), Math.max(...axes.map((axis) => axis.range[1]))];
      if (axes.some((axis) => axis.range[0] > axis.range[1])) delete ranges[`${name}.range`];
    }
    if (Object.keys(ranges).length) of.forEach((one) => one.plot.Plotly.relayout(one.plot.el, ranges));
  }

  // What is zoomed in one panel is zoomed in all.
  function link(of) {
    let busy = false;
    of.forEach((one) => one.el.addEventListener("drawn", () => level(of)));
    of.forEach((one) => one.el.addEventListener("drawn", () => one.plot.el.on("plotly_relayout", (change) => {
      const moved = Object.fromEntries(Object.entries(change).filter(([key]) => /axis\d*\.(range|autorange)/.test(key)));
      if (busy || !Object.keys(moved).length) return;
      busy = true;
      Promise.all(of.filter((other) => other !== one && other.plot).map((other) => other.plot.Plotly.relayout(other.plot.el, moved))).finally(() => { busy = false; });
    })));
  }

  // Every run's map minus that of the first, as it stands at the cursor.
  async function differ(name, of, place) {
    fill(place, waiting("Taking differences …"));
    const single = of[0].single;
    try {
      const found = await Promise.all(of.slice(1).map((one) => source.arrays(`s/${study}/difference`, { view: name, one: one.runs[0], other: of[0].runs[0], step: one.cursor.step, other_step: of[0].cursor.step })));
      if (closed) return;
      fill(place, h("p", { class: "muted small" }, `At the steps where the cursor stood (${of.map((one) => number(one.cursor.step)).join(", ")}); red: more than in ${runs[0].name}.${single ? "" : " Read anew at those steps."}`),
        h("div", { class: "side-by-side", style: { gridTemplateColumns: "repeat(auto-fill, minmax(220px, 320px))" } }, found.map(({ difference }, k) => {
          const most = difference.values.reduce((all, v) => Math.max(all, Math.abs(v) || 0), 1e-12);
          return mapFigure({ ...difference, words: `${runs[k + 1].name} − ${runs[0].name}`, table, low: -most, high: most, axes: ["row", "column"] });
        })));
    } catch (error) {
      fill(place, trouble(error));
    }
  }

  // -- measures over all runs, and over the steps of one
  async function measures() {
    try {
      const all = await source.json(`s/${study}/measures`);
      if (closed) return;
      if (!all.length) return fill(under, h("h2", null, "How alike are all runs?"), empty("No measure of this study is on disk, and it has too many runs to compare while one waits. Name one in the recipe, or give `ontogeny compare`."));
      const place = h("div", null), steps = h("div", null), { columns } = await source.json(`s/${study}/runs`);
      const varied = columns.filter((one) => one.kind === "varied").map((one) => one.name);
      const show = () => heat(place, state.get("measure") || all[0].name, state.get("by"), columns);
      fill(under, h("h2", null, "How alike are all runs?"), h("div", { class: "toolbar" },
        select("Measure", [["", "choose …"], ...all.map((one) => [one.name, `${one.name.replaceAll("_", " ")}${one.there ? "" : " (to be computed)"}`])], state.get("measure"), (measure) => { state.set({ measure }, { back: true }); show(); }),
        select("Ordered by", [["", "what varied first"], ...varied.map((one) => [one, one])], state.get("by"), (by) => { state.set({ by }); show(); }),
        button("Over the steps of a run", () => over(steps, all, columns))), place, steps);
      if (state.get("measure")) show();
    } catch (error) {
      fill(under, trouble(error));
    }
  }

  let heatmap;
  function heat(place, measure, by, columns) {
    heatmap?.close();
    const offer = { name: "similarity_heatmap", title: measure.replaceAll("_", " "), question: "How alike is every run to every other? Click a cell to open the pair.", state: "ready", follows: false, lenses: [] };
    heatmap = new Panel({ source, study, runs: ["*"], offer, options: { measure, ...(by ? { by } : {}) }, cursor: { step: undefined, on: () => () => {}, near() {} } });
    heatmap.el.addEventListener("drawn", () => heatmap.plot.el.on("plotly_click", ({ points: [point] }) => {
      const name = (label) => columns[0].values.find((id, i) => id === label || columns.filter((one) => one.kind === "varied").every((one) => label.includes(String(one.values[i]))));
      const pair = [name(String(point.x)), name(String(point.y))].filter(Boolean);
      if (new Set(pair).size === 2) app.open("compare", { runs: pair, measure, by });
    }));
    fill(place, heatmap.el);
  }

  async function over(place, all, columns) {
    const run = runs[0]?.id ?? state.get("run") ?? columns[0].values[0], measure = state.get("measure") || all[0].name;
    fill(place, waiting("Comparing all pairs of steps …"));
    try {
      const { value, about } = await source.arrays(`s/${study}/r/${run || columns[0].values[0]}/between`, { measure });
      fill(place, h("div", { class: "panel step-pairs" }, mapFigure({ ...value, words: `${about.words}, all pairs of steps of ${runs[0]?.name ?? run}`, of: `${number(about.steps[0])} to ${number(about.steps.at(-1))}, kept steps equally wide`, table: plain, axes: ["step", "step"] })));
    } catch (error) {
      fill(place, trouble(error));
    }
  }

  return { el, close: () => { closed = true; off.forEach((end) => end()); controls?.close(); heatmap?.close(); for (const of of panels.values()) of.forEach((one) => one.close()); } };
}
