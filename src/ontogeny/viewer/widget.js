// The viewer in a notebook: questions go to the kernel, and what is shown is a trait that Python reads.

import { openApp } from "./app.js";
import { unpack } from "./source.js";
import { State } from "./state.js";

class KernelSource {
  constructor(model) {
    this.model = model;
    this.next = 0;
    this.open = new Map();
    model.on("msg:custom", (said, buffers) => {
      const one = this.open.get(said.number);
      this.open.delete(said.number);
      if (!one) return;
      if (said.error) one.reject(new Error(said.error));
      else one.resolve({ json: said.json, buffer: buffers?.[0] });
    });
  }

  ask(path, given = {}) {
    const number = this.next++;
    const words = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
    return new Promise((resolve, reject) => {
      this.open.set(number, { resolve, reject });
      this.model.send({ number, path, given: words });
    });
  }

  async json(path, given) {
    return (await this.ask(path, given)).json;
  }

  async arrays(path, given) {
    const { buffer } = await this.ask(path, given);
    return unpack(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength));
  }

  async post() {
    throw new Error("A notebook looks; to change anything, use Python or the workbench.");
  }

  plotly() {
    return (this.loading ??= globalThis.Plotly ? Promise.resolve(globalThis.Plotly) : this.ask("plotly.js").then(({ buffer }) => {
      const el = document.createElement("script");
      el.textContent = new TextDecoder().decode(buffer);
      document.head.append(el);
      return globalThis.Plotly;
    }));
  }
}

async function renderWidget({ model, el }) {
  el.style.maxHeight = `${model.get("height")}px`;
  el.style.overflow = "auto";
  const state = new State({ ...model.get("state") }, (values) => { model.set("state", values); model.save_changes(); });
  model.on("change:state", () => { if (JSON.stringify(model.get("state")) !== JSON.stringify(state.values)) state.replace({ ...model.get("state") }); });
  const place = document.createElement("div");
  place.classList.add("in-cell");
  el.append(place);
  const app = await openApp(new KernelSource(model), state, place);
  return () => app?.close();
}
