"use strict";
const said = JSON.parse(document.getElementById("data").textContent);
const LONG = 72, REACH = 14, NONE = "#b8c0c8", MARK = "#1f2328";

function unpacked(value) {
  if (!value || !value.bytes) return value;
  const bytes = Uint8Array.from(atob(value.bytes), (c) => c.charCodeAt(0));
  return { values: new ({ Float32Array, Int32Array, Uint8Array }[value.type])(bytes.buffer), shape: value.shape };
}
const sides = said.sides.map((side) => Object.fromEntries(Object.entries(side).map(([k, v]) => [k, unpacked(v)])));
const count = sides.map((side) => side.places.shape[0]);
const other = (s) => 1 - s;
const node = (tag, text, className) => { const it = document.createElement(tag); if (text !== undefined) it.textContent = text; if (className) it.className = className; return it; };
const called = (s, i) => `${sides[s].name} ${i}` + (sides[s].labels[i] ? `: ${sides[s].labels[i]}` : "");
const short = (text) => (text.length > LONG ? text.slice(0, LONG - 1) + "…" : text);

// -- what is chosen ---------------------------------------------------------------------------------------------------
const state = { at: null, kept: null, chosen: null, least: -1, colour: "group" };
const partner = (s, i) => (sides[s].partner.values[i] >= 0 && sides[s].score.values[i] >= state.least ? sides[s].partner.values[i] : -1);

// -- colours ----------------------------------------------------------------------------------------------------------
function rgb(hex) {
  const got = hex.startsWith("#") ? [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)) : hex.match(/[\d.]+/g).slice(0, 3).map(Number);
  return got;
}
function shaded(scale, share) {
  const stops = scale.map(([at, colour]) => [Number(at), rgb(colour)]);
  const k = Math.max(1, stops.findIndex(([at]) => at >= share));
  const [low, from] = stops[k - 1], [high, to] = stops[k], part = (share - low) / (high - low || 1);
  return `rgb(${from.map((c, i) => Math.round(c + part * (to[i] - c))).join(",")})`;
}
const scale = Array.from({ length: 65 }, (_, i) => shaded(said.scales.ordered, i / 64));
const shade = (share) => scale[Math.round(64 * (1 - Math.min(1, Math.max(0, share))))];
const words = [...new Set(sides.flatMap((side) => side.labels))];
const ways = {
  group: { name: "groups of the left side", of: (s, i) => (sides[s].cluster.values[i] < 0 ? NONE : said.palette[sides[s].cluster.values[i] % said.palette.length]) },
  score: { name: `${said.score} with the partner`, of: (s, i) => (partner(s, i) < 0 ? NONE : shade(sides[s].score.values[i])), ends: ["0", "1"] },
};
if (sides.every((side) => side.density)) {
  const log = (s, i) => Math.log10(Math.max(sides[s].density.values[i], 1e-6));
  ways.density = { name: "share of samples on which it is active", of: (s, i) => shade(1 + log(s, i) / 4), ends: ["1 in 10,000", "always"] };
}
if (words.length > 1 && words.length <= 24) {
  ways.label = { name: "label", of: (s, i) => { const k = words.indexOf(sides[s].labels[i]); return k < 0 ? NONE : said.palette[k % said.palette.length]; } };
}
let colours = [];
function colour() {
  colours = sides.map((_, s) => Array.from({ length: count[s] }, (_, i) => ways[state.colour].of(s, i)));
  const legend = document.getElementById("legend");
  legend.replaceChildren();
  const entry = (paint, text) => { const it = node("span"), dot = node("i"); dot.style.background = paint; it.append(dot, text); legend.append(it); };
  const way = ways[state.colour];
  if (way.ends) {
    const bar = node("span", "", "scale");
    bar.style.background = `linear-gradient(90deg, ${Array.from({ length: 9 }, (_, i) => shade(i / 8)).join(",")})`;
    legend.append(way.ends[0], bar, way.ends[1]);
  } else if (state.colour === "label") words.forEach((word, k) => entry(said.palette[k % said.palette.length], word));
  else for (let k = 0; k <= Math.max(...sides[0].cluster.values); k++) entry(said.palette[k % said.palette.length], `group ${k + 1}`);
  entry(NONE, state.colour === "score" ? "no partner" : "in none");
}

