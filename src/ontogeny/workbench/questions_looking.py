"""What the pages Compare, Intervene and Report ask."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np

from ontogeny import registry
from ontogeny.errors import UserError
from ontogeny.options import describe
from ontogeny.workbench import collection, recipes
from ontogeny.workbench.figures import asked_for, difference
from ontogeny.workbench.given import table, whole
from ontogeny.workbench.packing import pack
from ontogeny.workbench.questions import Questions, question

MANY = 100  # runs of which all pairs are compared while one waits
MOST_FAILING = 200  # inputs that are listed
#: Interventions that need a function or an array, which a form cannot give.
IN_PYTHON = ("replace_by_function", "replace_tap")


# -- compare ---------------------------------------------------------------------------------------------------------


@question("s/{study}/measures")
def measures(asked: Questions, study: str) -> list[dict[str, Any]]:
    """Measures over all pairs of runs: on disk, or few enough runs to compare while one waits."""
    opened = asked.library.study(study)
    found = []
    with opened.lock:
        there = {one.name for one in opened.store.index.comparisons.values()}
        few = sum(bool(entry.checkpoints) for entry in opened.store.entries()) <= MANY
        for name, measure in registry.measures.items():
            if name in there or few:
                found.append(
                    {"name": name, "words": measure.question, "kind": measure.kind, "there": name in there}
                )
    return sorted(found, key=lambda one: not one["there"])


@question("s/{study}/r/{run}/between")
def between(asked: Questions, study: str, run: str, measure: str) -> bytes:
    """How alike the steps of one run are, all pairs: (step, step)."""
    opened = asked.library.study(study)
    with opened.lock:
        one = opened.run(run)
        data = one.compare(measure, "all")["value"]
        words = {"words": data.attrs.get("long_name", measure), "kind": data.attrs.get("kind", "similarity")}
        return pack({"value": data.values}, {"steps": [int(s) for s in data["step"].values], **words})


@question("s/{study}/difference")
def differing(
    asked: Questions,
    study: str,
    view: str,
    one: str,
    other: str,
    step: str,
    other_step: str,
    options: str = "{}",
) -> bytes:
    """What a view's map says of one run at a step, minus what it says of another: where their axes agree."""
    opened = asked.library.study(study)
    first = asked_for(view, one, step, options)
    second = asked_for(view, other, other_step, options)
    values, title = difference(asked.figures, opened, first, second)
    return pack({"difference": values}, {"title": title})


@question("s/{study}/events")
def events(asked: Questions, study: str, runs: str) -> dict[str, Any]:
    """The step at which each of these runs groks, where the lens of events is on disk."""
    opened = asked.library.study(study)
    found = {}
    with opened.lock:
        for id in runs.split(","):
            run = opened.run(id)
            if opened.fresh(run, "learning_events"):
                data = opened.look(run, "learning_events")
                if "grokked" in data:
                    found[id] = float(data["grokked"])
    return {"grokked": found}


# -- intervene -------------------------------------------------------------------------------------------------------


@question("s/{study}/r/{run}/interventions")
def interventions(asked: Questions, study: str, run: str) -> dict[str, Any]:
    """What can be done to a run's forward pass, at which taps, and what was kept under a name."""
    opened = asked.library.study(study)
    one = opened.run(run)
    if why := opened.obstacle(one, "performance"):
        raise UserError(f"Interventions edit the forward pass, and of this run there is none: {why}.")
    kinds = [
        {
            "kind": kind,
            "help": describe(cls).replace("`", ""),
            "fields": list(recipes.settings("change", cls)),
            "taps": any(f.name == "tap" for f in fields(cls)),
        }
        for kind, cls in registry.interventions.items()
        if kind not in IN_PYTHON
    ]
    taps = {name: list(axes[1:]) for name, axes in one.member.architecture.taps.items()}
    return {"kinds": kinds, "taps": taps, "kept": collection.kept(opened.place.root, "interventions")}


@question("s/{study}/r/{run}/effect")
def effect(asked: Questions, study: str, run: str, step: str, under: str) -> dict[str, Any]:
    """Loss, accuracy and what else is measured, before and after; and the inputs that fail after and did not before."""
    opened = asked.library.study(study)
    at = whole("step", step)
    changes = table("under", under, list)
    with opened.lock:
        one = opened.run(run)
        before, after = (opened.look(one, "performance", at, changed) for changed in ((), changes))
        rows = []
        for name in before.data_vars:
            for part in before["split"].values.tolist():
                pair = [float(data[name].sel(split=part).isel(step=0)) for data in (before, after)]
                rows.append({"what": str(name), "part": part, "before": pair[0], "after": pair[1]})
        failing: list[list[int]] = []
        count = None
        if not opened.obstacle(one, "error_grid"):
            wrong = [
                opened.look(one, "error_grid", at, changed)["error"].isel(step=0).values != 0
                for changed in ((), changes)
            ]
            new = np.argwhere(wrong[1] & ~wrong[0])
            failing, count = new[:MOST_FAILING].tolist(), len(new)
        python = (
            f'import ontogeny as on\n\nrun = on.open("{opened.place.root}").run("{one.id}")\n'
            f"under = {json.dumps(changes)}\n"
            f'run.change("performance", under, steps=[{at}])'
        )
        return {"rows": rows, "failing": failing, "count": count, "python": python}


# -- what is kept ----------------------------------------------------------------------------------------------------


@question("s/{study}/kept/{what}")
def kept(asked: Questions, study: str, what: str) -> list[dict[str, Any]]:
    return collection.kept(asked.library.folders.place(study).root, what)


@question("s/{study}/kept/{what}", "POST")
def keep(asked: Questions, study: str, what: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return collection.keep(asked.library.study(study).place.root, what, items)


@question("s/{study}/report", "POST")
def report(asked: Questions, study: str, format: str) -> dict[str, Any]:
    """Write the report of what was set aside; says where it lies."""
    opened = asked.library.study(study)
    with opened.lock:
        path = collection.write(opened, asked.figures, format)
    return {"path": str(path), "name": path.name}


@question("s/{study}/reports/{name}")
def written(asked: Questions, study: str, name: str) -> bytes:
    """A report that was written, to be saved."""
    opened = asked.library.study(study)
    if name not in (f"workbench.{format}" for format in collection.FORMATS):
        raise UserError(f"There is no report called {name!r}.")
    path = opened.store.directory.report / name
    if not path.is_file() or not asked.library.folders.holds(path):
        raise UserError(f"{name} was not written yet.")
    return path.read_bytes()
