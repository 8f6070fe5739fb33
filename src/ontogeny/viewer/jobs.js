// What works on a study now, and what did: progress, curves as they come, the log, a way to stop it.

import { button, fill, h, number, say, trouble } from "./dom.js";
import { Plot } from "./plot.js";

const OFTEN = 1500; // milliseconds between two looks while something works

const WORDS = { running: "works", done: "done", failed: "failed", stopped: "stopped", died: "died", damaged: "damaged" };

export function jobsOf(app, study) {
  const { source, about } = app, el = h("section", { class: "jobs", "aria-label": "Jobs" });
  let timer = 0, closed = false, curves, shown = "";
  if (study) look();

  async function look() {
    clearTimeout(timer);
    if (closed) return;
    try {
      const jobs = await source.json(`s/${study}/jobs`);
      if (closed) return;
      const working = jobs.find((one) => one.state === "running"), last = jobs[0];
      const key = JSON.stringify([working?.progress, last?.id, last?.state]);
      if (key !== shown) { shown = key; draw(jobs, working); }
      if (working || curves) await live(working);
      // Nothing works: nothing is asked for any more. A page out of sight waits until it is seen.
      if (working) timer = setTimeout(() => (document.hidden ? document.addEventListener("visibilitychange", look, { once: true }) : look()), OFTEN);
    } catch (error) {
      if (!closed) fill(el, trouble(error, look));
    }
  }

  function draw(jobs, working) {
    const one = working ?? jobs[0];
    if (!one) return fill(el);
    const { progress } = one;
    const bar = working && h("div", null, h("progress", { max: 1, value: progress?.share ?? null, "aria-label": "Progress" }), h("p", { class: "small" }, progress ? `${progress.stage} ${Math.round(progress.share * 100)} % · ${progress.what} · ${progress.gone}${progress.left ? ` · about ${progress.left} left` : ""}` : "Starting …"));
    const log = h("details", { class: "fold" }, h("summary", null, "Log"), h("pre", { class: "log", tabIndex: 0 }));
    log.addEventListener("toggle", async () => { if (log.open) log.lastChild.textContent = (await source.json(`s/${study}/jobs/${one.id}`)).log || "Nothing was written yet."; });
    const again = !working && !about.read_only && one.words[0] === "run" && one.state !== "done";
    const plots = el.querySelector(".live");
    fill(el, h("div", { class: "job-card" }, h("header", null, h("span", { class: `state ${one.state}` }, WORDS[one.state]), h("code", null, `ontogeny ${short(one.words)}`), h("span", { class: "muted small" }, new Date(one.begun * 1000).toLocaleString("en-GB")),
      working && !about.read_only && button("Stop", () => stop(one)), again && button("Resume", resume, { main: true })),
      one.why && h("p", { class: "bad", role: "alert" }, one.why), bar, plots ?? (working && h("div", { class: "live" })), log),
      jobs.length > 1 && h("details", { class: "fold" }, h("summary", null, `${jobs.length - (one === jobs[0] ? 1 : 0)} earlier`), jobs.filter((job) => job !== one).map((job) => h("p", { class: "small" }, h("span", { class: `state ${job.state}` }, WORDS[job.state]), " ", h("code", null, `ontogeny ${short(job.words)}`), " ", job.why))));
  }

  // One line a run of what is logged, as it comes.
  async function live(working) {
    const place = el.querySelector(".live");
    if (!place || working?.words[0] !== "run") return;
    const [Plotly, found] = await Promise.all([source.plotly(), source.arrays(`s/${study}/live`)]);
    if (closed || !found.step.values.length) return;
    const data = [];
    let at = 0;
    found.about.lengths.forEach((n, i) => {
      data.push({ type: "scatter", mode: "lines", x: Array.from(found.step.values.subarray(at, at + n)), y: Array.from(found.value.values.subarray(at, at + n)), name: found.about.names[i], line: { width: 1.3, color: about.palette[i % about.palette.length] }, showlegend: found.about.lengths.length <= 8, hovertemplate: `${found.about.names[i].replaceAll("<", "‹")}<br>step %{x:,}: <b>%{y:.4g}</b><extra></extra>` });
      at += n;
    });
    const layout = { template: structuredClone(about.template), height: 260, margin: { l: 56, r: 14, t: 26, b: 44 }, xaxis: { title: { text: "optimiser updates" } }, yaxis: { title: { text: "held-out loss (nats)" }, type: "log", exponentformat: "power", dtick: 1 }, meta: { narrow: {} } };
    if (!curves || !place.contains(curves.el)) {
      curves?.close();
      curves = new Plot(Plotly, { figure: { data, layout } });
      fill(place, curves.el);
      await curves.draw();
    } else await curves.change({ data, layout });
  }

  async function stop(job) {
    await source.post(`s/${study}/jobs/${job.id}/stop`, {}).catch((error) => say(error.message));
    say("It stops after what it is at; what was committed is kept.");
    timer = setTimeout(look, OFTEN);
  }

  async function resume() {
    await source.post(`s/${study}/again`, {}).catch((error) => say(error.message));
    look();
  }

  return { el, look, close: () => { closed = true; clearTimeout(timer); curves?.close(); } };
}

// A command without the folders that everybody knows.
function short(words) {
  return words.map((word) => word.split("/").slice(-2).join("/")).join(" ");
}

// A lens is computed for a run while one waits: a bar, then whatever was asked for.
export function computing(app, study, run, offer, done) {
  const { source, about } = app, place = h("div", { class: "computing" });
  if (about.read_only) return h("p", { class: "muted small" }, "This workbench is read-only.");
  const begin = async () => {
    try {
      const job = await source.post(`s/${study}/look`, { lenses: offer.lenses, run: run.id });
      const watch = async () => {
        if (!place.isConnected) return;
        const now = await source.json(`s/${study}/jobs/${job.id}`);
        if (now.state === "running") {
          fill(place, h("progress", { max: 1, value: now.progress?.share ?? null, "aria-label": "Progress" }), h("p", { class: "small" }, now.progress ? `${number(Math.round(now.progress.share * 100))} % · ${now.progress.what}` : "Looking at every step …"));
          setTimeout(watch, 700);
        } else if (now.state === "done") done();
        else fill(place, trouble(new Error(now.why || "It was stopped."), begin));
      };
      fill(place, h("progress", { max: 1, "aria-label": "Progress" }));
      watch();
    } catch (error) {
      fill(place, trouble(error, begin));
    }
  };
  fill(place, button("Compute it", begin, { main: true }));
  return place;
}
