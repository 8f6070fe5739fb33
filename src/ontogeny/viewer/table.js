// A table of thousands of rows: only those in sight are in the page. Sorted by a column, filtered by words and comparisons.

import { fill, h, number } from "./dom.js";

const ROW = 34; // pixels, as in style.css
const SPARE = 12; // rows above and below what is seen

export class Table {
  // columns: {name, words, values, numeric}; `onopen(index)`, `onchoose(indices)`.
  constructor({ columns, sort, filter, chosen, onopen, onchoose, onsort, label, decorate }) {
    Object.assign(this, { columns, onopen, onchoose, onsort, decorate });
    this.sort = sort ?? "";
    this.filter = filter ?? "";
    this.chosen = chosen ?? new Set();
    this.head = h("div", { class: "table-head", role: "row" });
    this.body = h("div", { class: "table-rows", role: "rowgroup" });
    this.room = h("div", { class: "table-room", role: "presentation" });
    this.el = h("div", { class: "table", role: "grid", tabIndex: 0, "aria-label": label, onscroll: () => this.draw(), onkeydown: (event) => this.key(event) },
      h("div", { role: "rowgroup", class: "table-top" }, this.head), this.room, this.body);
    this.at = 0;
    new ResizeObserver(() => this.draw()).observe(this.el);
    this.arrange();
  }

  get count() {
    return this.columns[0]?.values.length ?? 0;
  }

  arrange() {
    const wanted = parsed(this.filter, this.columns);
    this.order = [];
    for (let i = 0; i < this.count; i++) if (wanted(i)) this.order.push(i);
    const [name, down] = this.sort.startsWith("-") ? [this.sort.slice(1), true] : [this.sort, false];
    const by = this.columns.find((one) => one.name === name);
    if (by) {
      const { values } = by;
      const compare = (a, b) => {
        const x = values[a], y = values[b];
        const none = (v) => v === null || v === undefined || Number.isNaN(v);
        if (none(x) || none(y)) return none(x) - none(y);
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
      };
      this.order.sort((a, b) => compare(a, b) || a - b);
    }
    this.at = Math.min(this.at, Math.max(0, this.order.length - 1));
    this.widths();
    this.heads();
    this.draw(true);
  }

  widths() {
    const measure = (one) => {
      let most = one.words.length + 2;
      for (let i = 0; i < Math.min(this.count, 200); i++) most = Math.max(most, number(one.values[i]).length);
      return Math.min(30, Math.max(6, most));
    };
    const wide = this.columns.map((one) => `${(measure(one) * 0.5 + 1.6).toFixed(1)}rem`);
    this.template = `2.4rem ${wide.slice(0, -1).join(" ")} minmax(${wide.at(-1)}, 1fr)`;
    this.el.style.setProperty("--columns", this.template);
    this.el.setAttribute("aria-rowcount", this.order.length + 1);
    this.el.setAttribute("aria-colcount", this.columns.length + 1);
  }

  heads() {
    const all = this.order.length > 0 && this.order.every((i) => this.chosen.has(i));
    const mark = h("input", { type: "checkbox", checked: all, "aria-label": "Choose all that are shown", tabIndex: -1, onchange: (event) => {
      for (const i of this.order) if (event.target.checked) this.chosen.add(i); else this.chosen.delete(i);
      this.told();
    } });
    fill(this.head, h("div", { role: "columnheader" }, this.onchoose ? mark : h("span", { class: "offscreen" }, "chosen")), this.columns.map((one) => {
      const sorted = this.sort === one.name ? "ascending" : this.sort === `-${one.name}` ? "descending" : "none";
      return h("div", { role: "columnheader", "aria-sort": sorted, class: one.numeric ? "numeric" : "" },
        h("button", { type: "button", title: `Sort by ${one.words}`, onclick: () => {
          this.sort = sorted === "ascending" ? `-${one.name}` : one.name;
          this.arrange();
          this.onsort?.(this.sort);
        } }, one.words, h("span", { "aria-hidden": "true" }, { ascending: " ↑", descending: " ↓", none: "" }[sorted])));
    }));
  }

  told() {
    this.heads();
    this.draw(true);
    this.onchoose?.(this.chosen);
  }

  draw(anew) {
    const top = this.el.scrollTop, height = this.el.clientHeight || 600;
    const first = Math.max(0, Math.floor(top / ROW) - SPARE), last = Math.min(this.order.length, Math.ceil((top + height) / ROW) + SPARE);
    if (!anew && first === this.first && last === this.last) return;
    Object.assign(this, { first, last });
    this.room.style.height = `${this.order.length * ROW}px`;
    this.body.style.transform = `translateY(${first * ROW}px)`;
    fill(this.body, this.order.slice(first, last).map((i, k) => this.row(i, first + k)));
  }

  row(i, place) {
    const mark = this.onchoose && h("input", { type: "checkbox", checked: this.chosen.has(i), tabIndex: -1, "aria-label": `Choose run ${this.columns[0].values[i]}`, onchange: (event) => {
      if (event.target.checked) this.chosen.add(i); else this.chosen.delete(i);
      this.told();
    } });
    return h("div", { role: "row", class: place === this.at ? "row current" : "row", "aria-rowindex": place + 2, "aria-selected": String(this.chosen.has(i)),
      onclick: (event) => { if (event.target.type === "checkbox" || event.target.closest(".mark")) return; this.at = place; this.onopen?.(i); } },
      h("div", { role: "gridcell", class: "mark" }, mark),
      this.columns.map((one) => h("div", { role: "gridcell", class: one.numeric ? "numeric" : "", title: String(one.values[i] ?? "") },
        this.decorate?.(one, i) ?? number(one.values[i]))));
  }

  key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined && event.target === this.el) {
      this.at = Math.max(0, Math.min(this.order.length - 1, this.at + by));
      const top = this.at * ROW, height = this.el.clientHeight - 2 * ROW;
      if (top < this.el.scrollTop) this.el.scrollTop = top;
      if (top > this.el.scrollTop + height) this.el.scrollTop = top - height;
      this.draw(true);
      event.preventDefault();
    }
    if (event.target !== this.el) return;
    const i = this.order[this.at];
    if (event.key === "Enter" && i !== undefined) this.onopen?.(i);
    if (event.key === " " && i !== undefined && this.onchoose) {
      if (this.chosen.has(i)) this.chosen.delete(i); else this.chosen.add(i);
      this.told();
      event.preventDefault();
    }
  }
}

// "d_hidden>8 done": every word must hold, as a comparison of a column or as part of any cell.
export function parsed(text, columns) {
  const tests = text.trim().split(/\s+/).filter(Boolean).map((word) => {
    const [, name, sign, value] = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/.exec(word) ?? [];
    const column = name && columns.find((one) => one.name === name || one.words.replaceAll(" ", "_") === name);
    if (!column) return (i) => columns.some((one) => String(one.values[i] ?? "").toLowerCase().includes(word.toLowerCase()));
    const given = Number(value), { values } = column;
    const numeric = !Number.isNaN(given);
    const same = (v) => (numeric && typeof v === "number" ? v === given : String(v) === value);
    return {
      "=": (i) => same(values[i]), "!=": (i) => !same(values[i]), "<": (i) => values[i] !== null && values[i] < given,
      ">": (i) => values[i] !== null && values[i] > given, "<=": (i) => values[i] !== null && values[i] <= given, ">=": (i) => values[i] !== null && values[i] >= given,
    }[sign];
  });
  return (i) => tests.every((test) => test(i));
}
