// All studies under the folders that were opened.

import { button, empty, fill, h, trouble, waiting } from "./dom.js";

export function studiesPage({ source, state, about }) {
  const list = h("div", { class: "cards" }, waiting("Looking for studies …"));
  const el = h("main", { id: "main" }, h("div", { class: "heading" }, h("h1", null, "Studies"), !about.read_only && button("A new study", () => state.set({ page: "train" }, { back: true }))), list);
  source.json("studies").then((studies) => {
    if (!studies.length) {
      return fill(list, empty(`There is no study under ${about.folders.join(", ")}.`,
        h("p", null, "Make one with ", h("code", null, "ontogeny run bottleneck-quick --out DIR"), ", and it appears here.")));
    }
    fill(list, studies.map((one) => card(one, state)));
  }, (error) => fill(list, trouble(error, () => location.reload())));
  return { el };
}

function card(study, state) {
  const open = () => state.set({ s: study.key, page: "runs" }, { back: true });
  const facts = [`${study.runs} run${study.runs === 1 ? "" : "s"}`, study.has.includes("findings") && "findings", study.has.includes("report") && "report"].filter(Boolean);
  return h("article", { class: study.wrong ? "card wrong" : "card" },
    h("h2", null, h("a", { href: `?s=${encodeURIComponent(study.key)}&page=runs`, onclick: (event) => { if (!event.metaKey && !event.ctrlKey) { event.preventDefault(); open(); } } }, study.title || study.name || study.key)),
    study.wrong ? h("p", { class: "bad" }, study.wrong) : h("p", { class: "question" }, study.question || "No question was written down."),
    h("p", { class: "facts" }, facts.join(" · ")), h("p", { class: "path" }, study.path));
}
