// The step that is looked at: a slider, keys, play. Whatever shows a step follows it.

import { button, h, number } from "./dom.js";

const PLAY = 160; // milliseconds a step

export class Cursor {
  constructor(state) {
    this.state = state;
    this.steps = [];
    this.listeners = new Set();
    state.on(["step"], () => this.move(this.chosen()));
  }

  // The steps that the run kept; the one of the address, or the last.
  of(steps, epochs) {
    this.steps = steps;
    this.epochs = epochs;
    this.index = this.chosen();
  }

  chosen() {
    const asked = this.state.get("step");
    return asked === "" ? this.steps.length - 1 : this.nearest(Number(asked));
  }

  get step() {
    return this.steps[this.index];
  }

  nearest(step) {
    let best = 0;
    this.steps.forEach((one, i) => { if (Math.abs(one - step) < Math.abs(this.steps[best] - step)) best = i; });
    return best;
  }

  near(step) {
    this.go(this.nearest(step));
  }

  go(index) {
    const to = Math.min(this.steps.length - 1, Math.max(0, index));
    if (to === this.index || !this.steps.length) return;
    this.move(to);
    this.state.set({ step: this.step });
  }

  move(index) {
    if (index === this.index) return;
    this.index = index;
    for (const act of [...this.listeners]) act();
  }

  on(act) {
    this.listeners.add(act);
    return () => this.listeners.delete(act);
  }

  play(going) {
    clearInterval(this.playing);
    this.playing = going ? setInterval(() => (this.index >= this.steps.length - 1 ? this.go(0) : this.go(this.index + 1)), PLAY) : 0;
    for (const act of [...this.listeners]) act();
  }
}

// The bar with slider and keys; arrow keys move the cursor wherever nothing else uses them.
export function cursorBar(cursor) {
  const range = h("input", { type: "range", min: 0, "aria-label": "Step" });
  const step = h("output", { class: "step" }), epoch = h("span", { class: "muted" });
  const back = button("Step before", () => cursor.go(cursor.index - 1), { glyph: "left", quiet: true });
  const on = button("Next step", () => cursor.go(cursor.index + 1), { glyph: "right", quiet: true });
  const play = h("span", null);
  const bar = h("div", { class: "cursor-bar", role: "group", "aria-label": "Step cursor" }, back, play, on, range, step, epoch);
  let showing;
  const show = () => {
    range.max = Math.max(0, cursor.steps.length - 1);
    range.value = cursor.index;
    range.setAttribute("aria-valuetext", `step ${number(cursor.step)}`);
    step.textContent = `step ${number(cursor.step)}`;
    epoch.textContent = (cursor.epochs ? `epoch ${number(Math.round(cursor.step * cursor.epochs * 100) / 100)} · ` : "") + `${cursor.index + 1} of ${cursor.steps.length} kept`;
    const going = Boolean(cursor.playing);
    if (showing !== going) {
      showing = going;
      play.replaceChildren(button(going ? "Pause" : "Play", () => cursor.play(!cursor.playing), { glyph: going ? "pause" : "play", quiet: true }));
    }
  };
  range.addEventListener("input", () => cursor.go(Number(range.value)));
  const keys = (event) => {
    const cell = bar.closest(".in-cell"); // a notebook has keys of its own
    if (cell && !cell.contains(event.target)) return;
    if (event.target.closest?.("input:not([type=range]), select, textarea, [role=menu], [role=grid], [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && event.target.type !== "range") { cursor.go(cursor.index + by * (event.shiftKey ? 10 : 1)); event.preventDefault(); }
    if (event.key === " " && event.target === document.body) { cursor.play(!cursor.playing); event.preventDefault(); }
  };
  document.addEventListener("keydown", keys);
  const off = cursor.on(show);
  show();
  return { el: bar, close: () => { off(); cursor.play(false); document.removeEventListener("keydown", keys); } };
}
