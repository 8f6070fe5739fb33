"""Results of lenses and measures: of one run, joined over runs, or of all pairs; read from disk where they are fresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from ontogeny import build, expect, registry
from ontogeny.errors import TooFewRuns, UnknownName, UserError
from ontogeny.measures.pairwise import labelled
from ontogeny.one_run import Run
from ontogeny.plan import last_digest
from ontogeny.store import results
from ontogeny.study import Use
from ontogeny.which import in_words
from ontogeny.work.compare import compare
from ontogeny.work.pairs import Pairs

if TYPE_CHECKING:
    from ontogeny.handles import Store

Options = Mapping[str, Any]


def over_runs(store: Store, name: str, step: int | None, options: Options) -> xr.Dataset:
    """A lens over (run, …) at one step, or with ``step=None`` over (run, step, …), with what varied as coordinates."""
    parts, runs = [], [Run(store, e) for e in store.entries() if e.checkpoints]
    if not runs:
        raise UserError(f"{store.directory.root} has no runs with checkpoints to look at.")
    everything = step is None or registry.lenses[name].scope == "trajectory"
    # of single steps only the one asked for is computed, where it is not on disk
    steps = None if everything or step is None else [step]
    for run in runs:
        data = run.lens(name, steps, **options)
        parts.append(data if step is None or "step" not in data.dims else data.isel(step=-1, drop=True))
    try:
        joined = xr.concat(
            parts, "run", join="outer", combine_attrs="override", coords="minimal", compat="override"
        )
    except ValueError as error:
        sizes = {str(d): sorted({p.sizes[d] for p in parts if d in p.dims}) for p in parts for d in p.dims}
        differ = ", ".join(f"{d} has {' or '.join(map(str, n))}" for d, n in sizes.items() if len(n) > 1)
        raise UserError(
            f"What the lens '{name}' says of these runs differs in shape ({differ or error}); look at them one by one: "
            f'store.run(…).lens("{name}").'
        ) from error
    return joined.assign_coords(store.population.ticks(run.entry for run in runs))


def scalar(store: Store, lens: str, variable: str, step: int, options: Options) -> pd.DataFrame:
    """One variable of a lens at one step, with what varied: one row a run, or a row a tick where it has axes of its own."""
    data = over_runs(store, lens, step, options)
    if variable not in data.data_vars:
        raise UnknownName(f"variable of the lens '{lens}'", variable, map(str, data.data_vars))
    one = data[variable]
    besides = [n for n, tick in one.coords.items() if tick.dims not in (("run",), (n,))]
    table = one.drop_vars(besides).to_dataframe().reset_index()
    front = [c for c in table.columns if c not in ("run", variable)]
    return store.population.say_what_varied(table.set_index("run")[[*front, variable]])


def the_run(store: Store, name: str = "") -> Run:
    """The run of that id, or the first with these values ("seed=1"), or the first of all."""
    there = [e for e in store.entries() if e.checkpoints]
    if not there:
        raise UserError(f"{store.directory.root} has no runs with checkpoints to look at.")
    if not name:
        return Run(store, there[0])
    if "=" not in name:
        return store.run(name)
    values = in_words(name)
    for entry in there:
        named = store.population.named(entry)
        if all(str(named.get(key)) == str(value) for key, value in values.items()):
            return Run(store, entry)
    return store.run(name)


def of_two(store: Store, other: Store, measure: str, step: int, options: Options) -> xr.Dataset:
    """Every run of a study with every run of another, (run, run_other), each with what varied in its own."""
    use = Use(name=measure, options=dict(options))
    entry = registry.measures[measure]
    given, sides, ticks = entry.options(use.options), [], []
    for one in (store, other):
        entries = [e for e in one.entries() if e.checkpoints]
        if not entries:
            raise UserError(f"{one.directory.root} has no runs with checkpoints to compare.")
        sides.append([Run(one, e) for e in entries])
        named = one.population.ticks(entries)
        ticks.append(("run", {n: t[1] if isinstance(t, tuple) else t for n, t in named.items()}))
    for runs in sides:
        expect.refuse_measures(use, [run.member for run in runs])
    expect.refuse_other_inputs(measure, sides[0][0].member, sides[1][0].member)
    left, right = ([run.at(step, given.get("tap", "")) for run in runs] for runs in sides)
    return labelled(entry, Pairs(entry, given, store.directory).grid(left, right), given, *ticks)


def of_pairs(store: Store, measure: str, step: int, options: Options) -> xr.Dataset:
    """Everything a measure says of all pairs of runs: the value and its extras. ``step`` 0: untrained."""
    entries = [e for e in store.entries() if e.checkpoints]
    members = [build.member_of(e.record) for e in entries]
    if len(members) < 2:
        raise TooFewRuns(
            f"'{measure}' compares runs with each other; {store.directory.root} has {len(members)}."
        )
    use = Use(name=measure, options=dict(options))
    expect.refuse_measures(use, members)
    wanted = expect.wanted_measure(use, members[0])
    have = store.index.comparisons.get(wanted.stem)
    digests = [last_digest(e) for e in entries]
    if step == -1 and have and have.fingerprint == wanted.fingerprint and have.digests == digests:
        return results.read(store.directory.comparisons / f"{wanted.stem}.nc")
    data = compare(store.directory, members, store.index, wanted, step)
    ticks = store.population.ticks(entries)
    more = {name: ticks[name][1] for name in store.population.settings.values()}
    return data.assign_coords(
        {f"{n}{end}": (f"run{end}", v) for n, v in more.items() for end in ("", "_other")}
    )