// -- the two maps -----------------------------------------------------------------------------------------------------
const maps = sides.map((side, s) => {
  const canvas = document.getElementById(`map-${s}`), points = side.places.values, n = count[s];
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  for (let i = 0; i < 2 * n; i++) { low[i % 2] = Math.min(low[i % 2], points[i]); high[i % 2] = Math.max(high[i % 2], points[i]); }
  const view = { x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2, zoom: 1 };
  const home = { ...view };
  const span = [high[0] - low[0] || 1, high[1] - low[1] || 1];
  const screen = new Float32Array(2 * n);
  let width = 0, height = 0, cells = new Map(), line = null;

  function place() {
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth; height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio)) { canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio); }
    const unit = 0.92 * Math.min(width / span[0], height / span[1]) * view.zoom;
    cells = new Map();
    for (let i = 0; i < n; i++) {
      const x = width / 2 + (points[2 * i] - view.x) * unit, y = height / 2 - (points[2 * i + 1] - view.y) * unit;
      screen[2 * i] = x; screen[2 * i + 1] = y;
      const key = `${Math.floor(x / REACH)},${Math.floor(y / REACH)}`;
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push(i);
    }
    return unit;
  }
  const size = () => Math.min(6, Math.max(1.6, 90 / Math.sqrt(n)) * Math.sqrt(view.zoom));

  function draw() {
    const pen = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1, r = size();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const lit = litUp(s), faint = lit !== null;
    const by = new Map();
    for (let i = 0; i < n; i++) {
      const hollow = partner(s, i) < 0, key = `${colours[s][i]}|${hollow ? 1 : 0}|${faint && !lit.has(i) ? 0 : 1}`;
      if (!by.has(key)) by.set(key, []);
      by.get(key).push(i);
    }
    for (const strength of ["0", "1"]) for (const [key, atoms] of by) {
      const [paint, hollow, shown] = key.split("|");
      if (shown !== strength) continue;
      pen.globalAlpha = shown === "1" ? 0.9 : 0.13;
      pen.fillStyle = pen.strokeStyle = paint;
      pen.beginPath();
      for (const i of atoms) { const x = screen[2 * i], y = screen[2 * i + 1]; pen.moveTo(x + r, y); pen.arc(x, y, r, 0, 7); }
      if (hollow === "1") { pen.lineWidth = 1; pen.stroke(); } else pen.fill();
    }
    pen.globalAlpha = 1;
    for (const [mark, weight] of [[state.kept, 2.5], [state.at, 1.5]]) {
      if (!mark) continue;
      const i = mark.side === s ? mark.atom : partner(mark.side, mark.atom);
      if (i < 0) continue;
      pen.strokeStyle = MARK; pen.lineWidth = weight;
      pen.beginPath(); pen.arc(screen[2 * i], screen[2 * i + 1], r + 4, 0, 7); pen.stroke();
    }
    if (line) {
      pen.strokeStyle = MARK; pen.lineWidth = 1; pen.setLineDash([4, 3]);
      pen.beginPath(); line.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y))); pen.closePath(); pen.stroke(); pen.setLineDash([]);
    }
  }

  function nearest(x, y) {
    let best = -1, least = REACH * REACH;
    const cx = Math.floor(x / REACH), cy = Math.floor(y / REACH);
    for (let a = cx - 1; a <= cx + 1; a++) for (let b = cy - 1; b <= cy + 1; b++) for (const i of cells.get(`${a},${b}`) || []) {
      const d = (screen[2 * i] - x) ** 2 + (screen[2 * i + 1] - y) ** 2;
      if (d < least) { least = d; best = i; }
    }
    return best;
  }
  function inside(polygon) {
    const found = new Set();
    for (let i = 0; i < n; i++) {
      const x = screen[2 * i], y = screen[2 * i + 1];
      let odd = false;
      for (let k = 0, j = polygon.length - 1; k < polygon.length; j = k++) {
        const [xk, yk] = polygon[k], [xj, yj] = polygon[j];
        if (yk > y !== yj > y && x < ((xj - xk) * (y - yk)) / (yj - yk) + xk) odd = !odd;
      }
      if (odd) found.add(i);
    }
    return found;
  }
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => { line = [at(event)]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    const here = at(event);
    if (line) { line.push(here); soon(); return; }
    const i = nearest(...here);
    hover(i < 0 ? null : { side: s, atom: i });
  });
  canvas.addEventListener("pointerup", (event) => {
    const drawn = line || [];
    line = null;
    const wide = Math.max(0, ...drawn.map(([x, y]) => Math.hypot(x - drawn[0][0], y - drawn[0][1])));
    if (wide > 6) choose(s, inside(drawn), event.shiftKey);
    else { const i = nearest(...at(event)); keep(i < 0 ? null : { side: s, atom: i }); }
  });
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const unit = place(), [x, y] = at(event), factor = Math.exp(-event.deltaY / 400);
    const here = [view.x + (x - width / 2) / unit, view.y - (y - height / 2) / unit];
    const zoom = Math.min(60, Math.max(1, view.zoom * factor)), by = zoom / view.zoom;
    view.x = here[0] - (here[0] - view.x) / by; view.y = here[1] - (here[1] - view.y) / by; view.zoom = zoom;
    if (zoom === 1) Object.assign(view, home);
    place(); soon();
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { Object.assign(view, home); place(); soon(); });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape") return clear();
    if (event.key === "Enter" && state.at) return keep(state.at);
    if (!way) return;
    event.preventDefault();
    const from = state.at && state.at.side === s ? state.at.atom : 0;
    let best = from, least = Infinity;
    for (let i = 0; i < n; i++) {
      const dx = screen[2 * i] - screen[2 * from], dy = screen[2 * i + 1] - screen[2 * from + 1];
      const along = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      if (along > 0.5 && along + 3 * aside < least) { least = along + 3 * aside; best = i; }
    }
    hover({ side: s, atom: best });
  });
  new ResizeObserver(() => { place(); soon(); }).observe(canvas);
  return { place, draw, screen };
});

