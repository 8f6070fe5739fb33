"""What views and findings read, by the words they read it with; a view is handed the one run and the steps that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ontogeny import registry
from ontogeny.comparing.arranged import arranged
from ontogeny.errors import UserError
from ontogeny.gathering import results, tables
from ontogeny.gathering.over_training import over_training
from ontogeny.needs import Need, parse
from ontogeny.thinning import evenly_thinned
from ontogeny.views.base import Drawn, View

if TYPE_CHECKING:
    from ontogeny.handles import Store

AT = {"initial": 0, "final": -1, "steps": None}


@dataclass(frozen=True)
class Which:
    """The run and the step that a view was asked to show, and how many steps at most where it was asked for none."""

    run: str = ""
    step: int | None = None
    frames: int = 1

    def of(self, read: Need) -> Which:
        """As far as it matters to this read, so that what is the same for all of them is read once."""
        cursor = read.when == "cursor"
        run, step = self.run if read.one else "", self.step if cursor else None
        return Which(run, step, self.frames if cursor and step is None else 1)


def draw(store: Store, name: str, options: Mapping[str, Any], frames: int | None = None) -> Drawn:
    """A view with its bindings; where it follows the step, :meth:`~ontogeny.views.base.Drawn.frame` draws steps that it does not hold.

    ``frames``: how many steps it holds at most, where the view's own number is not wanted.
    """
    view: View = registry.views[name]
    words = view.words(options, store.study.first_measure)
    given = view.options({k: v for k, v in options.items() if k != "measure"})
    which = Which(given.get("run", ""), given.get("step"), frames or view.frames)
    reads = [parse(word) for word in words]
    handed = {read.keyword: one(store, read, which) for read in reads}
    if view.arranged:
        handed = {name: arranged(data, given[view.arranged]) for name, data in handed.items()}
    drawn = view(**handed, **given)
    if view.follows_step:
        drawn.again = partial(_elsewhere, store, name, dict(options))
    return drawn


def _elsewhere(store: Store, name: str, options: Mapping[str, Any], step: int) -> Drawn:
    return draw(store, name, {**options, "step": step})


def gather(store: Store, words: Iterable[str]) -> dict[str, Any]:
    """What findings read, by word."""
    return {word.rstrip("?"): one(store, parse(word)) for word in words}


def one(store: Store, read: Need, which: Which = Which()) -> Any:
    """One thing, read from disk once; None if it is not there and can be done without."""
    which = which.of(read)
    if not (read.all or which.run) and store.main is not store:
        return one(store.main, read, which)
    kept, key = store.kept, repr((read, which))
    if key not in kept:
        at = AT.get(read.when, -1)
        ways: dict[str, Callable[[], Any]] = {
            "runs": lambda: tables.of_runs(store).reset_index(),
            "metrics": lambda: tables.of_log(store, read.name, read.options),
            "published": lambda: tables.of_published(store),
            "findings": lambda: tables.of_findings(store, read.name),
            "lens": lambda: (
                of_one_run(store, read, which)
                if read.one
                else results.over_runs(store, read.name, at, read.options)
            ),
            "measure": lambda: (
                over_training(_among(store, read), read.name, read.options, most=read.most)
                if read.when == "steps"
                else results.of_pairs(_among(store, read), read.name, at or 0, read.options)
            ),
        }
        # frames come and go
        if which.step is not None:
            return ways[read.kind]()
        try:
            kept[key] = ways[read.kind]()
        except UserError:
            if not read.optional:
                raise
            kept[key] = None
    if kept[key] is None and not (read.optional or read.kind == "published"):
        raise UserError(f"'{read.keyword}' is not there: no finding of this study keeps such a table.")
    return kept[key]


def _among(store: Store, read: Need) -> Store:
    """The runs with these values; all of them where none are asked for."""
    if not read.among:
        return store
    values = {key: str(value) for key, value in read.among.items()}
    named = {e.id: store.population.named(e) for e in store.entries()}
    ids = [id for id, has in named.items() if all(str(has.get(k)) == v for k, v in values.items())]
    if not ids:
        raise UserError(f"No run has {', '.join(f'{k} = {v}' for k, v in values.items())}.")
    return store.only(store.run(id) for id in ids)


def of_one_run(store: Store, read: Need, which: Which) -> xr.Dataset:
    """A lens of one run: at a step (…), at the steps of a cursor or at all (step, …)."""
    run = results.the_run(store, which.run)
    if read.when == "cursor":
        steps = [run.step(which.step)] if which.step is not None else frames(run.steps, which.frames)
        return run.lens(read.name, steps, **read.options)
    if read.when == "steps":
        return run.lens(read.name, **read.options)
    at = 0 if read.when == "initial" else -1
    whole = registry.lenses[read.name].scope == "trajectory"
    data = run.lens(read.name, None if whole else [run.steps[at]], **read.options)
    return data.isel(step=at, drop=True) if "step" in data.dims else data


def frames(steps: list[int], most: int) -> list[int]:
    """At most so many steps, evenly among those that were kept, the first and the last with them; of one, the last."""
    if most == 1:
        return steps[-1:]
    return [steps[i] for i in np.asarray(evenly_thinned(len(steps), most))]
