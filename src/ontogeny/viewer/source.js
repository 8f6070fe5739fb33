// Where answers come from. The app asks its server; a notebook asks its kernel; an exported copy reads its files. All answer alike.

import { query } from "./state.js";

export class ServerSource {
  constructor(base = "") {
    this.base = base;
  }

  async ask(path, given = {}, signal) {
    const words = query(given);
    let answer;
    try {
      answer = await fetch(`${this.base}/api/${path}${words ? `?${words}` : ""}`, { signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The workbench does not answer: has its command been ended? Start it again and reload this page.");
    }
    return heard(answer);
  }

  async json(path, given, signal) {
    return (await this.ask(path, given, signal)).json();
  }

  async arrays(path, given, signal) {
    return unpack(await (await this.ask(path, given, signal)).arrayBuffer());
  }

  async post(path, body) {
    const answer = await fetch(`${this.base}/api/${path}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    return (await heard(answer)).json();
  }

  plotly() {
    return (this.loading ??= script(`${this.base}/plotly.js`).then(() => globalThis.Plotly));
  }
}

async function heard(answer) {
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The workbench answered ${answer.status}.`);
}

export function script(src) {
  return new Promise((resolve, reject) => {
    const el = document.createElement("script");
    el.src = src;
    el.onload = resolve;
    el.onerror = () => reject(new Error(`${src} could not be loaded.`));
    document.head.append(el);
  });
}

const TYPES = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

// The form of ontogeny.workbench.packing: a header in JSON, then the arrays.
export function unpack(buffer, from = 0) {
  const length = new DataView(buffer, from, 4).getUint32(0, true);
  const { arrays, ...about } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, from + 4, length)));
  let at = from + 4 + length;
  const found = {};
  for (const { name, dtype, shape } of arrays) {
    const count = shape.reduce((all, one) => all * one, 1);
    const values = new TYPES[dtype](buffer, at, count);
    found[name] = { values, shape };
    at += values.byteLength + ((8 - (values.byteLength % 8)) % 8);
  }
  return { ...found, about };
}

// Answers that may be asked for again, the last ones kept; the same question is on its way only once.
export class Kept {
  constructor(ask, most = 64) {
    this.ask = ask;
    this.most = most;
    this.kept = new Map();
  }

  has(key) {
    return this.kept.get(key)?.value;
  }

  get(key, ...words) {
    let one = this.kept.get(key);
    if (!one) {
      one = { promise: this.ask(key, ...words) };
      one.promise.then((value) => { one.value = value; }, () => this.kept.delete(key));
    }
    this.kept.delete(key);
    this.kept.set(key, one);
    if (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value);
    return one.promise;
  }
}
