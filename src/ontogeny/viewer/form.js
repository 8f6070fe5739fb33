// The recipe's own schema as fields. A field that changes says its path and value; nothing is decided here.

import { fill, h } from "./dom.js";

export function formOf(sections, onset) {
  const inputs = new Map(); // path → {control, note}
  let values = {};
  const el = h("div", { class: "sections" });

  const at = (path) => (path.startsWith("vary.") ? values.vary?.[path.slice(5)] : path.split(".").reduce((place, key) => place?.[key], values));

  function draw() {
    const focus = document.activeElement?.dataset?.path, open = new Set([...el.querySelectorAll("details[open]")].map((one) => one.dataset.name));
    inputs.clear();
    fill(el, sections.map((section, i) => h("details", { class: "section", data: { name: section.name }, open: open.size ? open.has(section.name) : i < 3 },
      h("summary", null, section.title, h("small", null, summary(section))), section.help && h("p", { class: "muted small" }, section.help), content(section))));
    if (focus) inputs.get(focus)?.control.focus();
  }

  function summary(section) {
    if (section.kinds) return values[section.name]?.kind ?? "";
    if (section.grid) return Object.entries(values.vary ?? {}).map(([name, given]) => `${name}${Array.isArray(given) ? ` × ${given.length}` : given?.range ? ` from ${given.range[0]} to ${given.range[1]}` : ""}`).join(", ");
    if (section.choices) { const n = values[section.name]?.length ?? 0; return n ? `${n}` : section.name === "lenses" ? "every one that can, where it costs little" : "none"; }
    return "";
  }

  function content(section) {
    if (section.kinds) {
      const kind = values[section.name]?.kind, chosen = section.kinds.find((one) => one.kind === kind);
      return [field({ path: `${section.name}.kind`, name: "kind", type: "choice", choices: section.kinds.map((one) => one.kind), help: chosen?.help ?? "", required: true }), chosen?.fields.map(field)];
    }
    if (section.grid) return grid();
    if (section.choices) return choices(section);
    return section.fields.map(field);
  }

  function field(one) {
    const value = at(one.path), shown = value ?? "", hint = one.default === null || one.default === undefined || one.default === "" ? "" : written(one.default);
    const id = `field-${one.path}`;
    const send = (text) => onset(one.path, text === "" ? null : parsedValue(text, one));
    let control;
    if (one.type === "yes") control = h("select", { id, onchange: (event) => onset(one.path, event.target.value === "" ? null : event.target.value === "true") }, [["", `as usual (${hint === "true" ? "yes" : "no"})`], ["true", "yes"], ["false", "no"]].map(([v, words]) => h("option", { value: v, selected: String(shown) === v }, words)));
    else if (one.type === "choice") control = h("select", { id, onchange: (event) => onset(one.path, event.target.value || null) }, !one.required && h("option", { value: "" }, hint ? `as usual (${hint})` : "not said"), one.required && shown === "" && h("option", { value: "" }, "choose …"), one.choices.map((v) => h("option", { value: v, selected: shown === v }, v)));
    else control = h("input", { id, type: "text", value: written(shown), placeholder: hint, inputMode: ["number", "whole"].includes(one.type) ? "decimal" : "text", onchange: (event) => send(event.target.value.trim()) });
    control.dataset.path = one.path;
    const note = h("p", { class: "wrong-note", id: `${id}-wrong`, hidden: true });
    inputs.set(one.path, { control, note });
    return h("div", { class: "row-field" }, h("label", { htmlFor: id, for: id }, one.name, one.required && h("span", { class: "muted" }, " needed")), h("div", null, control, (one.help || one.limits) && h("p", { class: "muted small" }, [one.help, one.limits].filter(Boolean).join("; ")), note));
  }

  // Dotted paths and their values, one a row.
  function grid() {
    const rows = Object.entries(values.vary ?? {});
    const name = h("input", { type: "text", placeholder: "optimiser.weight_decay", "aria-label": "Setting to vary" }), given = h("input", { type: "text", placeholder: "[0.0, 0.1, 1.0]", "aria-label": "Its values" });
    return [
      rows.map(([path, value]) => field({ path: `vary.${path}`, name: path, type: "table", help: "", limits: "" })),
      h("div", { class: "row-field" }, name, h("div", { class: "actions" }, given, h("button", { type: "button", class: "button", onclick: () => name.value && onset(`vary.${name.value.trim()}`, parsedValue(given.value || "[]", { type: "table" })) }, "Vary this too"))),
    ];
  }

  function choices(section) {
    const chosen = (values[section.name] ?? []).map((one) => (typeof one === "string" ? one : one.name));
    return h("div", { class: "choices" }, section.choices.map((one) => h("label", { title: one.words }, h("input", { type: "checkbox", checked: chosen.includes(one.name), onchange: (event) => {
      const all = values[section.name] ?? [];
      const kept = all.filter((use) => (typeof use === "string" ? use : use.name) !== one.name);
      onset(section.name, event.target.checked ? [...kept, one.name] : kept.length ? kept : null);
    } }), h("span", null, one.name), h("small", null, one.words))));
  }

  return {
    el,
    show(now) { values = now; draw(); },
    // Marks fields that are wrong; gives back complaints that belong to none.
    wrong(list) {
      for (const { control, note } of inputs.values()) { control.removeAttribute("aria-invalid"); note.hidden = true; }
      return list.filter(({ key, text }) => {
        const path = [...inputs.keys()].find((one) => one === key) ?? (key && [...inputs.keys()].find((one) => one.endsWith(`.${key}`) || one === `${key}.kind`));
        if (!path) return true;
        const { control, note } = inputs.get(path);
        control.setAttribute("aria-invalid", "true");
        control.setAttribute("aria-describedby", note.id);
        note.hidden = false;
        note.textContent = text;
        control.closest("details").open = true;
        return false;
      });
    },
  };
}

const written = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

// Numbers and lists as such; a range of TOML ({range = [0, 4]}) too; anything else is text.
export function parsedValue(text, { type }) {
  if (type === "text" && !/^-?[\d.]+(e-?\d+)?$/i.test(text)) return text;
  if (/^-?[\d.]+(e-?\d+)?$/i.test(text) && !Number.isNaN(Number(text))) return Number(text);
  try {
    return JSON.parse(text.replace(/([{,]\s*)(\w+)\s*=/g, '$1"$2":').replace(/'/g, '"'));
  } catch {
    return text;
  }
}