// Which dots of a side are lit: chosen ones and partners of chosen ones; all where nothing is chosen.
function litUp(s) {
  if (!state.chosen) return null;
  if (state.chosen.side === s) return state.chosen.atoms;
  const found = new Set();
  for (const i of state.chosen.atoms) { const j = partner(state.chosen.side, i); if (j >= 0) found.add(j); }
  return found;
}
let waiting = false;
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; maps.forEach((map) => map.draw()); });
}

// -- what a reader does -----------------------------------------------------------------------------------------------
const status = document.getElementById("status");
function tell() {
  if (state.at) {
    const { side, atom } = state.at, j = partner(side, atom);
    status.textContent = short(called(side, atom)) + (j < 0 ? " has no partner here" : ` – ${short(called(other(side), j))}, ${said.score} ${sides[side].score.values[atom].toFixed(2)}`);
  } else if (state.chosen) {
    const atoms = [...state.chosen.atoms], paired = atoms.filter((i) => partner(state.chosen.side, i) >= 0);
    const mean = paired.reduce((sum, i) => sum + sides[state.chosen.side].score.values[i], 0) / (paired.length || 1);
    status.textContent = `${atoms.length} chosen in ${sides[state.chosen.side].name}; ${paired.length} have a partner` + (paired.length ? `, ${said.score} ${mean.toFixed(2)} on average` : "");
  } else status.textContent = "";
}
function hover(mark) {
  if (mark === state.at || (mark && state.at && mark.side === state.at.side && mark.atom === state.at.atom)) return;
  state.at = mark; tell(); soon();
}
function choose(side, atoms, more) {
  if (more && state.chosen && state.chosen.side === side) for (const i of state.chosen.atoms) atoms.add(i);
  state.chosen = atoms.size ? { side, atoms } : null;
  state.at = null; tell(); soon();
}
function keep(mark) { state.kept = mark; card(); tell(); soon(); }
function clear() { Object.assign(state, { at: null, kept: null, chosen: null }); document.getElementById("find").value = ""; card(); tell(); soon(); }

