"""Looks at one run: all its lenses share each step's forward pass, and what was seen is written before anything else begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ontogeny import build, registry
from ontogeny.errors import Damaged, DiskFull
from ontogeny.lenses.session import Session
from ontogeny.plan import Job, Wanted
from ontogeny.store import checkpoints, results
from ontogeny.store.directory import Directory
from ontogeny.store.headers import ResultFile
from ontogeny.store.index import RunEntry
from ontogeny.training.member import Member
from ontogeny.work.base import Place, Tell, failed


def look_at_run(job: Job, runs: Sequence[str], place: Place, tell: Tell) -> list[str]:
    """Returns the places of what failed. A run that is not finished is not looked at."""
    (id,) = runs
    entry = place.entry(id)
    if not (entry and entry.finished and entry.checkpoints):
        return []
    wanted = [w for w in job.wanted if stale_steps(w, entry)]
    failures = look(place.directory, build.member_of(entry.record), entry, wanted)
    return [f"runs/{id}/results/{w.stem}.nc" for w in failures]


def load(directory: Directory, entry: RunEntry, steps: Sequence[int]) -> dict[str, torch.Tensor]:
    """Weights of a run at these steps, (step, …)."""
    return checkpoints.read(directory.run(entry.id).checkpoints, entry.checkpoints, steps)


def look(directory: Directory, m: Member, entry: RunEntry, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Compute and write results of one run; of a lens that looks at single steps, only the new ones. Returns those that failed."""
    import xarray as xr

    session = Session(
        lambda steps: build.subject(m, load(directory, entry, steps)),
        entry.steps,
        {w.name: w.options for w in wanted},
    )
    groups: dict[tuple[int, ...], list[Wanted]] = {}
    for w in wanted:
        groups.setdefault(tuple(stale_steps(w, entry)), []).append(w)
    failures = []
    for steps, lenses in groups.items():
        # one pass for lenses of different names; the same lens with other options takes its own
        while lenses:
            batch = {w.name: w for w in lenses}
            lenses = [w for w in lenses if w not in batch.values()]
            session.options = {w.name: w.options for w in batch.values()}
            seen = looked(session, list(batch), steps, m.name)
            failures += [w for name, w in batch.items() if name not in seen]
            for name, data in seen.items():
                w = batch[name]
                path = directory.run(entry.id).results / f"{w.stem}.nc"
                if len(steps) < len(entry.steps) and "step" in data.dims and path.exists() and not w.whole:
                    old = results.read(path)
                    keep = [s for s in old.step.values.tolist() if s in set(entry.steps) - set(steps)]
                    data = xr.concat([old.sel(step=keep), data], "step", combine_attrs="override").sortby(
                        "step"
                    )
                digests = [entry.digests[s] for s in entry.steps]
                about = ResultFile(w.name, dict(w.options), w.fingerprint, digests, list(entry.steps))
                made_by = registry.provenance(registry.lenses[w.name].function.__module__)
                results.write(path, data.assign_attrs(lens=w.name, run=entry.id, made_by=made_by), about)
    return failures


def looked(session: Session, names: Sequence[str], steps: Sequence[int], whose: str) -> Mapping[str, Any]:
    """What these lenses say. One that fails is named, and costs the others nothing."""
    try:
        return session.look(names, steps)
    except (Damaged, DiskFull):
        raise
    except Exception as error:
        if len(names) == 1:
            failed(f"the lens '{names[0]}' at {whose}", error)
            return {}
    return {name: data for one in names for name, data in looked(session, [one], steps, whose).items()}


def stale_steps(w: Wanted, entry: RunEntry) -> list[int]:
    """The steps that a lens has to look at; none where what is there is what looking would give."""
    have = entry.results.get(w.stem)
    if have is None or have.fingerprint != w.fingerprint:
        return entry.steps
    old = dict(zip(have.steps, have.digests, strict=True))
    if old == entry.digests:
        return []
    return entry.steps if w.whole else [s for s, d in entry.digests.items() if old.get(s) != d] or entry.steps
