// Edits of one run's forward pass, beside the untouched model.

import { button, copy, empty, fill, h, number, say, select, trouble, waiting } from "./dom.js";
import { Cursor, cursorBar } from "./cursor.js";
import { parsedValue } from "./form.js";
import { title } from "./page_explore.js";
import { closing, Panel } from "./panel.js";

export function intervenePage(app) {
  const { source, state, about } = app, study = state.get("s");
  const head = h("div", { class: "run-head" }), bar = h("div", { class: "cursor-place" }), edits = h("section", { class: "edits panel", "aria-label": "What is done to the model" }), result = h("section", { class: "effect panel", "aria-label": "What it changes", "aria-live": "polite" }), views = h("div", { class: "compare-rows" });
  const el = h("main", { id: "main", class: "intervene" }, head, bar, h("div", { class: "two" }, edits, result), views);
  const cursor = new Cursor(state), off = [];
  let run, offered, controls, closed = false, panels = [], late = 0, ticket = 0;
  fill(head, waiting("Opening the run …"));
  begin();

  const changes = () => { try { return JSON.parse(state.get("change", "[]")); } catch { return []; } };
  const put = (list) => state.set({ change: list.length ? JSON.stringify(list) : "" }, { back: true });

  async function begin() {
    try {
      const id = state.get("run") || (await source.json(`s/${study}/runs`)).columns[0].values[0];
      if (!id) return fill(head, empty("This study has no runs yet."));
      run = await source.json(`s/${study}/r/${id}`);
      offered = await source.json(`s/${study}/r/${id}/interventions`);
      if (closed) return;
      state.set({ run: id });
      fill(head, title(app, run));
      cursor.of(run.steps, run.epochs_per_step);
      controls = cursorBar(cursor);
      fill(bar, controls.el);
      form();
      act();
      off.push(state.on(["change"], () => { form(); act(); }), state.on(["views"], beside), cursor.on(() => { clearTimeout(late); late = setTimeout(measure, 150); }));
    } catch (error) {
      if (!closed) fill(head, run ? title(app, run) : null, trouble(error));
    }
  }

  function form() {
    const list = changes();
    fill(edits, h("h2", null, "What is done to the model"), list.length === 0 && h("p", { class: "muted" }, "Nothing yet. Add an edit; edits act one after the other."),
      list.map((one, i) => edit(one, i, list)),
      h("div", { class: "toolbar" }, select("Add", [["", "an edit …"], ...offered.kinds.map((one) => [one.kind, one.kind.replaceAll("_", " ")])], "", (kind) => kind && put([...list, fresh(kind)]))),
      offered.kept.length > 0 && h("div", null, h("h3", null, "Kept with the study"), offered.kept.map((one, i) => h("p", { class: "actions" }, button(one.name, () => put(one.under)), !about.read_only && closing(`Forget ${one.name}`, () => keep(offered.kept.filter((_, k) => k !== i)))))),
      list.length > 0 && !about.read_only && keeping(list));
  }

  // An edit with what it must have; a tap is the first that has units behind their non-linearity.
  function fresh(kind) {
    const of = offered.kinds.find((one) => one.kind === kind), made = { kind }, names = Object.keys(offered.taps);
    for (const one of of.fields) if (one.required) made[one.name] = one.name === "tap" ? names.find((name) => name.startsWith("last:") && name.endsWith("hook_post")) ?? names.find((name) => /hook_(post|hidden|acts)$/.test(name)) ?? names[0] : one.type === "list" ? [0] : 0;
    if (kind === "zero_ablate") made.units = [0];
    return made;
  }

  function edit(one, i, list) {
    const of = offered.kinds.find((kind) => kind.kind === one.kind);
    const set = (name, value) => put(list.map((old, k) => { if (k !== i) return old; const now = { ...old, [name]: value }; if (value === null) delete now[name]; return now; }));
    return h("fieldset", { class: "edit" }, h("legend", null, one.kind.replaceAll("_", " ")), closing("Take this edit away", () => put(list.filter((_, k) => k !== i))), h("p", { class: "muted small" }, of?.help),
      of?.fields.map((field) => {
        const value = one[field.name], shown = value === undefined || value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value);
        if (field.name === "tap") return select("tap", Object.keys(offered.taps).map((name) => [name, name]), shown, (tap) => set("tap", tap));
        if (field.name === "axis") return select("axis", [["", "the last"], ...(offered.taps[one.tap] ?? []).map((axis) => [axis, axis])], shown, (axis) => set("axis", axis || null));
        const list = field.type === "list" || ["units", "components", "frequencies"].includes(field.name);
        return h("label", { class: "field" }, h("span", null, field.name.replaceAll("_", " "), list ? " (numbers, from 0)" : ""), h("input", { type: "text", value: shown, placeholder: field.default === null ? (field.name === "units" ? "all" : "") : String(field.default), onchange: (event) => {
          const text = event.target.value.trim();
          set(field.name, text === "" ? null : list ? text.split(/[\s,]+/).filter(Boolean).map(Number) : parsedValue(text, field));
        } }));
      }));
  }

  function keeping(list) {
    const name = h("input", { type: "text", placeholder: "a name", "aria-label": "Name to keep it under" });
    return h("div", { class: "actions" }, name, button("Keep with the study", () => name.value.trim() && keep([...offered.kept.filter((one) => one.name !== name.value.trim()), { name: name.value.trim(), under: list }])));
  }

  async function keep(items) {
    try {
      offered.kept = await source.post(`s/${study}/kept/interventions`, { items });
      form();
      say("Kept.");
    } catch (error) {
      say(error.message);
    }
  }

  function act() {
    measure();
    beside();
  }

  async function measure() {
    const mine = ++ticket, list = changes();
    if (!list.length) return fill(result, h("h2", null, "What it changes"), h("p", { class: "muted" }, "Loss, accuracy and the inputs that fail stand here, before and after."));
    fill(result, h("h2", null, "What it changes"), waiting("Running the model both ways …"));
    try {
      const said = await source.json(`s/${study}/r/${run.id}/effect`, { step: cursor.step, under: JSON.stringify(list) });
      if (mine !== ticket || closed) return;
      fill(result, h("header", null, h("h2", null, `What it changes at step ${number(cursor.step)}`), button("Copy as Python", () => copy(said.python), { glyph: "copy" })),
        h("table", { class: "plain" }, h("thead", null, h("tr", null, ["", "examples", "untouched", "edited", "change"].map((one) => h("th", { scope: "col" }, one)))), h("tbody", null, said.rows.map((row) => h("tr", null, h("th", { scope: "row" }, row.what), h("td", null, row.part), h("td", { class: "numeric" }, number(row.before)), h("td", { class: "numeric" }, number(row.after)), h("td", { class: "numeric" }, row.before === null || row.after === null ? "–" : number(row.after - row.before)))))),
        said.count !== null && h("p", null, `${number(said.count)} inputs fail that did not before.`), said.failing.length > 0 && h("details", { class: "fold" }, h("summary", null, "Which ones"), h("p", { class: "small" }, said.failing.map(([a, b]) => `(${a}, ${b})`).join(" "))));
    } catch (error) {
      if (mine === ticket && !closed) fill(result, h("h2", null, "What it changes"), trouble(error));
    }
  }

  // Views of the untouched model and of the edited one.
  function beside() {
    panels.forEach((one) => one.close());
    panels = [];
    const can = run.views.filter((one) => one.state !== "cannot" && one.state !== "job");
    if (!state.get("views")) state.set({ views: can.some((one) => one.name === "error_heatmap") ? "error_heatmap" : "" });
    const names = state.list("views").filter((name) => can.some((one) => one.name === name)), under = changes();
    fill(views, h("div", { class: "toolbar" }, select("Add a view", [["", "…"], ...can.filter((one) => !names.includes(one.name)).map((one) => [one.name, one.title])], "", (name) => name && state.set({ views: [...names, name] }, { back: true }))), names.map((name) => {
      const offer = can.find((one) => one.name === name), single = { ...offer, state: "now" };
      const of = [["untouched", []], ["edited", under]].filter(([, list], i) => i === 0 || list.length).map(([words, list]) => new Panel({ source, study, runs: [run.id], offer: { ...single, title: words, question: "" }, under: list, cursor }));
      panels.push(...of);
      return h("section", { class: "compare-row", "aria-label": offer.title }, h("header", null, h("div", null, h("h2", null, offer.title), h("p", { class: "question" }, offer.question)), closing(`Take ${offer.title} away`, () => state.set({ views: names.filter((one) => one !== name) }, { back: true }))), h("div", { class: "side-by-side" }, of.map((one) => one.el)));
    }));
  }

  return { el, close: () => { closed = true; clearTimeout(late); off.forEach((end) => end()); controls?.close(); panels.forEach((one) => one.close()); } };
}