function card() {
  const place = document.getElementById("atom");
  place.replaceChildren();
  if (!state.kept) { place.append(node("p", "Click a dot to keep it: what it does, and what lies nearest on the other side, is then told here.", "hint")); return; }
  const { side, atom } = state.kept, j = partner(side, atom), both = side === 0 ? [[0, atom], [1, j]] : [[0, j], [1, atom]];
  for (const [s, i] of both) place.append(i < 0 ? gone(s) : about(s, i));
}
function gone(s) { const it = node("div", undefined, "card"); it.append(node("h2", `No partner in ${sides[s].name}`), node("p", "above the threshold of the pairs that are shown.", "facts")); return it; }
function about(s, i) {
  const it = node("div", undefined, "card"), side = sides[s], facts = [];
  it.append(node("h2", called(s, i)));
  if (side.partner.values[i] >= 0) facts.push(`${said.score} with its partner ${side.score.values[i].toFixed(3)}`);
  if (side.density) facts.push(`active on ${percent(side.density.values[i])} of the samples`);
  if (side.cluster.values[i] >= 0) facts.push(`group ${side.cluster.values[i] + 1}`);
  it.append(node("p", facts.join(" · "), "facts"));
  const row = node("div", undefined, "row");
  if (side.tiles) row.append(tile(side, i));
  row.append(table([`nearest in ${sides[other(s)].name}`, said.score], neighbours(s, i)));
  if (side.examples) row.append(table(["most active on", "activation"], examples(side, i)));
  it.append(row);
  return it;
}
const percent = (share) => `${Number((100 * share).toPrecision(share < 0.995 ? 2 : 3))} %`;
function neighbours(s, i) {
  const k = sides[s].nearest.shape[1], rows = [];
  for (let c = 0; c < k; c++) {
    const j = sides[s].nearest.values[k * i + c], go = node("button", short(called(other(s), j)), "go");
    go.type = "button"; go.onclick = () => keep({ side: other(s), atom: j });
    rows.push([go, sides[s].near.values[k * i + c].toFixed(3)]);
  }
  return rows;
}
function examples(side, i) {
  const k = side.examples.shape[1], rows = [];
  for (let c = 0; c < k; c++) {
    const sample = side.examples.values[k * i + c], much = side.most.values[k * i + c];
    if (much > 0) rows.push([short(said.inputs[sample] || `sample ${sample}`), much.toPrecision(3)]);
  }
  return rows.length ? rows : [["never active", ""]];
}
function table(head, rows) {
  const it = node("table"), top = node("tr");
  head.forEach((text) => top.append(node("th", text)));
  it.append(top);
  for (const row of rows) { const line = node("tr"); for (const cell of row) { const td = node("td"); td.append(cell); line.append(td); } it.append(line); }
  return it;
}
function tile(side, i) {
  const [, rows, columns] = side.tiles.shape, canvas = node("canvas"), image = new ImageData(columns, rows);
  canvas.width = columns; canvas.height = rows; canvas.setAttribute("aria-label", "mean activation over the grid of inputs");
  for (let k = 0; k < rows * columns; k++) {
    const [r, g, b] = rgb(shaded(said.scales.sequential, side.tiles.values[rows * columns * i + k] / 255));
    image.data.set([r, g, b, 255], 4 * k);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

const select = document.getElementById("colour");
for (const [key, way] of Object.entries(ways)) { const option = node("option", way.name); option.value = key; select.append(option); }
select.onchange = () => { state.colour = select.value; colour(); soon(); };
const least = document.getElementById("least"), leastSaid = document.getElementById("least-said");
least.oninput = () => { state.least = Number(least.value); leastSaid.textContent = state.least <= -1 ? "all" : state.least.toFixed(2); colour(); card(); tell(); soon(); };
const find = document.getElementById("find");
find.oninput = () => {
  const text = find.value.trim().toLowerCase();
  if (!text) return choose(0, new Set());
  const hits = sides.map((side, s) => new Set(Array.from({ length: count[s] }, (_, i) => i).filter((i) => String(i) === text || (side.labels[i] || "").toLowerCase().includes(text))));
  const s = hits[0].size ? 0 : 1;
  choose(s, hits[s]);
  if (!hits[s].size) status.textContent = `Nothing here is called ${text}.`;
  else if (hits[s].size === 1) keep({ side: s, atom: [...hits[s]][0] });
};
document.getElementById("clear").onclick = clear;
document.querySelector("form").onsubmit = (event) => event.preventDefault();
colour();
maps.forEach((map) => map.place());
soon();
