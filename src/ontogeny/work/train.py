"""Trains runs as one population, from where each of them is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ontogeny import expect
from ontogeny.errors import Damaged
from ontogeny.plan import Job, why_train
from ontogeny.provenance import differences, provenance
from ontogeny.store.directory import Directory
from ontogeny.store.files import set_aside
from ontogeny.store.index import RunEntry
from ontogeny.store.sink import DiskSink
from ontogeny.training.engine import Engine
from ontogeny.training.member import Member, State
from ontogeny.training.population import train
from ontogeny.work.base import Place, Tell


def train_runs(job: Job, runs: Sequence[str], place: Place, tell: Tell) -> None:
    """Those of a job's runs that this process may write; a run that somebody finished meanwhile is left as it is."""
    study, directory, settings = place.study, place.directory, place.settings
    todo = [place.members[id] for id in runs]
    asked = expect.wanted_runs(todo, study)
    steps = {r.id: r.total for r in asked}
    done = dict.fromkeys(steps, 0)
    whole, gone = max(sum(steps.values()), 1), 0

    def tick(m: Member, step: int, total: int) -> None:
        nonlocal gone
        gone += step - done[m.id]
        done[m.id] = step
        tell(job, job.what, gone / whole)

    points = study.resume_points
    keep = {s for r in asked for s in (points.steps(r.total, r.steps_per_epoch) if points else ())}
    budgets = {r.id: r.total / r.steps_per_epoch for r in asked}
    sink = DiskSink(
        directory, every=settings.commit_every, keep_resume=frozenset(keep), budgets=budgets, progress=tick
    )
    wanted = {r.id: r.steps for r in asked}
    there = {r.id: place.entry(r.id) for r in asked}
    whys = {r.id: why_train(r, there[r.id]) for r in asked}
    # finished before, maybe under a smaller budget
    for m in (m for m in todo if not whys[m.id]):
        files = directory.run(m.id)
        if (record := files.record()).get("budget_epochs", 0) < budgets[m.id]:
            files.write_record({**record, "budget_epochs": budgets[m.id]})
        tick(m, steps[m.id], steps[m.id])
    todo = [m for m in todo if whys[m.id]]
    resume = {m.id: s for m in todo if (s := resume_point(directory, m, there[m.id], wanted[m.id]))}
    unfinished = []
    for m in todo:
        state = resume.get(m.id)
        if state and state.outcome == "stopped" and _record(directory, m).get("status") == "stopped":
            state.outcome = "training"  # by a rule that the study has no longer
        # killed between its last commit and its record
        if state and state.outcome in ("stopped", "diverged"):
            here = provenance(settings.device, "")
            sink.begin(m, state.step, {"provenance": here, **_record(directory, m)})
            sink.finish(m, state.step, state.outcome)
            tick(m, steps[m.id], steps[m.id])
        else:
            unfinished.append(m)

    def begin(shard: Sequence[Member], runner: Engine) -> None:
        here = provenance(settings.device, runner.name, runner.arithmetic)
        for m in shard:
            record = _record(directory, m)
            warn_of_mismatch(m, record.get("provenance"), here)
            sink.begin(m, resume[m.id].step if m.id in resume else -1, record | {"provenance": here})

    aside = {r.id for r in asked if r.aside}
    for recipe, part in (
        (study, [m for m in unfinished if m.id not in aside]),
        (study.ends, [m for m in unfinished if m.id in aside]),
    ):
        train(part, recipe, sink, resume, device=settings.device, engine=settings.engine, on_engine=begin)


def _record(directory: Directory, m: Member) -> dict[str, Any]:
    try:
        old = directory.run(m.id).record()
    except (FileNotFoundError, Damaged):
        old = {}
    return {**old, "id": m.id, "varied": dict(m.varied), "spec": dict(m.spec)}


def resume_point(
    directory: Directory, m: Member, index: RunEntry | None, kept: Sequence[int]
) -> State | None:
    """Where the run goes on; a damaged file is said, set aside, and a run that lacks what it should have starts again."""
    files = directory.run(m.id)
    try:
        broken = {k: text for k, text in index.damaged.items() if "/results/" not in k} if index else {}
        for name in broken:
            set_aside(directory.root / name)
        point = files.read_resume()
        for name, text in broken.items():
            if not name.endswith("run.json"):
                raise Damaged(text)
        if point and index and (gone := [s for s in kept if s < point[0] and s not in index.digests]):
            raise Damaged(f"{files.checkpoints} lacks {len(gone)} checkpoints that it should have.")
    except Damaged as error:
        warnings.warn(f"{error} {m.name} trains again from step 0.", stacklevel=2)
        return None
    if point is None:
        if index and index.steps:
            warnings.warn(
                f"{m.name} has no resume point any more, so it trains again from step 0.", stacklevel=2
            )
        return None
    step, tensors, outcome = point
    if outcome == "done":
        outcome = "training"
    return State.from_tensors(tensors, step, outcome)  # type: ignore[arg-type]


def warn_of_mismatch(m: Member, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Bitwise claims hold for the same machine, build and way of computing; a difference is said aloud."""
    if before and (said := differences(before, now)):
        warnings.warn(
            f"{m.name} goes on under other conditions ({said}); its weights may differ in the last bits from those of an "
            "uninterrupted run.",
            stacklevel=2,
        )
