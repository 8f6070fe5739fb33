"""What the page Train asks: recipes as form and text, plans, and jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.store.directory import Directory
from ontogeny.store.files import write_text
from ontogeny.study import Study
from ontogeny.workbench import jobs, recipes
from ontogeny.workbench.packing import pack
from ontogeny.workbench.questions import Questions, question

MOST_LINES = 64  # runs whose curves are shown while they train
POINTS = 400  # of each


@question("form")
def form(asked: Questions) -> dict[str, Any]:
    """The form, recipes to begin with, and the folders in which a study can be made."""
    roots = [str(root) for root in asked.library.folders.roots if not (root / "study.toml").is_file()]
    return {"sections": recipes.form(), "starts": recipes.starts(), "roots": roots}


@question("s/{study}/recipe")
def recipe(asked: Questions, study: str) -> dict[str, Any]:
    """The recipe of a study, as its file has it."""
    place = asked.library.folders.place(study)
    lines = (place.root / "study.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    return {"text": "".join(line for line in lines if not line.startswith("# ontogeny-seal"))}


@question("recipe/read", "POST")
def read(asked: Questions, text: str) -> dict[str, Any]:
    """What a text sets, and what is wrong with it."""
    study, problems = recipes.read(text)
    try:
        said = recipes.values(text)
    except UserError as error:
        return {"values": None, "problems": [{"key": "", "text": str(error)}]}
    return {"values": said, "problems": problems, "runs": len(study.variants()) if study else None}


@question("recipe/set", "POST")
def put(asked: Questions, text: str, path: str, value: Any = None) -> dict[str, Any]:
    """The text with one key set."""
    recipes.values(text)
    text = recipes.changed(text, path, value)
    return {"text": text, **read(asked, text)}


@question("recipe/plan", "POST")
def plan(asked: Questions, text: str, **where: Any) -> dict[str, Any]:
    """What carrying it out would mean."""
    study, problems = recipes.read(text)
    if study is None:
        return {"problems": problems}
    try:
        return {"problems": [], **recipes.preview(study, target(asked, study, where))}
    except UserError as error:
        return {"problems": [recipes.problem(str(error))]}


@question("recipe/time", "POST")
def lasting(asked: Questions, text: str, **where: Any) -> dict[str, Any]:
    """How long the training would take; it is measured, so the answer takes some seconds."""
    study, problems = recipes.read(text)
    if study is None:
        raise UserError(problems[0]["text"])
    return recipes.lasting(study, target(asked, study, where))


def target(asked: Questions, study: Study, where: dict[str, Any]) -> Path:
    """The folder of a study: one that is there, or a new one under a folder that was opened."""
    if key := where.get("study"):
        return asked.library.folders.place(str(key)).root
    roots = {str(root): root for root in asked.library.folders.roots}
    root = roots.get(str(where.get("root", "")))
    if root is None or (root / "study.toml").is_file():
        raise UserError("Say under which of the folders that were opened the new study lies.")
    out = root / recipes.where(where)
    if not asked.library.folders.holds(out):
        raise UserError(f"{out} is a link that leads out of the folders that were opened.")
    return out


@question("jobs/run", "POST")
def run(asked: Questions, text: str, **where: Any) -> dict[str, Any]:
    """Train, look, compare, find and report what a recipe asks for."""
    study, problems = recipes.read(text)
    if study is None:
        raise UserError(problems[0]["text"])
    out = target(asked, study, where)
    recipes.preview(study, out)
    if not (out / "study.toml").is_file():  # a new study has an address at once, not when its job comes to it
        directory = Directory.create(out, study)
        with directory.lock("the workbench"):
            directory.write_study(study)
    id = jobs.new_id()
    path = out / "jobs" / f"{id}.toml"
    write_text(path, text)
    job = jobs.begin(out, ["run", str(path), "--out", str(out), "--commit-every", "3"], id)
    key = next((one.key for one in asked.library.folders.places() if one.root == out), "")
    return {**job, "study": key, "folder": out.name}


@question("s/{study}/again", "POST")
def again(asked: Questions, study: str) -> dict[str, Any]:
    """Go on where a study was: its own recipe once more."""
    root = asked.library.folders.place(study).root
    return jobs.begin(root, ["run", str(root / "study.toml"), "--out", str(root), "--commit-every", "3"])


@question("s/{study}/look", "POST")
def look(asked: Questions, study: str, lenses: list[str], run: str) -> dict[str, Any]:
    """Look through lenses at every step of a run."""
    opened = asked.library.study(study)
    one = opened.run(run)
    for lens in lenses:
        if why := opened.obstacle(one, lens):
            raise UserError(f"The lens '{lens}' cannot look at this run: {why}.")
    words = [word for lens in lenses for word in ("--lens", lens)]
    return jobs.begin(opened.place.root, ["look", str(opened.place.root), *words, "--run", one.id])


@question("jobs")
def every(asked: Questions) -> list[dict[str, Any]]:
    """Jobs of all studies, and of folders in which one is about to be made; those that work first."""
    found = [
        {**job, "study": place.key, "title": place.root.name}
        for place in asked.library.folders.places()
        for job in jobs.jobs(place.root)[:5]
    ]
    return sorted(found, key=lambda one: (one["state"] != "running", -one["begun"]))


@question("s/{study}/jobs")
def of_study(asked: Questions, study: str) -> list[dict[str, Any]]:
    return jobs.jobs(asked.library.folders.place(study).root)


@question("s/{study}/jobs/{job}")
def one_job(asked: Questions, study: str, job: str) -> dict[str, Any]:
    """One job with its log; once it has ended, what it made is seen at the next question."""
    place = asked.library.folders.place(study)
    said = jobs.job(place.root, job)
    if said["state"] != "running":
        asked.library.look_again(place)
    return said


@question("s/{study}/jobs/{job}/stop", "POST")
def stop(asked: Questions, study: str, job: str) -> dict[str, Any]:
    return jobs.stop(asked.library.folders.place(study).root, job)


@question("s/{study}/live")
def live(asked: Questions, study: str, column: str = "") -> bytes:
    """One logged column of the first runs as it stands now: step and value, run after run. Reads the logs alone."""
    root = asked.library.folders.place(study).root
    if strays := asked.library.folders.strays(root):
        raise UserError(strays)
    opened = asked.library.study(study)
    steps, values, ends, names, columns = [], [], [], [], dict[str, None]()
    for entry in opened.store.entries()[:MOST_LINES]:
        table = opened.store.directory.run(entry.id).metrics()
        columns |= dict.fromkeys(c for c in table.columns if str(c).endswith(("_loss", "_accuracy")))
        wanted = column or next(
            (c for c in columns if "loss" in c and not c.startswith(("train", "all"))), "train_loss"
        )
        if wanted not in table:
            continue
        keep = np.unique(np.linspace(0, len(table) - 1, POINTS).round().astype(int))
        steps.append(table["step"].to_numpy()[keep])
        values.append(table[wanted].to_numpy()[keep])
        ends.append(len(keep))
        names.append(", ".join(f"{k}={v}" for k, v in entry.record.get("varied", {}).items()) or entry.id)
    joined = {
        "step": np.concatenate(steps) if steps else np.zeros(0),
        "value": np.concatenate(values) if values else np.zeros(0),
    }
    return pack(joined, {"lengths": ends, "names": names, "columns": list(columns), "column": column})
