// What of a figure follows the step: frames around the cursor are fetched ahead, and answers that come late are dropped.

const WHOLE = 6 * 2 ** 20; // bytes of frames that are fetched at once
const AHEAD = 4;

export class Frames {
  constructor(ask, bindings, whole = false) {
    this.ask = ask; // (first, count) → arrays; `whole`: all frames are one answer
    this.bindings = bindings;
    this.steps = bindings[0].at.map((place, i) => (typeof place === "number" ? place : stepOf(bindings[0].ticks[i])));
    this.kept = new Map();
    const bytes = bindings.reduce((all, one) => all + (one.bytes ?? 0), 0);
    this.block = whole || bytes <= WHOLE ? this.steps.length : Math.max(1, Math.floor(WHOLE / 8 / Math.max(1, bytes / this.steps.length)));
    this.most = Math.max(4, Math.ceil((96 * 2 ** 20) / Math.max(1, (bytes / this.steps.length) * this.block)));
  }

  // The last tick that is not behind the step.
  tick(step) {
    let at = 0;
    for (let i = 0; i < this.steps.length; i++) if (this.steps[i] <= step) at = i;
    return at;
  }

  // Values of every binding at a tick: at once if they are here, else later.
  get(tick) {
    const block = Math.floor(tick / this.block);
    const found = this.fetched(block);
    if (this.block < this.steps.length) for (const near of [block + 1, block - 1]) if (near >= 0 && near * this.block < this.steps.length) this.fetched(near);
    return found.arrays ? this.cut(found.arrays, tick) : found.promise.then((arrays) => this.cut(arrays, tick));
  }

  fetched(block) {
    let one = this.kept.get(block);
    if (!one) {
      one = {};
      one.promise = this.ask(block * this.block, this.block).then((arrays) => (one.arrays = arrays));
      one.promise.catch(() => this.kept.delete(block));
    }
    this.kept.delete(block);
    this.kept.set(block, one);
    if (this.kept.size > this.most + AHEAD) this.kept.delete(this.kept.keys().next().value);
    return one;
  }

  cut(arrays, tick) {
    const at = tick - arrays.about.first;
    return this.bindings.map((one) => {
      if (one.values) return { ...one, now: one.values[tick], shape: [] };
      const { values, shape } = arrays[one.index], size = shape.slice(1).reduce((all, n) => all * n, 1);
      return { ...one, now: values.subarray(at * size, (at + 1) * size), shape: shape.slice(1) };
    });
  }
}

export function stepOf(text) {
  const found = /\d[\d,]*/.exec(text);
  return found ? Number(found[0].replaceAll(",", "")) : 0;
}
