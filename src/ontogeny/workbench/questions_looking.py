"""What the pages Compare, Intervene and Report ask."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np

from ontogeny import registry
from ontogeny.comparing.arranged import arranged
from ontogeny.errors import UserError
from ontogeny.options import describe
from ontogeny.views.order import in_order
from ontogeny.workbench import collection, recipes
from ontogeny.workbench.figures import asked_for, difference
from ontogeny.workbench.given import table, whole
from ontogeny.workbench.packing import pack, plain
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


@question("s/{study}/null")
def null(asked: Questions, study: str, measure: str, by: str = "", order: str = "setting") -> bytes:
    """A measure over all pairs of runs, and beside it what it says of the same runs before they were trained: (run, run) each, in one order.

    What training made is what the one has and the other has not. ``by``: sorted by this setting; ``order="clustered"``: by the tree of the
    trained ones.
    """
    opened = asked.library.study(study)
    with opened.lock:
        store = opened.store.main
        if (runs := sum(bool(entry.checkpoints) for entry in store.entries())) > MANY:
            raise UserError(f"{runs} runs have too many pairs to compare untrained while one waits.")
        trained = arranged(store.comparison(measure), order)
        if order == "setting":
            by = by or store.population.differing[0]
            trained = in_order(in_order(trained, by), by, "run_other")
        before = store.comparison(measure, step=0)["value"]
        before = before.sel(run=trained["run"], run_other=trained["run_other"])
        value = trained["value"]
        pairs = ~np.eye(value.sizes["run"], dtype=bool)
        after, untrained = (one.transpose("run", "run_other").values for one in (value, before))
        names = [opened.run(str(id)).name for id in trained["run"].values]
        kind = str(value.attrs.get("kind", "similarity"))
        return pack(
            {"trained": after, "untrained": untrained},
            plain(
                {
                    "words": value.attrs.get("long_name", measure),
                    "kind": kind,
                    "runs": trained["run"].values,
                    "names": names,
                    "says": beyond(after[pairs], untrained[pairs], kind),
                }
            ),
        )


def beyond(after: np.ndarray, untrained: np.ndarray, kind: str) -> str:
    """How many pairs of trained runs are more alike than any pair of the untrained."""
    after, untrained = (one[np.isfinite(one)] for one in (after, untrained))
    if not (after.size and untrained.size):
        return "No two of these runs could be compared."
    more = after > untrained.max() if kind == "similarity" else after < untrained.min()
    return (
        f"Trained: median {np.median(after):.3g}; untrained: {np.median(untrained):.3g} ({untrained.min():.3g} to {untrained.max():.3g}). "
        f"{more.mean():.0%} of the pairs are more alike than any two of the untrained."
    )


@question("s/{study}/r/{run}/between")
def between(asked: Questions, study: str, run: str, measure: str) -> bytes:
    """How alike the steps of one run are, all pairs: (step, step); and each to those of a run that differs by seeds alone, where there is one."""
    opened = asked.library.study(study)
    with opened.lock:
        one = opened.run(run)
        data = one.compare(measure, "all")["value"]
        arrays = {"value": data.values}
        about = {
            "words": data.attrs.get("long_name", measure),
            "kind": data.attrs.get("kind", "similarity"),
            "steps": data["step"].values,
        }
        if fellows := opened.fellows(one):
            other = one.compare(measure, "all", fellows[0])["value"]
            arrays["null"] = other.transpose("step", ...).values
            about |= {"other": fellows[0].name, "other_steps": fellows[0].steps}
        return pack(arrays, plain(about))


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
    other_study: str = "",
) -> bytes:
    """What a view's map says of one run at a step, minus what it says of another, of this study or of any: where their axes agree."""
    opened = asked.library.study(study)
    beside = asked.library.study(other_study) if other_study else opened
    first = opened, asked_for(view, one, step, options)
    second = beside, asked_for(view, other, other_step, options)
    found, title = difference(asked.figures, first, second)
    about = {"title": title, "axes": found.axes, "ticks": found.ticks, "caution": found.caution}
    return pack({"difference": found.values}, plain(about))


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
