"""How alike runs are while they train: all pairs of runs at the same step, or at the same distance from what happens to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from ontogeny import expect, registry
from ontogeny.errors import TooFewRuns, UserError
from ontogeny.measures.pairwise import labelled
from ontogeny.numerics.events import lasting
from ontogeny.study import Use
from ontogeny.thinning import evenly_thinned
from ontogeny.work.pairs import Pairs

if TYPE_CHECKING:
    from ontogeny.handles import Store
    from ontogeny.one_run import Run

MOST = 16


def over_training(
    store: Store,
    measure: str,
    options: Mapping[str, Any],
    steps: Sequence[int] | None = None,
    most: int = MOST,
    align: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """A measure of all pairs of runs, (step, run, run_other), at ``steps`` or at most ``most`` of those that all of them keep.

    ``align={"metric": "test_accuracy", "at_least": 0.99}``: ``step`` counts from the first logged step from which this holds to the end, in each run
    from its own; runs in which it never does are left out (``attrs["left_out"]``). A run stands at its checkpoint nearest to there.
    """
    runs = [run for run in (store.run(e.id) for e in store.entries() if e.checkpoints) if run.steps]
    use = Use(name=measure, options=dict(options))
    if len(runs) < 2:
        there = "there is one" if runs else "there are none"
        raise TooFewRuns(f"'{measure}' compares runs with each other, and {there}.")
    expect.refuse_measures(use, [run.member for run in runs])
    entry = registry.measures[measure]
    given = entry.options(use.options)
    begins = dict.fromkeys((run.id for run in runs), 0) if align is None else _events(store, runs, align)
    left_out = [run.name for run in runs if run.id not in begins]
    runs = [run for run in runs if run.id in begins]
    if len(runs) < 2:
        raise UserError(f"{align} happens in {len(runs)} of these runs; two are needed to compare them.")
    ticks = list(steps) if steps is not None else _shared(runs, begins, most, exactly=align is None)
    pairs, tables = Pairs(entry, given, store.directory), []
    names = store.population.ticks(run.entry for run in runs)
    coords = {n: t[1] if isinstance(t, tuple) else t for n, t in names.items()}
    for tick in ticks:
        here = [run.at(_nearest(run.steps, begins[run.id] + tick), given.get("tap", "")) for run in runs]
        tables.append(labelled(entry, pairs.grid(here), given, ("run", coords), ("run", coords)))
    data = xr.concat(tables, "step", combine_attrs="override").assign_coords(step=ticks)
    said = "updates since it happened in each run" if align else "optimiser updates the weights have seen"
    data["step"].attrs["long_name"] = said
    return data.assign_attrs(left_out=left_out)


def _shared(runs: Sequence[Run], begins: Mapping[str, int], most: int, exactly: bool) -> list[int]:
    """Steps that all runs keep, evenly thinned; or distances from what happens that all of them reach."""
    if exactly:
        kept = sorted(set.intersection(*(set(run.steps) for run in runs)))
    else:
        low = max(run.steps[0] - begins[run.id] for run in runs)
        high = min(run.steps[-1] - begins[run.id] for run in runs)
        kept = sorted(
            {s - begins[run.id] for run in runs for s in run.steps if low <= s - begins[run.id] <= high}
        )
    if not kept:
        raise UserError(
            "These runs share no step: " + "; ".join(f"{r.name} keeps {r.steps}" for r in runs[:3])
        )
    return [kept[i] for i in evenly_thinned(len(kept), most)] if len(kept) > most else kept


def _nearest(steps: Sequence[int], wanted: int) -> int:
    return min(steps, key=lambda step: abs(step - wanted))


def _events(store: Store, runs: Sequence[Run], align: Mapping[str, Any]) -> dict[str, int]:
    """From which step on a metric holds in each run, to the end; runs in which it never does are left out."""
    metric, bar = align.get("metric"), align.get("at_least")
    if not isinstance(metric, str) or bar is None or set(align) > {"metric", "at_least"}:
        raise UserError(
            f'align = {dict(align)}: write align={{"metric": "test_accuracy", "at_least": 0.99}}.'
        )
    found = {}
    for run in runs:
        table = run.metrics()
        if metric not in table:
            raise UserError(f"{run.name} logs no '{metric}': {', '.join(map(str, table.columns))}.")
        known = table[metric].dropna()
        at = lasting(
            torch.tensor(known.to_numpy(dtype=float) >= bar),
            torch.tensor(known.index.to_numpy(dtype=float)),
        )
        if np.isfinite(float(at)):
            found[run.id] = int(at)
    return found
