// A view of one or more runs: its question, the figure at the cursor, and what can be done with it.

import { button, copy, fill, h, icon, menu, save, trouble, waiting } from "./dom.js";
import { Frames } from "./frames.js";
import { csv, Plot } from "./plot.js";

const LATER = 45; // milliseconds a cursor rests before a figure is drawn anew by the server

export class Panel {
  // `offer`: the view; `cursor`: says the step and is listened to; `compute`: offers what must be computed first; `onnote`: puts it into the report.
  constructor({ source, study, runs, offer, options, under, cursor, tools = [], compute, onnote }) {
    Object.assign(this, { source, study, runs, offer, under, cursor, compute });
    this.options = options ?? {};
    this.body = h("div", { class: "panel-body" }, waiting("Drawing …"));
    this.says = h("p", { class: "says" });
    this.help = h("div", { class: "panel-help", hidden: true, tabIndex: 0, role: "region", "aria-label": `How to read ${offer.title}` });
    this.sliders = h("div", { class: "panel-sliders" });
    const title = h("h3", null, offer.title);
    this.el = h("section", { class: "panel", "aria-label": offer.title, data: { view: offer.name } },
      h("header", null, h("div", null, title, offer.question && h("p", { class: "question" }, offer.question)),
        h("div", { class: "tools" }, button("How to read this figure", () => this.toggle(), { glyph: "help", quiet: true, pressed: false }),
          menu("Save this figure", "down", [
            ["PNG", () => this.save("png")], ["SVG", () => this.save("svg")], ["CSV of what is shown", () => this.save("csv")],
            ["Copy the Python that makes it", () => this.data && copy(this.data.python)],
          ]), onnote && button("Put it into the report", () => onnote(this), { glyph: "note", quiet: true }), tools)),
      this.help, this.body, this.sliders, this.says);
    this.open();
  }

  get given() {
    return { runs: this.runs.join(","), view: this.offer.name, ...(Object.keys(this.options).length ? { options: JSON.stringify(this.options) } : {}), ...(this.under?.length ? { under: JSON.stringify(this.under) } : {}) };
  }

  // At one step where the cursor chooses what is read; else all steps at once, and frames.
  get single() {
    return this.offer.state === "now" || this.offer.follows;
  }

  async open() {
    if (this.offer.state === "job") return this.offered();
    try {
      const given = { ...this.given, ...(this.single && this.cursor.step !== undefined ? { step: this.cursor.step } : {}) };
      const asked = given.step;
      const [Plotly, data] = await Promise.all([this.source.plotly(), this.source.json(`s/${this.study}/figure`, given)]);
      if (this.closed) return;
      this.data = data;
      this.drawnAt = asked;
      fill(this.help, data.help.map((one) => h("p", null, one)));
      this.plot = new Plot(Plotly, { figure: data.figure, cursors: data.cursors, onstep: (step) => this.cursor.near(step) });
      fill(this.body, this.plot.el);
      await this.plot.draw();
      this.bind();
      this.note();
      this.off = this.cursor.on(() => this.follow());
      this.follow();
      this.el.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
    } catch (error) {
      if (!this.closed) fill(this.body, trouble(error, () => { fill(this.body, waiting("Drawing …")); this.open(); }));
    }
  }

  // What cannot be drawn step by step is offered with its cost.
  offered() {
    const { lenses, cost } = this.offer;
    fill(this.body, h("div", { class: "empty" },
      h("p", null, `This needs ${lenses.join(" and ")} at every step, which nobody has computed yet (${cost}).`), this.compute(this.offer)));
  }

  bind() {
    const indexed = this.data.bindings.map((one, index) => ({ ...one, index }));
    const byAxis = Map.groupBy ? Map.groupBy(indexed, (one) => one.axis) : grouped(indexed, (one) => one.axis);
    const ask = (first, count) => this.source.arrays(`s/${this.study}/frames`,
      { ...this.given, ...(this.drawnAt !== undefined ? { step: this.drawnAt } : {}), first, count });
    this.frames = null;
    fill(this.sliders);
    for (const [axis, bindings] of byAxis) {
      if (bindings[0].ticks.length < 2) continue;
      const frames = new Frames(ask, bindings, this.source.whole);
      if (axis === "step" && !this.single) this.frames = frames;
      else this.sliders.append(this.slider(axis, frames));
    }
  }

