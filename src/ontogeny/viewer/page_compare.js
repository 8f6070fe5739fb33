// Two to four runs, of this study or of several: any view side by side under one cursor, at equal steps or aligned where each groks; their
// differences; and measures over all runs, or over the steps of one, each beside what it says where training made nothing. A run of another
// study stands in the address as STUDY:RUN.

import { button, empty, fill, h, number, select, trouble, waiting } from "./dom.js";
import { shades } from "./colour.js";
import { Cursor, cursorBar } from "./cursor.js";
import { legend, mapFigure } from "./maps.js";
import { closing, Panel } from "./panel.js";

const ABREAST = 4; // runs side by side
const LISTED = 400; // runs of another study that a list holds

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
  const head = h("div", { class: "run-head" }), chosen = h("div", { class: "toolbar chosen-runs", role: "group", "aria-label": "Runs side by side" }), bar = h("div", { class: "cursor-place" }), tools = h("div", { class: "toolbar" }), rows = h("div", { class: "compare-rows" }), under = h("section", { class: "measures", "aria-label": "Measures over runs" });
  const el = h("main", { id: "main", class: "compare" }, head, chosen, bar, tools, rows, under);
  const cursor = new Cursor(state), off = [], panels = new Map();
  const table = shades(look.scales.diverging), plain = shades(look.scales.sequential);
  let runs = [], offsets = {}, controls, closed = false;
  begin();
  measures();

  async function begin() {
    const refs = (state.list("runs").length ? state.list("runs") : state.list("pick")).slice(0, ABREAST);
    fill(head, h("h1", null, "Compare"), h("p", { class: "muted" }, "Runs under one cursor."));
    tray(refs);
    state.set({ runs: refs });
    off.push(state.on(["runs"], () => app.again()));
    if (refs.length < 2) return fill(rows, empty("Choose two to four runs in the table, and press Compare; or add a run of another study above.", button("To the table", () => app.open("runs"))));
    fill(rows, waiting("Opening the runs …"));
    try {
      runs = await Promise.all(refs.map(opened));
      const studies = [...new Set(runs.map((run) => run.study))];
      const found = await Promise.all(studies.map((key) => source.json(`s/${key}/events`, { runs: runs.filter((run) => run.study === key).map((run) => run.id).join(",") })));
      if (closed) return;
      studies.forEach((key, i) => runs.filter((run) => run.study === key).forEach((run) => { offsets[run.ref] = found[i].grokked[run.id]; }));
      if (studies.length > 1) for (const run of runs) run.name = `${run.study}: ${run.name}`;
      tray(refs);
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

  // A run of this study, or of the one that stands before the colon.
  async function opened(ref) {
    const cut = ref.lastIndexOf(":"), of = cut < 0 ? study : ref.slice(0, cut), id = ref.slice(cut + 1);
    return { ...(await source.json(`s/${of}/r/${id}`)), ref, study: of };
  }

  // Which runs stand here, and a way to set one of any study beside them.
  async function tray(refs) {
    const names = refs.map((ref) => runs.find((run) => run.ref === ref)?.name ?? ref);
    const of = h("span", null), again = (now) => app.open("compare", { runs: now, views: state.get("views"), align: state.get("align") });
    fill(chosen, refs.map((ref, i) => h("span", { class: "chip" }, names[i], closing(`Take ${names[i]} away`, () => again(refs.filter((one) => one !== ref))))), of);
    if (refs.length >= ABREAST) return fill(of, h("span", { class: "muted small" }, "Four stand side by side at most."));
    try {
      const studies = await source.json("studies"), which = h("span", null);
      const offer = async (key) => {
        if (!key) return fill(which);
        fill(which, waiting("Reading its runs …"));
        try {
          const { columns } = await source.json(`s/${key}/runs`), varied = columns.filter((one) => one.kind === "varied");
          const words = (i) => varied.map((one) => `${one.name}=${one.values[i]}`).join(", ") || columns[0].values[i];
          const listed = columns[0].values.map((id, i) => [key === study ? id : `${key}:${id}`, words(i)]).filter(([ref]) => !refs.includes(ref)).slice(0, LISTED);
          fill(which, select("Which run", [["", "choose …"], ...listed], "", (ref) => ref && again([...refs, ref])));
        } catch (error) {
          fill(which, trouble(error));
        }
      };
      if (!closed) fill(of, select("Add a run of", [["", "…"], ...studies.filter((one) => !one.wrong).map((one) => [one.key, one.title || one.name || one.key])], "", offer), which);
    } catch (error) {
      fill(of, trouble(error));
    }
  }

  const aligned = () => state.get("align") === "grokked" && runs.every((run) => Number.isFinite(offsets[run.ref]));
  const shared = () => runs[0].views.filter((one) => one.state !== "cannot" && runs.every((run) => run.views.some((other) => other.name === one.name && other.state !== "cannot")));

  // The steps of all, or how far each is from the step at which its run groks.
  function align() {
    const all = new Set(runs.flatMap((run) => run.steps.map((step) => step - (aligned() ? offsets[run.ref] : 0))));
    cursor.of([...all].sort((a, b) => a - b));
    cursor.index = Math.max(0, cursor.chosen());
  }

  function toolbar() {
    const can = runs.every((run) => Number.isFinite(offsets[run.ref]));
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
    const of = runs.map((run) => new Panel({ source, study: run.study, runs: [run.id], offer: { ...run.views.find((one) => one.name === name), title: run.name, question: "" }, cursor: new Follower(cursor, run.steps, aligned() ? offsets[run.ref] : 0), compute: (one) => app.compute(run.study, run, one, () => app.again()) }));
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

  // Every run's map minus that of the first, as it stands at the cursor: red is more, white the same. Where axes do not agree, that is said.
  async function differ(name, of, place) {
    fill(place, waiting("Taking differences …"));
    const [first, ...rest] = of, at = (one) => one.cursor.step;
    const found = await Promise.all(rest.map((one) => source.arrays(`s/${one.study}/difference`, { view: name, one: one.runs[0], other: first.runs[0], step: at(one), other_step: at(first), ...(one.study === first.study ? {} : { other_study: first.study }) }).catch((error) => ({ error }))));
    if (closed) return;
    const cautions = [...new Set(found.map((one) => one.about?.caution).filter(Boolean))];
    fill(place, found.some((one) => !one.error) && h("p", { class: "muted small" }, `At steps ${of.map((one) => number(at(one))).join(" and ")}; red: more than in ${runs[0].name}, blue: less, white: the same.`),
      cautions.map((one) => h("p", { class: "muted small" }, one)),
      h("div", { class: "side-by-side maps" }, found.map(({ difference, about, error }, k) => {
        if (error) return h("div", { class: "empty" }, h("p", null, h("b", null, `${runs[k + 1].name} − ${runs[0].name}: `), error.message));
        const most = difference.values.reduce((all, v) => Math.max(all, Math.abs(v) || 0), 1e-12);
        return mapFigure({ ...difference, words: `${runs[k + 1].name} − ${runs[0].name}`, table, low: -most, high: most, axes: about.axes, ticks: about.ticks });
      })));
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
        select("Ordered by", [["", "what varied first"], ...varied.map((one) => [one, one]), ["clustered", "likeness: a tree"]], state.get("by"), (by) => { state.set({ by }); show(); }),
        button("Over the steps of a run", () => over(steps, all, columns))), place, steps);
      if (state.get("measure")) show();
    } catch (error) {
      fill(under, trouble(error));
    }
  }

  let heatmap;
  function heat(place, measure, by, columns) {
    heatmap?.close();
    const order = by === "clustered" ? { order: "clustered" } : by ? { by } : {};
    const offer = { name: "similarity_heatmap", title: measure.replaceAll("_", " "), question: "How alike is every run to every other? Click a cell to open the pair.", state: "ready", follows: false, lenses: [] };
    const beside = h("div", { class: "panel null" }), asked = { measure, ...order };
    heatmap = new Panel({ source, study, runs: ["*"], offer, options: asked, cursor: { step: undefined, on: () => () => {}, near() {} } });
    heatmap.el.addEventListener("drawn", () => heatmap.plot.el.on("plotly_click", ({ points: [point] }) => {
      const name = (label) => columns[0].values.find((id, i) => id === label || columns.filter((one) => one.kind === "varied").every((one) => label.includes(String(one.values[i]))));
      const pair = [name(String(point.x)), name(String(point.y))].filter(Boolean);
      if (new Set(pair).size === 2) app.open("compare", { runs: pair, measure, by });
    }));
    fill(place, h("div", { class: "beside" }, heatmap.el, beside));
    untrained(beside, asked);
  }

  // The null: the same measure of the same runs before they were trained, in the same order and on one scale.
  async function untrained(place, asked) {
    const title = h("h3", null, "The same runs, untrained");
    fill(place, title, waiting("Comparing them as they were before training …"));
    try {
      const { trained, untrained: before, about } = await source.arrays(`s/${study}/null`, asked);
      if (closed || !place.isConnected) return;
      const off = (all) => Array.from(all.values).filter((v, i) => Number.isFinite(v) && Math.floor(i / all.shape[1]) !== i % all.shape[1]);
      const both = [...off(trained), ...off(before)], least = both.reduce((x, y) => Math.min(x, y), Infinity), most = both.reduce((x, y) => Math.max(x, y), -Infinity);
      const signed = about.kind === "similarity" && least < -0.25 * Math.max(most, 1e-9), end = Math.max(-least, most), [low, high] = signed ? [-end, end] : [least, most];
      const turned = signed ? table : about.kind === "similarity" ? plain : shades(look.scales.sequential.map(([at], i, all) => [at, all[all.length - 1 - i][1]]));
      const open = (i, j) => i !== j && app.open("compare", { runs: [about.runs[i], about.runs[j]], measure: asked.measure, by: state.get("by") });
      const map = (words, all) => mapFigure({ ...all, words, table: turned, low, high, axes: ["run", "run"], ticks: [about.names, about.names], onopen: open });
      fill(place, h("header", null, h("div", null, title, h("p", { class: "question" }, "What training made is what the left has and the right has not; both on one scale."))),
        h("div", { class: "pair" }, map("Trained", trained), map("Untrained", before)), legend({ words: about.words, low, high, table: turned }), h("p", { class: "says" }, about.says));
    } catch (error) {
      if (!closed) fill(place, title, h("p", { class: "muted small" }, error.message));
    }
  }

  async function over(place, all, columns) {
    const one = runs.find((run) => run.study === study), run = one?.id ?? state.get("run") ?? columns[0].values[0], measure = state.get("measure") || all[0].name;
    fill(place, waiting("Comparing all pairs of steps …"));
    try {
      const { value, null: other, about } = await source.arrays(`s/${study}/r/${run || columns[0].values[0]}/between`, { measure });
      const range = [value, ...(other ? [other] : [])].flatMap(({ values }) => Array.from(values).filter(Number.isFinite));
      const low = range.reduce((x, y) => Math.min(x, y), Infinity), high = range.reduce((x, y) => Math.max(x, y), -Infinity);
      const of = (steps) => `${number(steps[0])} to ${number(steps.at(-1))}, kept steps equally wide`, words = one?.name ?? run;
      fill(place, h("div", { class: "panel step-pairs" }, h("div", { class: "pair" },
        mapFigure({ ...value, words: `${words}, all pairs of steps`, of: of(about.steps), table: plain, low, high, axes: ["step", "step"], ticks: [about.steps, about.steps] }),
        other && mapFigure({ ...other, words: `its steps with those of ${about.other}`, of: "a run that differs by seeds alone", table: plain, low, high, axes: ["step", `step of ${about.other}`], ticks: [about.steps, about.other_steps] })),
        legend({ words: about.words, low, high, table: plain }), h("p", { class: "says" }, other ? "The right is the null: what every run of this setting shares, whichever its seed." : "No other run differs from this one by seeds alone, so there is nothing to hold it against.")));
    } catch (error) {
      fill(place, trouble(error));
    }
  }

  return { el, close: () => { closed = true; off.forEach((end) => end()); controls?.close(); heatmap?.close(); for (const of of panels.values()) of.forEach((one) => one.close()); } };
}
