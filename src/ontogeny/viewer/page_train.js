// A recipe as a form and as text, each of which edits the other; what it would mean; and the jobs that carry it out.

import { button, copy, empty, fill, h, number, say, trouble, waiting } from "./dom.js";
import { formOf } from "./form.js";
import { jobsOf } from "./jobs.js";

const drafts = new Map(); // texts that were begun, by study, so that another page does not lose them
const PAUSE = 350; // milliseconds after a key before the text is read

export function trainPage(app) {
  const { source, state, about } = app, study = state.get("s");
  const watching = jobsOf(app, study);
  const problems = h("div", { role: "alert" }), place = h("div", { class: "toolbar" }), fields = h("div", { class: "form" }), plan = h("section", { class: "plan", "aria-label": "What this would mean" });
  const text = h("textarea", { class: "toml", spellcheck: false, "aria-label": "The recipe as TOML", oninput: () => { clearTimeout(timer); timer = setTimeout(() => take(text.value), PAUSE); } });
  const el = h("main", { id: "main", class: "train" }, h("h1", null, study ? "Train" : "A new study"), watching.el,
    about.read_only ? empty("This workbench is read-only; nothing can be begun from it.") : [place, problems, plan, h("div", { class: "recipe" }, fields, h("div", { class: "toml-side" }, h("h2", null, "The same as TOML"), text))]);
  let form, timer = 0, ticket = 0, closed = false, view;
  if (!about.read_only) begin();

  async function begin() {
    try {
      fill(fields, waiting("Reading the schema …"));
      form = await source.json("form");
      const own = study ? (await source.json(`s/${study}/recipe`)).text : form.starts.find((one) => one.name === "bottleneck-quick")?.text ?? "";
      if (closed) return;
      where();
      view = formOf(form.sections, (path, value) => put(path, value));
      fill(fields, view.el);
      await take(drafts.get(study) ?? own, true);
    } catch (error) {
      fill(fields, trouble(error));
    }
  }

  const target = {};
  function where() {
    const start = h("select", { "aria-label": "Begin with", onchange: (event) => { const found = form.starts.find((one) => one.name === event.target.value); if (found) take(found.text, true); } },
      h("option", { value: "" }, "a recipe …"), form.starts.map((one) => h("option", { value: one.name }, one.name)));
    const kids = [h("label", { class: "field" }, h("span", null, "Begin with"), start)];
    if (study) { target.study = study; kids.push(h("p", { class: "muted small" }, "This goes on with the study that is open: what is there stays, what is missing is done.")); }
    else if (!form.roots.length) kids.push(h("p", { class: "muted" }, "Only single studies were opened; start the workbench on a folder to make a new one in it."));
    else {
      [target.root] = form.roots;
      target.folder = "";
      kids.push(h("label", { class: "field" }, h("span", null, "In"), h("select", { onchange: (event) => { target.root = event.target.value; preview(); } }, form.roots.map((root) => h("option", { value: root }, root)))),
        h("label", { class: "field" }, h("span", null, "Folder"), h("input", { type: "text", value: "", placeholder: "my-study", oninput: (event) => { target.folder = event.target.value; clearTimeout(timer); timer = setTimeout(preview, PAUSE); } })));
    }
    fill(place, kids);
  }

  // A text is taken: the form follows, and what is wrong is shown where it is wrong.
  async function take(now, into) {
    const mine = ++ticket;
    if (into) text.value = now;
    drafts.set(study, now);
    try {
      const said = await source.post("recipe/read", { text: now });
      if (mine === ticket && !closed) shown(said);
    } catch (error) {
      fill(problems, trouble(error));
    }
  }

  async function put(path, value) {
    const mine = ++ticket;
    try {
      const said = await source.post("recipe/set", { text: text.value, path, value });
      if (mine !== ticket || closed) return;
      text.value = said.text;
      drafts.set(study, said.text);
      shown(said);
    } catch (error) {
      fill(problems, trouble(error));
    }
  }

  function shown(said) {
    if (said.values) view.show(said.values);
    wrong(said.problems);
    if (!said.problems.length) preview();
    else fill(plan, h("p", { class: "muted" }, "What is wrong comes first; then this says what the recipe would do."));
  }

  function wrong(list) {
    const left = view.wrong(list);
    fill(problems, left.map((one) => h("div", { class: "trouble" }, one.key && h("b", null, `${one.key}: `), one.text)));
  }

  async function preview() {
    if (!study && !target.folder) return fill(plan, h("p", { class: "muted" }, "Name a folder for it; then this says how much there is to do."));
    const mine = ++ticket;
    fill(plan, waiting("Counting what there is to do …"));
    try {
      const said = await source.post("recipe/plan", { text: text.value, ...target });
      if (mine !== ticket || closed) return;
      if (said.problems.length) { wrong(said.problems); return fill(plan); }
      fill(plan, planned(said));
      if (said.updates > 0) lasting(mine);
    } catch (error) {
      if (mine === ticket) fill(plan, trouble(error, preview));
    }
  }

  // A few updates are taken on the machine that would train; that takes some seconds, and what comes too late is dropped.
  const time = h("span", { role: "status" });
  async function lasting(mine) {
    time.textContent = "measuring how long it takes …";
    try {
      const said = await source.post("recipe/time", { text: text.value, ...target });
      if (mine === ticket && !closed) time.textContent = said.words ? `about ${said.words} of training here (${number(said.updates)} updates were tried)` : "";
    } catch {
      if (mine === ticket) time.textContent = ""; // what is wrong is said where it is wrong
    }
  }

  function planned(said) {
    time.textContent = "";
    const todo = said.plan.length > 0;
    const facts = [`${number(said.runs)} runs`, `${number(said.there)} there already`, `${number(said.updates)} updates to train`, `about ${said.disk_words} of weights`, time];
    return [
      h("h2", null, todo ? "What this would do" : "Nothing to do"), h("p", { class: "facts" }, facts.map((one) => (one === time ? time : h("span", null, one)))),
      todo && h("table", { class: "plain" }, h("thead", null, h("tr", null, ["stage", "what", "why"].map((one) => h("th", { scope: "col" }, one)))), h("tbody", null, said.plan.map((row) => h("tr", null, h("td", null, row.stage), h("td", null, row.what), h("td", null, row.why))))),
      said.notes.map((note) => h("p", { class: "muted small" }, note)),
      h("div", { class: "actions" }, todo && button("Start", start, { main: true }), button("Copy the recipe", () => copy(text.value))),
      todo && h("p", { class: "muted small" }, "It runs in a process of its own, as ", h("code", null, "ontogeny run"), " would, and goes on when this page or the workbench is closed."),
    ];
  }

  async function start() {
    try {
      const job = await source.post("jobs/run", { text: text.value, ...target });
      say("Started.");
      drafts.delete(study);
      if (!study) app.open("train", { s: job.study || job.folder });
      else watching.look();
    } catch (error) {
      fill(problems, trouble(error));
      problems.scrollIntoView({ block: "center" });
    }
  }

  return { el, close: () => { closed = true; clearTimeout(timer); watching.close(); } };
}
