"""Plan, hand the jobs to an executor, plan again, until nothing is missing. What is missing is known from the store alone."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ontogeny import errors, expect
from ontogeny.errors import Damaged, UserError
from ontogeny.executors.base import Executor, raised
from ontogeny.executors.here import Here
from ontogeny.plan import STAGES, Job, Plan, Stage, Wanted, make_plan, why_look
from ontogeny.store import events
from ontogeny.store.directory import Directory
from ontogeny.store.files import held, set_aside
from ontogeny.store.index import Indexer
from ontogeny.study import Study
from ontogeny.training.population import kernel_trains
from ontogeny.work.base import Place, Settings
from ontogeny.work.parts import parts

POLL = 0.5  # seconds between two looks at what others do
DEATHS = 3  # workers that may die over one piece of work before it is given up


class Progress(Protocol):
    """Told what is going on. ``done`` and ``total`` are in units of the stage."""

    def __call__(self, stage: str, what: str, done: float, total: float) -> None: ...


def silent(stage: str, what: str, done: float, total: float) -> None:
    """No progress."""


def run(
    study: Study,
    out: str | Path,
    *,
    stages: Iterable[Stage] = STAGES,
    device: str = "cpu",
    engine: str = "auto",
    commit_every: float = 20.0,
    progress: Progress = silent,
    executor: Executor | None = None,
    wait: bool = True,
) -> Plan:
    """Do what the plan says is missing or stale. Returns the plan that was carried out; an empty one: nothing to do.

    Several may do so in one directory at once: what others have in hand is left to them, and waited for (``wait``).
    """
    directory, stages = Directory.create(out, study), tuple(stages)
    indexer = Indexer(directory.root)
    index = indexer.read()
    members = expect.members_of(study, directory, index)
    expect.check(study, members, directory.holds(study))
    for m in members if study.train and engine == "kernel" else ():
        kernel_trains(m, device, engine)
    expected = expect.expectations(study, members)
    plan = whole = make_plan(expected, index, stages)
    if not plan and directory.holds(study):
        directory.save(indexer)  # if the files were copied or touched, this need not be found out again
        return plan
    with directory.lock(f"ontogeny run {study.name}"):
        directory.write_study(study)

    def again(tried: set[str]) -> Plan:
        index = indexer.read()
        directory.save(indexer)
        return make_plan(expected, index, stages, tried)

    place = Place(directory, study, Settings(device, engine, commit_every))
    carry_out(plan, again, place, executor or Here(), progress, wait)
    directory.save(indexer)
    return whole


def look(
    directory: Directory,
    wanted: Mapping[str, Sequence[Wanted]],
    executor: Executor | None = None,
    progress: Progress = silent,
) -> int:
    """Look at runs through lenses that the recipe may not name; returns how many were not fresh."""
    indexer = Indexer(directory.root)

    def again(tried: set[str]) -> Plan:
        found = []
        for id, lenses in wanted.items():
            entry = indexer.run(id)
            stale = tuple(
                w
                for w in lenses
                if entry and f"runs/{id}/results/{w.stem}.nc" not in tried and why_look(w, entry)
            )
            found += [Job("look", id, "asked for", (id,), stale)] if stale else []
        return Plan(tuple(found))

    plan = again(set())
    with directory.lock("ontogeny look"):
        pass
    carry_out(plan, again, Place(directory, directory.study()), executor or Here(), progress)
    return len(plan.items)


def carry_out(
    plan: Plan,
    again: Callable[[set[str]], Plan],
    place: Place,
    executor: Executor,
    progress: Progress = silent,
    wait: bool = True,
) -> None:
    """Round by round; ``again`` plans anew, without what was tried."""
    rounds = Rounds(place, executor, progress)
    try:
        with mending(), held(place.directory.root):
            while rounds.work(plan, wait):
                plan = again(rounds.tried)
    finally:
        executor.close()


class Rounds:
    """The rounds of one command: what was tried, whose workers died, and how far it all is."""

    def __init__(self, place: Place, executor: Executor, progress: Progress) -> None:
        self.place, self.executor, self.progress = place, executor, progress
        self.tried: set[str] = set()  # places of what is not to be tried again by this command
        self._deaths: dict[str, int] = {}
        self._done: dict[str, float] = {}  # by stage, in its units
        self._left: dict[str, float] = {}
        self._share: dict[
            str, dict[str, float]
        ] = {}  # of jobs in hand: by stage and key, in units of the stage

    def work(self, plan: Plan, wait: bool = True) -> bool:
        """One round; whether another may find something to do."""
        jobs = [part for job in plan.ready for part in parts(job, self.place, self.executor.wide)]
        if not jobs:
            return False
        root = self.place.directory.root
        self._left = {stage: sum(job.size for job in plan.of(stage)) for stage in STAGES}
        self._share = {}
        sizes = {stage: self._left[stage] for stage in STAGES if self._left[stage]}
        events.tell(root, "plan", sizes=sizes, jobs={job.key: job.size for job in jobs})
        by_key, idle = {job.key: job for job in jobs}, True
        for outcome in self.executor.carry_out(jobs, self.place, self._at):
            job = by_key[outcome.key]
            for kind, text in outcome.notes:
                warnings.warn(text, getattr(errors, kind, UserWarning), stacklevel=3)
            if outcome.error:
                raise raised(outcome.error)
            if outcome.lost:
                self._lost(job, outcome.lost)
            left = set(outcome.taken) if not outcome.lost else set(job.leases)
            idle = idle and bool(outcome.taken) and left >= set(job.leases)
            theirs = (
                {f"runs/{run}" for run in left} if job.stage == "train" else set(job.makes) if left else set()
            )
            self.tried |= {*job.makes, *outcome.failed} - theirs
        self._done = {
            stage: self._done.get(stage, 0) + sum(self._share.get(stage, {}).values()) for stage in STAGES
        }
        if idle and wait:
            events.tell(root, "waits", what=self.place.directory.others())
            time.sleep(POLL)
        return wait or not idle

    def _lost(self, job: Job, how: str) -> None:
        """Whoever did it died. What it had committed is kept, and the next plan says what is missing."""
        events.tell(self.place.directory.root, "lost", job=job.key, stage=job.stage, what=job.what, how=how)
        for what in job.makes:
            self._deaths[what] = self._deaths.get(what, 0) + 1
        if (deaths := max(self._deaths[what] for what in job.makes)) >= DEATHS:
            raise UserError(
                f"{deaths} workers died doing '{job.stage} {job.what}' (the last: {how}). There may be too little memory for it; "
                "what was committed is kept."
            )

    def _at(self, job: Job, what: str, share: float) -> None:
        self._share.setdefault(job.stage, {})[job.key] = share * job.size
        done = self._done.get(job.stage, 0) + sum(self._share[job.stage].values())
        total = self._done.get(job.stage, 0) + self._left[job.stage]
        self.progress(job.stage, what, min(done, total), total)


@contextmanager
def mending() -> Iterator[None]:
    """A file that turns out to be damaged while it is read is set aside, so that the same command makes it anew."""
    try:
        yield
    except Damaged as error:
        if error.path is None or not error.path.exists():
            raise
        set_aside(error.path)
        raise Damaged(
            f"{error} It was set aside; give the same command again, and it is made anew."
        ) from None
