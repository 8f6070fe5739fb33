// One study: what it asks and answers, and all of its runs in a table.

import { button, empty, fill, h, menu, number, save, say, trouble, waiting } from "./dom.js";
import { parallel } from "./parallel.js";
import { parsed, Table } from "./table.js";

export function runsPage(app) {
  const { source, state, look } = app, study = state.get("s");
  const head = h("div", { class: "study-head" }, waiting()), room = h("div", null), tools = h("div", { class: "toolbar" }), lines = h("div", null);
  const el = h("main", { id: "main" }, head, tools, lines, room);
  let columns = [], table, closed = false;

  source.json(`s/${study}`).then((about) => { if (!closed) fill(head, summary(about)); }, (error) => fill(head, trouble(error)));
  fill(room, waiting("Reading the runs …"));
  source.json(`s/${study}/runs`).then(show, (error) => fill(room, trouble(error)));
  source.json(`s/${study}/scalars`).then(more, () => {});

  const search = h("input", { type: "search", placeholder: "Filter: done  d_hidden>8  seed=0", value: state.get("filter"), "aria-label": "Filter runs", spellcheck: false,
    oninput: (event) => { state.set({ filter: event.target.value }); table.filter = event.target.value; table.arrange(); counted(); } });
  const count = h("span", { class: "muted", role: "status" }), added = h("span", null), actions = h("span", { class: "actions" });
  fill(tools, h("div", { class: "search" }, search), count, added, actions);

  function show({ columns: given }) {
    if (closed) return;
    columns = given;
    if (!columns[0].values.length) return fill(room, empty("This study has no runs yet.", h("p", null, "Train it on the page Train, or with the command line; they appear here as they come.")));
    const picked = new Set(state.list("pick"));
    const chosen = new Set(columns[0].values.map((id, i) => [id, i]).filter(([id]) => picked.has(id)).map(([, i]) => i));
    table = new Table({
      columns: ordered(columns), sort: state.get("sort"), filter: state.get("filter"), chosen, label: "Runs", decorate,
      onopen: (i) => app.open("explore", { run: columns[0].values[i], step: "" }),
      onsort: (sort) => state.set({ sort }),
      onchoose: (set) => { state.set({ pick: [...set].map((i) => columns[0].values[i]).slice(0, 40) }); choices(); },
    });
    fill(room, table.el);
    counted();
    choices();
    picture();
    for (const name of state.list("cols")) addColumn(name, true);
  }

  function picture() {
    const varied = columns.filter((one) => one.kind === "varied"), outcomes = columns.filter((one) => one.numeric && one.kind === "metric" && /accuracy|loss|\./.test(one.name) && !/^all_/.test(one.name));
    const shown = [...varied, ...outcomes].filter((one) => new Set(one.values).size > 1).slice(0, 8);
    if (shown.length < 2 || columns[0].values.length < 3) return fill(lines);
    const chart = parallel({ columns: shown, look, onrange: (ranges) => {
      const kept = search.value.split(/\s+/).filter((word) => word && !shown.some((one) => word.startsWith(`${one.name}>=`) || word.startsWith(`${one.name}<=`)));
      const words = ranges.flatMap(([name, low, high]) => [`${name}>=${low.toPrecision(4)}`, `${name}<=${high.toPrecision(4)}`]);
      search.value = [...kept, ...words].join(" ");
      search.dispatchEvent(new Event("input"));
    } });
    fill(lines, h("details", { class: "fold", open: true }, h("summary", null, "Settings against outcomes"), chart.el, h("p", { class: "muted small" }, "A line is a run. Drag along an axis to keep a range; the table follows.")));
    lines.chart = chart;
  }

  function counted() {
    if (!table) return;
    const n = table.order.length, all = columns[0].values.length;
    count.textContent = n === all ? `${number(all)} runs` : `${number(n)} of ${number(all)} runs`;
    lines.chart?.show(n === all ? null : new Set(table.order));
  }

  function choices() {
    const ids = [...(table?.chosen ?? [])].map((i) => columns[0].values[i]);
    fill(actions, ids.length > 0 && [
      h("span", { class: "muted" }, `${ids.length} chosen`),
      ids.length >= 2 && ids.length <= 4 && button("Compare", () => app.open("compare", { runs: ids }), { main: true }),
      button("Let go", () => { table.chosen.clear(); table.told(); }),
    ], menu("Save the table", "down", [["CSV of what is shown", () => save(`${study}-runs.csv`, csvOf(columns, table.order), "text/csv")]]));
  }

  function more(scalars) {
    if (closed || !scalars.length) return;
    const control = h("select", { "aria-label": "Add a column", onchange: (event) => { addColumn(event.target.value); event.target.value = ""; } },
      h("option", { value: "" }, "Add a column …"), scalars.map((one) => h("option", { value: [one.lens, one.variable, one.place.replaceAll(",", ".")].filter(Boolean).join(".") }, `${one.words} (${one.lens})`)));
    fill(added, control);
  }

  async function addColumn(name, quiet) {
    if (!name || columns.some((one) => one.name === name)) return;
    const [lens, variable, ...place] = name.split(".");
    try {
      const { values } = await source.json(`s/${study}/column`, { lens, variable, place: place.join(",") });
      if (closed) return;
      columns.push({ name, words: [variable.replaceAll("_", " "), ...place].join(" "), values: columns[0].values.map((id) => values[id] ?? null), kind: "metric", numeric: true });
      if (!quiet) state.set({ cols: [...state.list("cols"), name] });
      table.columns = ordered(columns);
      table.arrange();
      picture();
    } catch (error) {
      say(error.message);
    }
  }

  return { el, close: () => { closed = true; } };
}

// What varied first, the id last but one.
function ordered(columns) {
  const front = columns.filter((one) => one.kind === "varied"), rest = columns.filter((one) => !["varied", "id"].includes(one.kind) && !["budget_epochs"].includes(one.name));
  return [columns[0], ...front, ...rest];
}

function decorate(column, i) {
  const value = column.values[i];
  if (column.name === "status") return h("span", { class: `state ${value}` }, value);
  if (column.kind === "id") return h("code", null, value);
  return null;
}

function csvOf(columns, order) {
  const cell = (v) => (v === null || v === undefined ? "" : /[",\n]/.test(String(v)) ? `"${String(v).replaceAll('"', '""')}"` : String(v));
  return [columns.map((one) => cell(one.name)).join(","), ...order.map((i) => columns.map((one) => cell(one.values[i])).join(","))].join("\n") + "\n";
}

function summary(about) {
  const states = Object.entries(about.states).map(([name, n]) => h("span", { class: `state ${name}` }, `${n} ${name}`));
  return [
    h("h1", null, about.title), about.question && h("p", { class: "question" }, about.question), h("p", { class: "states" }, states, about.besides > 0 && h("span", { class: "muted" }, `${about.besides} of an earlier recipe`)),
    about.answer.length > 0 && h("div", { class: "answer" }, about.answer.map((one) => h("p", null, one))),
    about.wrong.length > 0 && h("details", { class: "trouble" }, h("summary", null, `${about.wrong.length} file${about.wrong.length === 1 ? " is" : "s are"} damaged and not used`), about.wrong.map((one) => h("p", null, one))),
  ];
}
