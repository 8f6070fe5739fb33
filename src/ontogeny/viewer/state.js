// What is shown, as one flat object of words: the query of the address, or a notebook's model. Whoever cares listens to its keys.

export class State {
  constructor(values = {}, keep = () => {}) {
    this.values = values;
    this.keep = keep; // (values, whether a step back should lead here)
    this.listeners = new Set();
  }

  get(key, otherwise = "") {
    return this.values[key] ?? otherwise;
  }

  list(key) {
    return this.get(key) ? this.get(key).split(",") : [];
  }

  // `back`: whether Back returns to what was before. A cursor that moves does not fill the history.
  set(changes, { back = false } = {}) {
    const before = this.values;
    this.values = { ...before };
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "" || value?.length === 0) delete this.values[key];
      else this.values[key] = Array.isArray(value) ? value.join(",") : String(value);
    }
    this.tell(before);
    this.keep(this.values, back);
  }

  replace(values) {
    const before = this.values;
    this.values = values;
    this.tell(before);
  }

  tell(before) {
    const changed = new Set([...Object.keys(before), ...Object.keys(this.values)].filter((key) => before[key] !== this.values[key]));
    for (const one of [...this.listeners]) if (!one.keys || one.keys.some((key) => changed.has(key))) one.act(changed);
  }

  // Returns what ends it.
  on(keys, act) {
    const one = { keys, act };
    this.listeners.add(one);
    return () => this.listeners.delete(one);
  }
}

const READABLE = { "%2C": ",", "%3A": ":", "%7E": "~", "%2B": "+" };

export function query(values) {
  const text = new URLSearchParams(values).toString();
  return text.replace(/%2C|%3A|%7E/g, (code) => READABLE[code]);
}

// The address is the state. Writing it often is refused by browsers, so what only moves is written when it rests.
export function addressState() {
  const read = () => Object.fromEntries(new URLSearchParams(location.search));
  let timer = 0, waits = null;
  const rest = () => { clearTimeout(timer); if (waits !== null) history.replaceState(null, "", waits); waits = null; };
  const state = new State(read(), (values, back) => {
    const address = Object.keys(values).length ? `?${query(values)}` : location.pathname;
    if (back) { rest(); history.pushState(null, "", address); return; }
    clearTimeout(timer);
    waits = address;
    timer = setTimeout(rest, 120);
  });
  addEventListener("popstate", () => { clearTimeout(timer); waits = null; state.replace(read()); });
  return state;
}
