// The app: a head, the page that the state names, and what pages share.

import { fill, h, trouble } from "./dom.js";
import { comparePage } from "./page_compare.js";
import { explorePage } from "./page_explore.js";
import { intervenePage } from "./page_intervene.js";
import { neuronsPage } from "./page_neurons.js";
import { computing } from "./jobs.js";
import { reportPage } from "./page_report.js";
import { runsPage } from "./page_runs.js";
import { studiesPage } from "./page_studies.js";
import { trainPage } from "./page_train.js";

const PAGES = { runs: ["Runs", runsPage], explore: ["Explore", explorePage], neurons: ["Neurons", neuronsPage], compare: ["Compare", comparePage], intervene: ["Intervene", intervenePage], train: ["Train", trainPage], report: ["Report", reportPage] };
const KEPT = ["s", "run", "step", "pick", "filter", "sort", "cols", "runs"]; // what goes along from page to page

export class App {
  constructor(source, state, about, el) {
    Object.assign(this, { source, state, about, el, look: about });
    this.header = h("header", { class: "top" });
    this.place = h("div", { class: "page" });
    fill(el, h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); this.place.querySelector("#main")?.setAttribute("tabindex", "-1"); this.place.querySelector("#main")?.focus(); } }, "To the content"), this.header, this.place);
    this.off = state.on(["s", "page"], () => this.again());
    this.again();
  }

  // What must be computed for all steps of a run is offered with a button.
  compute(study, run, offer, done) {
    return computing(this, study, run, offer, done);
  }

  // Another page, with what this one has chosen.
  open(page, changes = {}) {
    const { values } = this.state;
    const kept = Object.fromEntries(KEPT.filter((key) => values[key]).map((key) => [key, values[key]]));
    const rest = Object.fromEntries(Object.keys(values).map((key) => [key, ""]));
    this.state.set({ ...rest, ...kept, page, ...changes }, { back: true });
  }

  again() {
    this.page?.close?.();
    const study = this.state.get("s"), asked = this.state.get("page"), name = PAGES[asked] ? asked : "runs";
    this.head(study, name);
    try {
      this.page = study || name === "train" ? PAGES[name][1](this) : studiesPage(this);
      fill(this.place, this.page.el);
    } catch (error) {
      fill(this.place, h("main", { id: "main" }, trouble(error)));
      throw error;
    }
    if (this.el.id !== "app") return; // in a cell, the page is somebody else's
    scrollTo(0, 0);
    document.title = [study ? PAGES[name][0] : "Studies", study, "Ontogeny"].filter(Boolean).join(" – ");
  }

  head(study, name) {
    const home = h("a", { href: location.pathname, class: "brand", onclick: (event) => { event.preventDefault(); this.state.set(Object.fromEntries(Object.keys(this.state.values).map((key) => [key, ""])), { back: true }); } }, "Ontogeny");
    fill(this.header, home, study && h("span", { class: "where" }, study),
      study && h("nav", { "aria-label": "Pages of the study" }, Object.entries(PAGES).map(([key, [words]]) =>
        h("button", { type: "button", class: "tab", "aria-current": key === name ? "page" : null, onclick: () => this.open(key) }, words))),
      this.about.read_only && h("span", { class: "muted" }, "read-only"));
  }

  close() {
    this.off();
    this.page?.close?.();
  }
}

export async function openApp(source, state, el) {
  el.classList.add("ontogeny");
  try {
    return new App(source, state, await source.json("about"), el);
  } catch (error) {
    fill(el, h("main", { id: "main" }, trouble(error, () => location.reload())));
  }
}
