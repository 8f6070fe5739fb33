// Never five arbitrary neurons: all of them at the cursor, sorted, filtered, grouped and coloured by what lenses say of each.

import { button, copy, empty, fill, h, number, select, trouble, waiting } from "./dom.js";
import { rgb, shades } from "./colour.js";
import { Cursor, cursorBar } from "./cursor.js";
import { bars, legend, mapFigure, spark, strip } from "./maps.js";
import { Mosaic } from "./mosaic.js";
import { title } from "./page_explore.js";
import { Kept } from "./source.js";

const SIZES = [["24", "small"], ["40", "medium"], ["64", "large"], ["116", "full"]];

export function neuronsPage(app) {
  const { source, state, look } = app, study = state.get("s");
  const tables = { sequential: shades(look.scales.sequential), diverging: shades(look.scales.diverging), ordered: shades(look.scales.ordered) };
  const head = h("div", { class: "run-head" }), bar = h("div", { class: "cursor-place" }), tools = h("div", { class: "toolbar" }), field = h("section", { class: "mosaic-field", "aria-label": "All maps" }), detail = h("aside", { class: "detail", "aria-label": "One unit" });
  const computedPlace = h("div", null);
  const under = h("p", { class: "muted small", role: "status" });
  const el = h("main", { id: "main", class: "neurons" }, head, h("div", { class: "mosaic-side" }, bar, tools, computedPlace, field, under), detail);
  const cursor = new Cursor(state);
  const quantities = new Kept((key, words) => source.arrays(`s/${study}/r/${run.id}/quantity`, words), 24);
  const groups = new Kept((key, words) => source.arrays(`s/${study}/r/${run.id}/groups`, words), 24);
  const maps = new Kept((key, words) => source.arrays(`s/${study}/r/${run.id}/mosaic`, words), 40);
  let run, kinds, kind, mosaic, controls, closed = false, sparks = [], asked = 0, late = 0;
  const off = [];
  fill(head, waiting("Opening the run …"));
  begin();

  async function begin() {
    try {
      let id = state.get("run");
      if (!id) id = (await source.json(`s/${study}/runs`)).columns[0].values[0];
      if (!id) return fill(head, empty("This study has no runs yet."));
      run = await source.json(`s/${study}/r/${id}`);
      if (closed) return;
      state.set({ run: id });
      fill(head, title(app, run));
      if (!run.steps.length) return fill(field, empty("No weights of this run were kept, so there is nothing to look at."));
      cursor.of(run.steps, run.epochs_per_step);
      controls = cursorBar(cursor);
      fill(bar, controls.el);
      fill(field, waiting("Asking what has maps …"));
      kinds = await source.json(`s/${study}/r/${id}/units`);
      if (closed) return;
      mosaic = new Mosaic({ table: tables.sequential, onpick: (unit) => state.set({ unit }, { back: true }), onchoose: chosen, label: "Maps of all units over (a, b). Arrow keys move from one to the next, with Shift they choose a range, Enter chooses one." });
      mosaic.chosen = new Set(state.list("units").map(Number));
      fill(field, mosaic.el);
      off.push(state.on(["run"], () => state.get("run") !== run.id && app.again()), cursor.on(() => { follow(); sparks.forEach((one) => one.move(cursor.index)); later(); }), state.on(["unit"], () => { mosaic.pick(unit()); one(); }), state.on(["tap"], choose), state.on(["order", "colour", "group", "only", "size", "down", "cluster", "typical"], follow));
      choose();
    } catch (error) {
      if (!closed) fill(head, run ? title(app, run) : null), fill(field, trouble(error));
    }
  }

  const unit = () => (state.get("unit") === "" ? undefined : Number(state.get("unit")));

  function choose() {
    kind = kinds.find((one) => one.tap === state.get("tap")) ?? kinds[0];
    if (!kind) return fill(field, empty("Nothing of this run has a map over (a, b)."));
    toolbar();
    follow();
    one();
  }

  function toolbar() {
    const of = [["", "as they stand"], ...kind.quantities.map((one) => [idOf(one), one.words])];
    const each = [["", "nothing"], ...kind.quantities.map((one) => [idOf(one), one.words])];
    const only = h("input", { type: "text", class: "narrow", placeholder: ">0.8", value: state.get("only"), "aria-label": "Keep those whose sorting quantity is, for example, >0.8", onchange: (event) => state.set({ only: event.target.value }) });
    fill(tools,
      select("Show", kinds.map((one) => [one.tap, one.words]), kind.tap, (tap) => state.set({ tap, unit: "", order: "", colour: "", group: "", only: "", cluster: "", typical: "" }, { back: true })),
      select("Sort by", of, state.get("order"), (order) => { state.set({ order }); }),
      button("Descending", () => { state.set({ down: state.get("down") ? "" : "1" }); toolbar(); }, { pressed: Boolean(state.get("down")) }),
      h("label", { class: "field" }, h("span", null, "Keep"), only),
      select("Colour by", of, state.get("colour"), (colour) => state.set({ colour })),
      select("One of each", each, state.get("group"), (group) => state.set({ group })),
      kind.ways.length > 0 && select("Cluster by", [["", "nothing"], ...kind.ways.map((one) => [one.way, one.words])], state.get("cluster"), (cluster) => { state.set({ cluster }); toolbar(); clustered(); }),
      state.get("cluster") && button("Typical ones alone", () => { state.set({ typical: state.get("typical") ? "" : "1" }); toolbar(); }, { pressed: Boolean(state.get("typical")) }),
      !app.about.read_only && kind.unsaid.length > 0 && select("Look through", [["", "a lens …"], ...kind.unsaid.map((name) => [name, name.replaceAll("_", " ")])], "", (lens) => lens && through(lens)),
      select("Size", SIZES, state.get("size", "40"), (size) => state.set({ size })));
    fill(computedPlace);
  }

  // A lens that says something of each unit is looked through, and can then be sorted by.
  function through(lens) {
    fill(computedPlace, app.compute(study, run, { lenses: [lens] }, async () => {
      kinds = await source.json(`s/${study}/r/${run.id}/units`);
      if (!closed) choose();
    }));
    computedPlace.querySelector("button")?.click();
  }

  // Groups by history need what a lens says of every step; where nobody has looked yet, it is offered.
  function clustered() {
    const way = kind.ways.find((one) => one.way === state.get("cluster"));
    if (!way?.lens) return;
    fill(computedPlace, app.about.read_only ? empty(`Groups by ${way.words} need the lens ${way.lens.replaceAll("_", " ")} at every step, which nobody has looked through yet.`)
      : app.compute(study, run, { lenses: way.lens.split(", ") }, async () => {
        kinds = await source.json(`s/${study}/r/${run.id}/units`);
        if (!closed) choose();
      }));
  }

  // What is known of the groups at the cursor; what is not yet is asked for, and the mosaic follows when it comes.
  function clustersAt(index) {
    const way = kind.ways.find((one) => one.way === state.get("cluster"));
    if (!way || way.lens) return null;
    const step = run.steps[index], key = way.way === "history" ? `${kind.tap} history` : `${kind.tap} ${way.way} ${step}`;
    if (groups.has(key)) return { ...groups.has(key), way };
    under.textContent = `Looking for groups by ${way.words} …`;
    groups.get(key, { tap: kind.tap, step, way: way.way }).then(() => { if (!closed && cursor.index === index) follow(); }, (error) => { under.textContent = error.message; });
    return { waiting: true, way };
  }

  // The mosaic at the cursor: at once if its bytes are here; what comes late is dropped.
  function follow() {
    const { index } = cursor, tile = Number(state.get("size", "40")), ticket = ++asked;
    const pixels = tile >= 116 ? 0 : tile >= 64 ? 64 : 32;
    const want = (i) => ({ tap: kind.tap, step: run.steps[i], size: pixels });
    const key = (i) => `${kind.tap} ${run.steps[i]} ${pixels}`;
    const show = (found) => {
      if (closed || ticket !== asked) return;
      mosaic.tile = tile;
      arrange(found);
      el.dispatchEvent(new CustomEvent("moved", { bubbles: true }));
      for (const near of [index + 1, index - 1, index + 2]) if (near >= 0 && near < run.steps.length) maps.get(key(near), want(near)).catch(() => {});
    };
    const here = maps.has(key(index));
    if (here) show(here);
    else maps.get(key(index), want(index)).then(show, (error) => { if (ticket === asked && !closed) { under.textContent = error.message; } });
  }

  function valuesOf(id, index) {
    const one = kind.quantities.find((q) => idOf(q) === id);
    if (!one) return null;
    const words = { lens: one.lens, variable: one.variable, axis: one.axis, place: one.place.join(",") };
    const found = quantities.has(id);
    if (!found) { quantities.get(id, words).then(() => follow(), (error) => { under.textContent = error.message; }); return null; }
    const at = one.steps ? found.about.steps.indexOf(run.steps[index]) : 0;
    const n = found.values.shape[1];
    return { one, at, n, row: at < 0 ? null : found.values.values.subarray(at * n, (at + 1) * n), all: found };
  }

  // A quantity speaks of one axis (heads, say); a unit stands at a place of every axis (head and key).
  function placeOn(axis, sizes) {
    const k = kind.axes.indexOf(axis), stride = sizes.slice(k + 1).reduce((all, n) => all * n, 1);
    return (u) => Math.floor(u / stride) % sizes[k];
  }

  function arrange(found) {
    const count = found.maps.shape[0], { sizes } = found.about;
    const read = (id) => {
      const got = id && valuesOf(id, cursor.index);
      if (!got?.row) return null;
      const place = placeOn(got.one.axis, sizes);
      return { words: got.one.words, of: (u) => got.row[place(u)] };
    };
    const order = read(state.get("order")), colour = read(state.get("colour")), group = read(state.get("group"));
    let units = Array.from({ length: count }, (_, u) => u);
    const test = order && comparison(state.get("only"));
    if (test) units = units.filter((u) => test(order.of(u)));
    const sign = state.get("down") ? -1 : 1;
    const none = (v) => v === undefined || Number.isNaN(v);
    if (order) units.sort((a, b) => { const x = order.of(a), y = order.of(b); return none(x) - none(y) || (x - y) * sign || a - b; });
    else if (sign < 0) units.reverse();
    let represented = "", grouped = "";
    if (group) {
      const seen = new Map();
      for (const u of units) { const v = group.of(u), key = Number.isInteger(v) ? v : Number(v?.toPrecision(1)); if (!seen.has(key)) seen.set(key, []); seen.get(key).push(u); }
      units = [...seen].sort(([a], [b]) => a - b).map(([, all]) => all[0]);
      represented = `, one for each of ${seen.size} values of ${group.words}`;
    }
    let frames = null;
    fill(legends);
    const clumps = clustersAt(cursor.index), clusters = clumps?.cluster?.values;
    if (clusters) {
      const far = clumps.distance.values, typical = clumps.representative.values;
      if (state.get("typical")) units = units.filter((u) => typical[u] === 1);
      if (!order) units.sort((a, b) => none(clusters[a]) - none(clusters[b]) || clusters[a] - clusters[b] || far[a] - far[b]);
      else units.sort((a, b) => none(clusters[a]) - none(clusters[b]) || clusters[a] - clusters[b]);
      if (!colour) {
        const hues = look.palette.map((one) => { const [r, g, b] = rgb(one); return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; });
        frames = [];
        for (const u of units) frames[u] = none(clusters[u]) ? 0 : hues[clusters[u] % hues.length];
        const sizes = new Map();
        for (const c of clusters) if (!none(c)) sizes.set(c, (sizes.get(c) ?? 0) + 1);
        fill(legends, [...sizes].sort(([a], [b]) => a - b).map(([c, n]) => h("span", { class: "legend" }, h("span", { class: "swatch", style: { background: look.palette[c % look.palette.length] } }), `group ${c}: ${number(n)}`)));
      }
      grouped = ` By ${clumps.way.words}, ${clumps.about.says}.`;
    }
    if (colour) {
      fill(legends);
      let low = Infinity, high = -Infinity;
      for (const u of units) { const v = colour.of(u); if (v < low) low = v; if (v > high) high = v; }
      const signed = low < 0 && high > 0, most = Math.max(-low, high), table = signed ? tables.diverging : tables.ordered;
      if (signed) { low = -most; high = most; }
      const packed = new Uint32Array(table.buffer);
      frames = [];
      for (const u of units) { const v = colour.of(u); frames[u] = none(v) ? 0 : packed[Math.round(((v - low) / (high - low || 1)) * 255)]; }
      fill(legends, legend({ words: colour.words, low, high, table }));
    }
    mosaic.show({ maps: found.maps, order: units, frames });
    mosaic.pick(unit());
    const shown = found.maps.shape[1] < found.about.grid[0] ? ` Maps of ${found.about.grid.join(" × ")} are averaged to ${found.maps.shape.slice(1).join(" × ")}: waves finer than two pixels are grey here; choose “full” to see them.` : "";
    fill(under, `${number(units.length)} of ${number(count)} ${kind.words}${represented}, each over its own range.${grouped}${shown} `, legends, picks);
  }

  if (state.get("units")) queueMicrotask(() => chosen(state.list("units").map(Number)));
  const legends = h("span", null), picks = h("span", { class: "actions" });
  function chosen(units) {
    state.set({ units });
    fill(picks, units.length > 0 && [h("span", null, `${units.length} chosen `), button("Copy their numbers", () => copy(`[${units.sort((a, b) => a - b).join(", ")}]`)),
      button("Intervene on them", () => app.open("intervene", { change: JSON.stringify([{ kind: "zero_ablate", tap: kind.tap, units }]) })),
      button("Let go", () => { mosaic.chosen.clear(); mosaic.draw(); chosen([]); })]);
  }

  // -- one unit at length
  function later() {
    clearTimeout(late);
    late = setTimeout(one, 140);
  }

  async function one() {
    const u = unit(), step = cursor.step;
    if (u === undefined || !kind) { sparks = []; return fill(detail, empty("Click a map to see it at length: the whole map, its spectrum, its history, and those most like it.")); }
    const first = detail.dataset.unit !== `${kind.tap} ${u}`;
    if (first) fill(detail, h("h2", null, `${kind.axes[0].replace("d_hidden", "hidden unit")} ${u}`), waiting("Looking closer …"));
    try {
      const [found, near] = await Promise.all([source.arrays(`s/${study}/r/${run.id}/unit`, { tap: kind.tap, step, unit: u }), first ? Promise.all(foremost(kind.quantities).map(load)) : Promise.resolve(null)]);
      if (closed || u !== unit() || step !== cursor.step) return;
      detail.dataset.unit = `${kind.tap} ${u}`;
      if (near) { rows = near; }
      closer(u, found);
    } catch (error) {
      if (!closed && u === unit()) fill(detail, h("h2", null, `unit ${u}`), trouble(error));
    }
  }
  let rows = [];
  const load = (one) => quantities.get(idOf(one), { lens: one.lens, variable: one.variable, axis: one.axis, place: one.place.join(",") }).then((found) => ({ one, found }));

  function closer(u, found) {
    const { map, spectrum, writes, about } = found;
    let least = Infinity, most = -Infinity;
    for (const v of map.values) { if (v < least) least = v; if (v > most) most = v; }
    const signed = least < 0 && most > 0, bound = Math.max(-least, most);
    sparks = [];
    const facts = rows.map(({ one, found: of }) => {
      const n = of.values.shape[1], place = kind.axes.length === 1 ? u : Math.floor(u / (mosaic.maps.shape[0] / n));
      const over = Array.from({ length: of.values.shape[0] }, (_, i) => of.values.values[i * n + place]);
      if (!one.steps) return h("p", { class: "fact" }, h("span", null, one.words), h("b", null, number(over[0])));
      const drawn = spark({ values: over, steps: of.about.steps, words: one.words, at: Math.max(0, of.about.steps.indexOf(cursor.step)) });
      if (drawn) sparks.push(drawn);
      return drawn?.el;
    });
    const past = h("div", { class: "past" }, button("Its map over training", () => { fill(past, waiting("Looking back …")); remember(u, past); }));
    fill(detail,
      h("header", null, h("h2", null, `${kind.axes[0].replace("d_hidden", "hidden unit")} ${u}`), h("span", { class: "muted" }, `step ${number(cursor.step)}`)),
      about.badges?.length > 0 && h("p", { class: "badges", "aria-label": "What this head does" }, about.badges.map((words) => h("span", { class: "badge" }, words))),
      h("div", { class: "pair" },
        mapFigure({ ...map, words: "Map", table: signed ? tables.diverging : tables.sequential, ...(signed ? { low: -bound, high: bound } : {}), axes: ["a", "b"] }),
        spectrum && mapFigure({ ...spectrum, words: "Spectrum", table: tables.sequential, low: 0, axes: ["frequency of a", "of b"] })),
      writes && bars({ values: Array.from(writes.values), words: "What it writes to the logits", labels: "output" }), facts, past, alikes(about.alike));
  }

  async function remember(u, place) {
    try {
      const { maps: over, about } = await source.arrays(`s/${study}/r/${run.id}/history`, { tap: kind.tap, unit: u });
      if (unit() !== u) return;
      fill(place, h("h3", null, "Over training"), strip({ maps: over, table: tables.sequential, labels: about.steps.map((s) => number(s)), words: "The map at some steps", onopen: (k) => cursor.near(about.steps[k]) }));
    } catch (error) {
      fill(place, trouble(error));
    }
  }

  function alikes(all) {
    return h("div", null, h("h3", null, "Most alike"), all.map((of, k) => {
      const place = h("div", null, waiting("…"));
      source.arrays(`s/${study}/r/${of.run}/mosaic`, { tap: kind.tap, step: of.step, size: 48, only: of.units.join(",") }).then((found) =>
        fill(place, strip({ maps: found.maps, table: tables.sequential, labels: of.units.map((u, i) => `${u} · r ${of.r[i]}`), words: `Most alike in ${of.name}`, onopen: (i) => (k === 0 ? state.set({ unit: of.units[i] }, { back: true }) : app.open("neurons", { run: of.run, step: of.step, unit: of.units[i], tap: kind.tap })) })),
        (error) => fill(place, h("p", { class: "muted" }, error.message)));
      return h("section", null, h("h4", null, k === 0 ? "in this run" : of.name), place);
    }));
  }

  return { el, close: () => { closed = true; off.forEach((end) => end()); controls?.close(); clearTimeout(late); } };
}

// What is said of a unit as a whole, before what is said of each of its parts.
const foremost = (all) => [...all].sort((a, b) => a.place.length - b.place.length).slice(0, 6);
const idOf = (one) => [one.lens, one.variable, ...one.place].join(".");

// ">0.8", "<=3", "5": what a number must be.
export function comparison(text) {
  const [, sign, value] = /^\s*(<=|>=|<|>|=)?\s*(-?[\d.eE+-]+)\s*$/.exec(text) ?? [];
  if (value === undefined) return null;
  const given = Number(value);
  return { "<": (v) => v < given, ">": (v) => v > given, "<=": (v) => v <= given, ">=": (v) => v >= given, "=": (v) => v === given }[sign ?? "="];
}
