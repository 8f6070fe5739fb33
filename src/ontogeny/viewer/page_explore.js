// One run: its curves with the cursor, and every view that can look at it, pinned side by side.

import { empty, fill, h, icon, number, trouble, waiting } from "./dom.js";
import { Cursor, cursorBar } from "./cursor.js";
import { curvePlot } from "./curves.js";
import { setAside } from "./page_report.js";
import { closing, Panel } from "./panel.js";

const STATES = { ready: "", now: "computed as you look", job: "to be computed", cannot: "" };

export function explorePage(app) {
  const { source, state, look } = app, study = state.get("s");
  const head = h("div", { class: "run-head" }), aside = h("aside", { class: "views", "aria-label": "Views" }), curves = h("section", { class: "curves", "aria-label": "Loss and accuracy" }), grid = h("div", { class: "panels" });
  const bar = h("div", { class: "cursor-place" });
  const el = h("main", { id: "main", class: "explore" }, head, aside, h("div", { class: "looking" }, bar, curves, grid));
  const cursor = new Cursor(state), panels = new Map();
  const off = [];
  let run, closed = false, plot, controls;
  fill(head, waiting("Opening the run …"));
  begin();

  async function begin() {
    try {
      const id = state.get("run") || (await firstRun());
      if (!id) return fill(head, empty("This study has no runs yet."));
      run = await source.json(`s/${study}/r/${id}`);
      if (closed) return;
      state.set({ run: id });
      cursor.of(run.steps, run.epochs_per_step);
      fill(head, title(app, run));
      if (run.steps.length) { controls = cursorBar(cursor); fill(bar, controls.el); }
      if (!state.get("views")) state.set({ views: preferred(run.views) });
      list();
      pinned();
      await draw();
    } catch (error) {
      if (!closed) fill(head, trouble(error));
    }
  }

  async function firstRun() {
    const { columns } = await source.json(`s/${study}/runs`);
    return columns[0].values[0];
  }

  async function draw() {
    fill(curves, waiting("Drawing the curves …"));
    const [Plotly, metrics] = await Promise.all([source.plotly(), source.arrays(`s/${study}/r/${run.id}/metrics`)]);
    if (closed) return;
    if (!(metrics.step?.values.length > 1)) return fill(curves, empty("Nothing was logged of this run yet."));
    plot = curvePlot(Plotly, metrics, look, (step) => cursor.near(step));
    fill(curves, plot.el);
    await plot.draw();
    plot.at(cursor.step);
    cursor.on(() => plot.at(cursor.step));
  }

  // -- the list of views: by group, by search
  function list() {
    const search = h("input", { type: "search", placeholder: "Search views", "aria-label": "Search views", value: state.get("q"), oninput: (event) => { state.set({ q: event.target.value }); show(); } });
    const found = h("div", { class: "view-list" });
    fill(aside, h("div", { class: "search" }, search), found);
    const show = () => {
      const words = state.get("q").toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (one) => words.every((word) => `${one.title} ${one.name} ${one.question} ${one.group}`.toLowerCase().includes(word));
      const groups = [...new Set(run.views.map((one) => one.group))];
      const shown = run.views.filter(fits);
      fill(found, shown.length === 0 && h("p", { class: "muted" }, `No view speaks of “${state.get("q")}”.`), groups.map((group) => {
        const of = shown.filter((one) => one.group === group && one.state !== "cannot");
        return of.length > 0 && h("section", null, h("h3", null, group), of.map(item));
      }), shown.some((one) => STATES[one.state]) && h("p", { class: "muted small legend-line" }, h("span", { class: "soon" }), " computed for the step that you look at"), cannot(shown.filter((one) => one.state === "cannot")));
    };
    const item = (one) => {
      const on = state.list("views").includes(one.name);
      return h("button", { type: "button", class: "view-item", "aria-pressed": String(on), title: one.question, onclick: () => {
        const views = state.list("views");
        state.set({ views: on ? views.filter((name) => name !== one.name) : [one.name, ...views] }, { back: true });
      } }, icon("pin"), h("span", null, one.title), STATES[one.state] && h("span", { class: `soon ${one.state}`, title: STATES[one.state] }, h("span", { class: "offscreen" }, STATES[one.state])));
    };
    off.push(state.on(["views"], () => { show(); pinned(); }));
    show();
  }

  function cannot(views) {
    if (!views.length) return null;
    return h("details", { class: "fold" }, h("summary", null, `${views.length} cannot look at this run`), views.map((one) => h("div", { class: "cannot" }, h("b", null, one.title), h("p", null, one.why))));
  }

  // -- the views that are pinned, in their order
  function pinned() {
    const names = state.list("views").filter((name) => run.views.some((one) => one.name === name));
    for (const [name, panel] of panels) if (!names.includes(name)) { panel.close(); panels.delete(name); }
    for (const name of names) {
      if (panels.has(name)) continue;
      const offer = run.views.find((one) => one.name === name);
      const close = closing("Take this view away", () => state.set({ views: state.list("views").filter((one) => one !== name) }, { back: true }));
      panels.set(name, new Panel({ source, study, runs: [run.id], offer, cursor, tools: [close], onnote: app.about.read_only ? null : (panel) => setAside(app, study, panel), compute: (one) => app.compute(study, run, one, () => renew(name)) }));
    }
    for (const name of names) grid.append(panels.get(name).el);
    if (!names.length) fill(grid, empty("Choose views from the list; they stand side by side and follow the cursor."));
    else grid.querySelector(":scope > .empty")?.remove();
  }

  // A lens was computed: the view is offered anew.
  async function renew(name) {
    run = await source.json(`s/${study}/r/${run.id}`);
    panels.get(name)?.close();
    panels.delete(name);
    list();
    pinned();
  }

  off.push(state.on(["run"], () => state.get("run") !== run?.id && app.again()));
  return { el, close: () => { closed = true; off.forEach((end) => end()); controls?.close(); plot?.close(); for (const one of panels.values()) one.close(); } };
}

export function title(app, run) {
  const last = Object.entries(run.last).filter(([name]) => /accuracy|loss/.test(name) && !name.startsWith("all_"));
  return [
    h("h1", null, run.name || run.id), h("p", { class: "facts" }, h("span", { class: `state ${run.status}` }, run.status), h("code", null, run.id),
      last.map(([name, value]) => h("span", { class: "muted" }, `${name.replaceAll("_", " ")} ${number(value)}`))),
    run.wrong.length > 0 && h("details", { class: "trouble" }, h("summary", null, "Files of this run are damaged"), run.wrong.map((one) => h("p", null, one))),
  ];
}

// What is on disk already and shows the most, three at first.
function preferred(views) {
  const ready = views.filter((one) => one.state === "ready" && one.name !== "loss_curves").map((one) => one.name);
  const wished = ["progress_curves", "key_frequency_bars", "frequency_over_time", "neuron_frequency_heatmap", "error_heatmap", "trajectory_path"];
  return [...wished.filter((name) => ready.includes(name)), ...ready.filter((name) => !wished.includes(name))].slice(0, 4);
}
