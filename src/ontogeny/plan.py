"""What is to be done and why: a pure function of what a study asks and what the index says is there.

A plan is made of *jobs*: plain data, named by a hash of what they are, that anyone who has the study directory can carry out, twice
if need be. `--dry-run` prints a plan, `execute` hands its jobs to an executor, and nothing else decides. No torch here: the
expectations (resolved runs, fingerprints of code) are handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from ontogeny.spelling import identity
from ontogeny.store.headers import ResultFile
from ontogeny.store.index import FINDINGS, REPORT, Index, RunEntry
from ontogeny.study import Stop

Stage = Literal["train", "look", "compare", "find", "report"]
STAGES: tuple[Stage, ...] = ("train", "look", "compare", "find", "report")


@dataclass(frozen=True)
class Wanted:
    """A result that the study asks for: file stem, what it is called, options, and the fingerprint it must have."""

    stem: str
    name: str
    options: Mapping[str, Any]
    fingerprint: str
    whole: bool = (
        False  # one answer for all steps (trajectories, or what reads the last step): new steps renew it all
    )


@dataclass(frozen=True)
class Cost:
    """What a job takes, as far as it can be known before: seconds on one core (the order of magnitude), and bytes of memory and disk."""

    seconds: float = 0.0
    memory: int = 0
    disk: int = 0


@dataclass(frozen=True)
class WantedRun:
    """A variant that the study asks for, and how long it should train."""

    id: str
    name: str
    total: int
    steps_per_epoch: int
    steps: tuple[int, ...] = ()  # at which weights are kept, before the last
    stop: Stop | None = None
    aside: bool = False  # of ``crossed``: who asks for it looks at it, at its last step


@dataclass(frozen=True)
class Expectations:
    """Everything the study asks for, spelled out."""

    runs: tuple[WantedRun, ...]
    lenses: tuple[Wanted, ...] = ()
    comparisons: tuple[Wanted, ...] = ()
    # by run, where they differ from ``lenses``
    lenses_of: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what of it cannot be had, and why
    findings: str | None = None  # fingerprint of recipe and code; None: the study asks for none
    report: str | None = None

    def stamps(self, index: Index) -> dict[str, str]:
        """What findings and report must have been made from: recipe and code, and everything that is there to be read."""
        asked = {FINDINGS: (self.findings, None), REPORT: (self.report, index.documents.get(FINDINGS))}
        return {
            name: identity({"by": by, "from": index.inputs, "findings": findings})
            for name, (by, findings) in asked.items()
            if by is not None
        }


@dataclass(frozen=True)
class Job:
    """One piece of work, as plain data. ``runs``: those that it trains as one population, looks at, or compares with one another."""

    stage: Stage
    what: str
    why: str
    runs: tuple[str, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    stamp: str = ""  # what findings and report are made from
    waits: bool = False  # for others of the plan
    size: int = 1  # in units of its stage: updates of all its runs, lenses that look at one, or 1
    cost: Cost = Cost()

    @cached_property
    def key(self) -> str:
        """A hash of what is to be done."""
        what = [self.stage, self.stamp, *self.runs, *(f"{w.stem} {w.fingerprint}" for w in self.wanted)]
        return identity({"job": what})

    @property
    def makes(self) -> tuple[str, ...]:
        """What comes of it, by the place where it will lie."""
        if self.stage == "train":
            return tuple(f"runs/{run}" for run in self.runs)
        if self.stage == "look":
            return tuple(f"runs/{self.runs[0]}/results/{w.stem}.nc" for w in self.wanted)
        if self.stage == "compare":
            return tuple(f"comparisons/{w.stem}.nc" for w in self.wanted)
        return (FINDINGS,) if self.stage == "find" else (REPORT,)

    @property
    def leases(self) -> tuple[str, ...]:
        """Whoever holds these may write what comes of it."""
        if self.stage in ("train", "look"):
            return self.runs
        return tuple(f"{self.stage}-{w.stem}" for w in self.wanted) or (self.stage,)

    def of(self, runs: Sequence[str]) -> Job:
        """The same for some of its runs."""
        part = len(runs) / max(len(self.runs), 1)
        what = self.what if part == 1 else f"{len(runs)} of {self.what}"
        return replace(self, runs=tuple(runs), what=what, size=max(round(self.size * part), 1))

    def and_also(self, other: Job) -> Job:
        """What another asks of the same runs, besides."""
        return replace(self, wanted=self.wanted + other.wanted, size=self.size + other.size)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Job:
        wanted = tuple(Wanted(**w) for w in said["wanted"])
        return cls(**{**said, "runs": tuple(said["runs"]), "wanted": wanted, "cost": Cost(**said["cost"])})


@dataclass(frozen=True)
class Plan:
    items: tuple[Job, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def of(self, stage: Stage) -> list[Job]:
        return [item for item in self.items if item.stage == stage]

    @property
    def ready(self) -> list[Job]:
        """What can be done now: everything that it reads is there. All lenses that look at one run look together."""
        ready = {job.key: job for job in self.items if not job.waits}
        looks: dict[tuple[str, ...], Job] = {}
        for job in (one for one in list(ready.values()) if one.stage == "look"):
            del ready[job.key]
            before = looks.get(job.runs)
            looks[job.runs] = before.and_also(job) if before else job
        return sorted([*ready.values(), *looks.values()], key=lambda job: STAGES.index(job.stage))

    def __bool__(self) -> bool:
        return bool(self.items)

    def summary(self) -> list[tuple[str, str, str]]:
        """(stage, what, why), with equal reasons of one stage gathered into one line."""
        groups: dict[tuple[str, str], list[str]] = {}
        for item in self.items:
            groups.setdefault((item.stage, item.why), []).append(item.what)
        return [
            (stage, what[0] if len(what) == 1 else f"{len(what)} × ({what[0]} … {what[-1]})", why)
            for (stage, why), what in groups.items()
        ]


def make_plan(
    expected: Expectations, index: Index, stages: Iterable[Stage] = STAGES, given_up: Collection[str] = ()
) -> Plan:
    """Compare what is asked with what is there, stage by stage; later stages know what earlier ones will change.

    ``given_up``: what was tried and failed, by its place; nothing waits for it. Nothing waits for a stage that is not among ``stages`` either.
    """
    stages = set(stages)
    training = plan_training(expected, index, given_up)
    to_train = {run for job in training for run in job.runs}
    open_ = {r.id for r in expected.runs if r.id in to_train and why_train(r, index.runs.get(r.id))}
    looking = plan_looking(expected, index, open_, given_up)
    comparing = plan_comparing(expected, index, open_, given_up)
    changed = bool(training or looking or comparing)
    finding, drawing = plan_documents(expected, index, changed, given_up)
    every: dict[str, list[Job]] = {
        "train": training,
        "look": looking,
        "compare": comparing,
        "find": finding,
        "report": drawing,
    }
    for stage, jobs in every.items():
        before = [job for one in STAGES[: STAGES.index(stage)] if one in stages for job in every[one]]
        every[stage] = [replace(job, waits=_waits(job, before, open_)) for job in jobs]
    items = tuple(job for stage in STAGES if stage in stages for job in every[stage])
    return Plan(items, (*index.damage, *_left_out(expected, index), *(expected.notes if items else ())))


def _waits(job: Job, before: Iterable[Job], unfinished: Collection[str]) -> bool:
    """Whether something that the job reads is still to be made."""
    if job.stage in ("look", "compare"):
        return any(one.stage == "train" for one in before) and any(run in unfinished for run in job.runs)
    return any(before)


def _left_out(expected: Expectations, index: Index) -> list[str]:
    """Runs of an earlier recipe are said: nothing is pooled in silence, and nothing is lost."""
    n = len({id for id, entry in index.runs.items() if entry.record} - {run.id for run in expected.runs})
    runs, they = ("1 run is", "it is") if n == 1 else (f"{n} runs are", "they are")
    kept = (
        f"{they} kept, shown apart by `ontogeny runs`, and left out of everything else unless you say --all"
    )
    return [f"{runs} here that the recipe no longer asks for: {kept}."] if n else []


def plan_training(expected: Expectations, index: Index, given_up: Collection[str] = ()) -> list[Job]:
    """One job for the runs that train for one reason."""
    alike: dict[str, list[WantedRun]] = {}
    for run in expected.runs:
        entry = index.runs.get(run.id)
        why = why_train(run, entry) or why_note(run, entry)
        if why and f"runs/{run.id}" not in given_up:
            alike.setdefault(why, []).append(run)
    jobs = []
    for why, runs in alike.items():
        what = f"{len(runs)} runs ({runs[0].name} … {runs[-1].name})" if len(runs) > 1 else runs[0].name
        size = sum(run.total for run in runs)
        jobs.append(Job("train", what, why, tuple(r.id for r in runs), size=size))
    return jobs


def why_train(run: WantedRun, entry: RunEntry | None) -> str | None:
    """The reason to train a run, or None."""
    if entry is None:
        return "not trained yet"
    broken = [name for name in entry.damaged if "/results/" not in name]
    if broken:
        return f"damaged: {broken[0]}"
    if entry.status == "training":
        return "interrupted"
    reached = entry.record.get("step", 0)
    last = [reached] if entry.status in ("done", "stopped") and reached else []
    if gone := [s for s in sorted({*run.steps, *last}) if s <= reached and s not in entry.digests]:
        return f"checkpoints are missing: {len(gone)} steps, {gone[0]} … {gone[-1]}"
    if (logged := entry.record.get("rows")) and entry.rows != logged:
        return f"metrics are missing: {entry.rows or 0} of {logged} rows"
    if entry.status == "done" and reached < run.total:
        return f"longer: {reached // run.steps_per_epoch} → {run.total // run.steps_per_epoch} epochs"
    if entry.status == "stopped" and reached < run.total:
        row = entry.record.get("last", {})
        if not (run.stop and run.stop.metric in row and run.stop.fires(row)):
            return "stopped by a rule that the study has no longer"
    return None


def why_note(run: WantedRun, entry: RunEntry | None) -> str | None:
    """The reason to write down how long a run that needs no training was allowed to train, or None."""
    allowed = run.total / run.steps_per_epoch
    if entry and entry.finished and entry.record.get("budget_epochs", 0) < allowed:
        return f"allowed {allowed:g} epochs, which its record does not say"
    return None


def plan_looking(
    expected: Expectations, index: Index, unfinished: Collection[str], given_up: Collection[str] = ()
) -> list[Job]:
    items = []
    for run in (one for one in expected.runs if not one.aside):
        entry = index.runs.get(run.id)
        lenses = expected.lenses_of.get(run.id, expected.lenses)
        if given_up:
            lenses = tuple(w for w in lenses if f"runs/{run.id}/results/{w.stem}.nc" not in given_up)
        if run.id in unfinished or entry is None:
            if lenses:
                items.append(Job("look", run.name, "after training", (run.id,), lenses, size=len(lenses)))
            continue
        reasons: dict[str, list[Wanted]] = {}
        for wanted in lenses:
            why = why_look(wanted, entry)
            if why:
                reasons.setdefault(why, []).append(wanted)
        items.extend(
            Job("look", run.name, why, (run.id,), tuple(stale), size=len(stale))
            for why, stale in reasons.items()
        )
    return items


def why_look(wanted: Wanted, entry: RunEntry) -> str | None:
    """The reason to look through a lens, or None."""
    have = entry.results.get(wanted.stem)
    if have is None and any(name.endswith(f"/results/{wanted.stem}.nc") for name in entry.damaged):
        return f"{wanted.name}: its file is damaged"
    if have is None:
        return f"{wanted.name}: not looked at yet"
    if have.fingerprint != wanted.fingerprint:
        return f"{wanted.name}: its code or options changed"
    if not entry.checkpoints:
        return None  # somebody removed the weights and kept the results
    if have.digests == [*entry.digests.values()] and have.steps == entry.steps:
        return None
    new = sum(a != b for a, b in zip_longest(have, entry))
    return f"{wanted.name}: {new} steps are new or changed" if new else None


def zip_longest(have: ResultFile, entry: RunEntry) -> list[tuple[str | None, str | None]]:
    """Digests behind a result and digests of the run, by step."""
    old = dict(zip(have.steps, have.digests, strict=True))
    return [(old.get(s), entry.digests.get(s)) for s in sorted({*old, *entry.digests})]


def plan_comparing(
    expected: Expectations, index: Index, unfinished: Collection[str], given_up: Collection[str] = ()
) -> list[Job]:
    items = []
    ids = tuple(run.id for run in expected.runs)
    for wanted in expected.comparisons:
        if f"comparisons/{wanted.stem}.nc" in given_up:
            continue
        have = index.comparisons.get(wanted.stem)
        if unfinished:
            why = "after training"
        elif have is None:
            why = "not compared yet"
        elif have.fingerprint != wanted.fingerprint:
            why = "its code or options changed"
        elif have.digests != [last_digest(index.runs[i]) for i in ids if i in index.runs]:
            why = "runs are new or changed"
        else:
            continue
        items.append(Job("compare", wanted.stem, why, ids, (wanted,)))
    return items


def last_digest(entry: RunEntry) -> str:
    return next(reversed(entry.digests.values()), "")


def plan_documents(
    expected: Expectations, index: Index, changed: bool, given_up: Collection[str] = ()
) -> tuple[list[Job], list[Job]]:
    """Findings and report are made anew where what they were made from, or by, is not what there is now."""
    finding = why_document(FINDINGS, expected, index) or (changed and "results will change")
    finding = finding if expected.findings is not None and FINDINGS not in given_up else False
    drawing = why_document(REPORT, expected, index) or ((changed or finding) and "what it shows will change")
    drawing = drawing if expected.report is not None and REPORT not in given_up else False
    stamps = expected.stamps(index)
    return (
        [Job("find", "findings", finding, stamp=stamps[FINDINGS])] if finding else [],
        [Job("report", "report", drawing, stamp=stamps[REPORT])] if drawing else [],
    )


def why_document(name: str, expected: Expectations, index: Index) -> str | None:
    """The reason to write findings or the report as things are, or None."""
    have, stamp = index.documents.get(name), expected.stamps(index).get(name)
    if stamp is None or have == stamp:
        return None
    if have is None:
        return "its file is damaged" if name in index.damaged else "not there yet"
    return "its recipe, its code or what it reads changed"
