// Elements from what they are made of. Text is text: nothing that is passed in becomes markup.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "line", "rect", "circle", "g", "polyline", "text", "title"]);

export function h(tag, props, ...children) {
  const svg = SVG_TAGS.has(tag);
  const el = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2).toLowerCase(), value);
    else if (key === "style") Object.assign(el.style, value);
    else if (key === "data") Object.assign(el.dataset, value);
    else if (key in el && !svg && !key.startsWith("aria") && key !== "list" && key !== "role") el[key] = value;
    else el.setAttribute(key, value === true ? "" : value);
  }
  append(el, children);
  return el;
}

function append(el, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    el.append(child instanceof Node ? child : String(child));
  }
}

// What stands in an element is replaced.
export function fill(el, ...children) {
  el.replaceChildren();
  append(el, children);
  return el;
}

const PATHS = {
  pin: "M12 17v5M7 3h10l-1.5 7L18 14H6l2.5-4z",
  close: "M6 6l12 12M18 6L6 18",
  help: "M9 9a3 3 0 1 1 4 2.800c-.7.4-1 .9-1 1.700M12 17.500v.01",
  down: "M12 4v11M7 11l5 5 5-5M5 20h14",
  play: "M7 5l12 7-12 7z",
  pause: "M8 5v14M16 5v14",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.500L21 21",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5",
  more: "M5 12h.01M12 12h.01M19 12h.01",
};

export function icon(name) {
  return h("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, h("path", { d: PATHS[name] }));
}

export function button(words, onclick, { pressed, glyph, quiet, disabled, main } = {}) {
  const bare = glyph && quiet;
  const names = ["button", bare && "bare", main && "main"].filter(Boolean).join(" ");
  const pressing = pressed === undefined ? {} : { "aria-pressed": String(pressed) };
  return h("button", { type: "button", class: names, onclick, disabled, title: bare ? words : null, "aria-label": bare ? words : null, ...pressing },
    glyph && icon(glyph), !bare && h("span", null, words));
}

export function field(words, control, { wide } = {}) {
  return h("label", { class: wide ? "field wide" : "field" }, h("span", null, words), control);
}

export function select(words, options, chosen, onchange) {
  const control = h("select", { onchange: (event) => onchange(event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
  return field(words, control);
}

// A wait, a failure, nothing there: each says what to do.
export function waiting(words = "Reading …") {
  return h("p", { class: "waiting", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), words);
}

export function trouble(error, retry) {
  return h("div", { class: "trouble", role: "alert" }, h("p", null, error.message ?? String(error)), retry && button("Try again", retry));
}

export function empty(words, ...more) {
  return h("div", { class: "empty" }, h("p", null, words), ...more);
}

export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en-GB");
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

export function save(name, content, type = "text/plain") {
  const url = content.startsWith?.("data:") ? content : URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (!content.startsWith?.("data:")) setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// A word on what was just done, read out as well as shown.
export function say(words) {
  let place = document.querySelector(".said");
  if (!place) document.body.append((place = h("div", { class: "said ontogeny", role: "status", "aria-live": "polite" })));
  place.textContent = words;
  place.classList.add("shown");
  clearTimeout(place.timer);
  place.timer = setTimeout(() => place.classList.remove("shown"), 2600);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text, class: "offscreen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("Copied.");
}

// Menus close when something else is pressed, and by Escape.
export function menu(words, glyph, items) {
  const list = h("div", { class: "menu-list", role: "menu", hidden: true },
    items.map(([text, act]) => h("button", { type: "button", role: "menuitem", onclick: () => { close(); act(); } }, text)));
  const opener = button(words, () => (list.hidden ? open() : close()), { glyph, quiet: true });
  opener.setAttribute("aria-haspopup", "menu");
  opener.setAttribute("aria-expanded", "false");
  const box = h("div", { class: "menu" }, opener, list);
  const outside = (event) => { if (!box.contains(event.target)) close(); };
  function open() {
    list.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    list.firstChild?.focus();
    document.addEventListener("pointerdown", outside);
  }
  function close() {
    list.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
  }
  box.addEventListener("keydown", (event) => {
    const all = [...list.children], at = all.indexOf(document.activeElement);
    if (event.key === "Escape") { close(); opener.focus(); event.stopPropagation(); }
    if (event.key === "ArrowDown") all[(at + 1) % all.length].focus();
    if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length].focus();
    if (event.key.startsWith("Arrow")) { event.preventDefault(); event.stopPropagation(); }
  });
  return box;
}
