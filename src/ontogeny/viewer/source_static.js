// Answers of an exported copy: scripts that hand over what was answered when it was made.

import { script, unpack } from "./source.js";

export class StaticSource {
  constructor(index) {
    this.index = index;
    this.scripts = new Map();
    this.answers = new Map();
    this.whole = true; // frames of a figure are one answer
    globalThis.ontogenyAnswers = (_, said) => { for (const [key, value] of Object.entries(said)) this.answers.set(key, value); };
  }

  async found(path, given = {}) {
    const words = Object.keys(given).sort().map((name) => `${name}=${encodeURIComponent(given[name]).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`).join("&");
    const key = `${path}?${words}`;
    if (!(key in this.index)) throw new Error("This copy of the workbench does not hold that. Open the study itself: ontogeny workbench DIR.");
    const place = this.index[key];
    if (!this.scripts.has(place)) this.scripts.set(place, script(`answers/${place}.js`));
    await this.scripts.get(place);
    return this.answers.get(key);
  }

  async json(path, given) {
    const { j, b } = await this.found(path, given);
    if (j === undefined && b === undefined) throw new Error("This copy of the workbench is damaged.");
    if (j?.error) throw new Error(j.error);
    return structuredClone(j);
  }

  async arrays(path, given) {
    const { b, j } = await this.found(path, given);
    if (!b) throw new Error(j?.error ?? "This copy of the workbench is damaged.");
    return unpack(Uint8Array.from(atob(b), (c) => c.charCodeAt(0)).buffer);
  }

  async ask() {
    throw new Error("This is a copy to be read.");
  }

  post() {
    return this.ask();
  }

  plotly() {
    return (this.loading ??= script("plotly.js").then(() => globalThis.Plotly));
  }
}
