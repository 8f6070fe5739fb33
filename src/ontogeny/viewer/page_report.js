// What was set aside while looking: in order, with notes, to be written as a report.

import { button, empty, fill, h, number, say, save, trouble, waiting } from "./dom.js";
import { closing } from "./panel.js";

export function reportPage(app) {
  const { source, state, about } = app, study = state.get("s");
  const list = h("div", null), tools = h("div", { class: "toolbar" }), out = h("div", { role: "status" });
  const el = h("main", { id: "main", class: "report" }, h("h1", null, "Report"), h("p", { class: "muted" }, "Views that you set aside with the note beside them, in the order in which the report shows them."), tools, out, list);
  let items = [], closed = false;
  fill(list, waiting());
  source.json(`s/${study}/kept/report`).then((found) => { items = found; if (!closed) draw(); }, (error) => fill(list, trouble(error)));

  function draw() {
    fill(tools, !about.read_only && items.length > 0 && [["html", "HTML, one file"], ["md", "Markdown"], ["pdf", "PDF"]].map(([format, words]) => button(`Write ${words}`, () => write(format), { main: format === "html" })));
    if (!items.length) return fill(list, empty("Nothing was set aside yet.", h("p", null, "Press the note beside a view, on Explore, to put it here.")));
    fill(list, h("ol", { class: "kept" }, items.map((item, i) => h("li", { class: "panel" }, h("header", null, h("div", null, h("h2", null, item.title || item.view), h("p", { class: "muted small" }, `${item.runs.join(", ")}${item.step === undefined ? "" : ` · step ${number(item.step)}`}`)),
      h("div", { class: "actions" }, button("Open", () => app.open("explore", { run: item.runs[0], step: item.step ?? "", views: [item.view] })),
        !about.read_only && [button("Up", () => move(i, -1), { disabled: i === 0 }), button("Down", () => move(i, 1), { disabled: i === items.length - 1 }), closing(`Take ${item.title || item.view} out`, () => put(items.filter((_, k) => k !== i)))])),
      h("textarea", { class: "note", rows: 3, value: item.note ?? "", placeholder: "What is seen here?", disabled: about.read_only, "aria-label": `Note on ${item.title || item.view}`, onchange: (event) => put(items.map((one, k) => (k === i ? { ...one, note: event.target.value } : one))) })))));
  }

  function move(i, by) {
    const now = [...items];
    [now[i], now[i + by]] = [now[i + by], now[i]];
    put(now);
  }

  async function put(now) {
    try {
      items = await source.post(`s/${study}/kept/report`, { items: now });
      draw();
    } catch (error) {
      fill(out, trouble(error));
    }
  }

  async function write(format) {
    fill(out, waiting(format === "pdf" ? "Printing …" : "Writing …"));
    try {
      const { path, name } = await source.post(`s/${study}/report`, { format });
      if (closed) return;
      fill(out, h("p", { class: "written" }, "Written to ", h("code", null, path), " ", button("Save a copy", async () => save(name, await (await source.ask(`s/${study}/reports/${name}`)).arrayBuffer(), "application/octet-stream"))));
    } catch (error) {
      if (!closed) fill(out, trouble(error));
    }
  }

  return { el, close: () => { closed = true; } };
}

// The note beside a view: it goes into the report as it stands.
export async function setAside(app, study, panel) {
  try {
    const items = await app.source.json(`s/${study}/kept/report`);
    const item = { view: panel.offer.name, runs: panel.runs, title: panel.offer.title, note: "", ...(panel.cursor.step === undefined ? {} : { step: panel.cursor.step }), ...(panel.single ? { single: true } : {}), ...(Object.keys(panel.options).length ? { options: panel.options } : {}) };
    await app.source.post(`s/${study}/kept/report`, { items: [...items, item] });
    say("In the report.");
  } catch (error) {
    say(error.message);
  }
}
