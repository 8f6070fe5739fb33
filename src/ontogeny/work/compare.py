"""Compares runs with one another under a measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ontogeny import build, registry
from ontogeny.errors import Damaged, DiskFull, UserError
from ontogeny.measures.pairwise import between_runs, labelled
from ontogeny.plan import Job, Wanted, last_digest
from ontogeny.store import results
from ontogeny.store.directory import Directory
from ontogeny.store.headers import ResultFile
from ontogeny.store.index import Index
from ontogeny.training.member import Member
from ontogeny.work.base import Place, Tell, failed
from ontogeny.work.look import load
from ontogeny.work.pairs import Pairs, Representation


def compare_runs(job: Job, runs: Sequence[str], place: Place, tell: Tell) -> list[str]:
    """All pairs of runs at their last step. Returns the places of what failed."""
    (wanted,) = job.wanted
    try:
        index = Index({id: entry for id in job.runs if (entry := place.entry(id))})
        there = [build.member_of(e.record) for e in index.runs.values() if e.record and e.checkpoints]
        if len(there) < 2:
            raise UserError(
                f"'{wanted.name}' compares runs with each other; {place.directory.root} has {len(there)}."
            )
        data = compare(place.directory, there, index, wanted)
    except (Damaged, DiskFull):
        raise
    except Exception as error:
        failed(f"the measure '{job.what}'", error)
        return list(job.makes)
    digests = [last_digest(index.runs[m.id]) for m in there]
    about = ResultFile(wanted.name, dict(wanted.options), wanted.fingerprint, digests)
    made_by = registry.provenance(registry.measures[wanted.name].implementation.__module__)
    path = place.directory.comparisons / f"{wanted.stem}.nc"
    results.write(path, data.assign_attrs(made_by=made_by), about)
    return []


def compare(
    directory: Directory, members: Sequence[Member], index: Index, wanted: Wanted, step: int = -1
) -> Any:
    """The labelled (run, run_other) dataset of a measure; ``step`` 0 compares the untrained models, also of whole runs."""
    measure, tap = registry.measures[wanted.name], wanted.options.get("tap", "")
    entries = [index.runs[m.id] for m in members]
    ticks: dict[str, list[Any]] = {"run": [m.id for m in members]}
    for name in members[0].varied:
        ticks[name] = [m.varied.get(name) for m in members]
    if measure.over_steps:
        shared = sorted(set.intersection(*(set(e.steps) for e in entries)))
        if not shared:
            raise UserError(f"'{wanted.name}' compares runs step by step, and these have no step in common.")
        steps = shared[:1] if step == 0 else shared
        runs = [build.subject(m, load(directory, e, steps)) for m, e in zip(members, entries, strict=True)]
        return between_runs(measure, runs, wanted.options, ticks, steps)
    there = [
        Representation(directory, e, m, e.steps[step], tap) for m, e in zip(members, entries, strict=True)
    ]
    values = Pairs(measure, wanted.options, directory).grid(there)
    return labelled(measure, values, wanted.options, ("run", ticks), ("run", ticks))