  // Another axis than the step has a slider of its own.
  slider(axis, frames) {
    const { ticks } = frames.bindings[0], start = this.ticks?.[axis] ?? this.data.start ?? ticks.length - 1;
    const words = h("output", null, ticks[start]);
    const move = async (tick) => {
      (this.ticks ??= {})[axis] = tick;
      words.textContent = ticks[tick];
      const now = await frames.get(tick);
      if (this.ticks[axis] === tick && !this.closed) this.show(now);
    };
    const range = h("input", { type: "range", min: 0, max: ticks.length - 1, "aria-label": axis, oninput: (event) => move(Number(event.target.value)) });
    range.value = start;
    if (start !== (this.data.start ?? ticks.length - 1)) move(start);
    return h("div", { class: "slider" }, h("span", { class: "muted" }, axis), range, words);
  }

  follow() {
    const { step } = this.cursor;
    this.plot.at(step);
    if (this.frames) {
      const tick = this.frames.tick(step);
      if (tick === this.tick) return;
      this.tick = tick;
      const now = this.frames.get(tick);
      if (now.then) now.then((bindings) => { if (this.tick === tick && !this.closed) { this.show(bindings); this.moved(); } }, (error) => fill(this.says, error.message));
      else { this.show(now); this.moved(); }
    } else if (this.single && step !== this.drawnAt) {
      this.el.classList.add("late");
      clearTimeout(this.later);
      this.later = setTimeout(() => this.again(step), LATER);
    } else { this.el.classList.remove("late"); this.moved(); }
  }

  // Everything of it stands at the cursor.
  moved() {
    this.el.dispatchEvent(new CustomEvent("moved", { bubbles: true }));
  }

  async again(step) {
    this.wanted = step;
    try {
      const data = await this.source.json(`s/${this.study}/figure`, { ...this.given, step });
      if (this.wanted !== step || this.closed) return;
      this.data = data;
      this.drawnAt = step;
      await this.plot.change(data.figure);
      this.bind();
      this.note();
      this.plot.at(step);
      this.el.classList.remove("late");
      this.moved();
    } catch (error) {
      if (!this.closed) fill(this.says, error.message);
    }
  }

  show(bindings) {
    for (const { trace, attribute, now, shape } of bindings) this.plot.set(trace, attribute, now, shape);
  }

  note() {
    fill(this.says, this.data.says);
  }

  toggle() {
    this.help.hidden = !this.help.hidden;
    this.el.querySelector("[aria-pressed]").setAttribute("aria-pressed", String(!this.help.hidden));
  }

  async save(format) {
    if (!this.plot) return;
    const name = `${this.offer.name}-${this.runs.join("-")}${this.cursor.step === undefined ? "" : `-step-${this.cursor.step}`}.${format}`;
    if (format === "csv") {
      await this.plot.settle();
      save(name, csv(this.plot.el._fullData.map((full) => ({ ...full, z: full.z, name: full.name }))), "text/csv");
    } else if (format === "png") save(name, await this.plot.image("png"));
    else save(name, decodeURIComponent((await this.plot.image("svg")).split(",").slice(1).join(",")), "image/svg+xml");
  }

  close() {
    this.closed = true;
    this.off?.();
    clearTimeout(this.later);
    this.plot?.close();
    this.el.remove();
  }
}

function grouped(items, by) {
  const found = new Map();
  for (const one of items) found.set(by(one), [...(found.get(by(one)) ?? []), one]);
  return found;
}

export function closing(words, act) {
  return h("button", { type: "button", class: "button bare", title: words, "aria-label": words, onclick: act }, icon("close"));
}
