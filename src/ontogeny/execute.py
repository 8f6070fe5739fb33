"""Carries a plan out: the one place where the rooms meet."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from ontogeny import build, expect, registry
from ontogeny.errors import Damaged, DiskFull, Failed, UserError
from ontogeny.findings.base import Finding, stamped
from ontogeny.lenses.session import Session
from ontogeny.measures.pairwise import between_runs
from ontogeny.plan import (
    STAGES,
    Compare,
    Look,
    Plan,
    Stage,
    Train,
    Wanted,
    last_digest,
    make_plan,
    why_train,
)
from ontogeny.provenance import differences, provenance
from ontogeny.store import checkpoints, results
from ontogeny.store.directory import Directory
from ontogeny.store.files import set_aside, write_json
from ontogeny.store.index import FINDINGS, REPORT, Index, Indexer, ResultFile, RunEntry
from ontogeny.store.sink import DiskSink
from ontogeny.study import Study
from ontogeny.training.engine import Engine
from ontogeny.training.member import Member, State
from ontogeny.training.population import kernel_trains, train


class Progress(Protocol):
    """Told what is going on. ``done`` and ``total`` are in units of the stage."""

    def __call__(self, stage: str, what: str, done: float, total: float) -> None: ...


def silent(stage: str, what: str, done: float, total: float) -> None:
    """No progress."""


Collect = Callable[[Directory, Study, Iterable[str]], Mapping[str, Any]]
Draw = Callable[[Directory, str], Path]


def run(
    study: Study,
    out: str | Path,
    *,
    stages: Iterable[Stage] = STAGES,
    device: str = "cpu",
    engine: str = "auto",
    commit_every: float = 20.0,
    progress: Progress = silent,
    collect: Collect | None = None,
    draw: Draw | None = None,
) -> Plan:
    """Do what the plan says is missing or stale. Returns the plan that was carried out; an empty one: nothing to do."""
    directory = Directory.create(out, study)
    members = expect.members_of(study, directory)
    expect.check(study, members, directory.holds(study))
    for m in members if study.train else ():
        kernel_trains(m, device, engine)
    stages = tuple(stages)
    if directory.holds(study):
        indexer = Indexer(directory.root)
        if not (plan := make_plan(expect.expectations(study, members), indexer.read(), stages)):
            if (
                indexer.learned
            ):  # the files were copied or touched; next time this need not be found out again
                with suppress(UserError, OSError), directory.lock(f"ontogeny run {study.name}"):
                    indexer.save()
            return plan
    with directory.lock(f"ontogeny run {study.name}"), mending():
        directory.write_study(study)
        expected = expect.expectations(study, members)
        whole = make_plan(expected, _index(directory), stages)
        by_id = {m.id: m for m in members}
        if "train" in stages and (jobs := make_plan(expected, _index(directory)).of("train")):
            carry_out_training(jobs, by_id, study, directory, device, engine, commit_every, progress)
        if "look" in stages:
            looks = make_plan(expected, _index(directory)).of("look")
            carry_out_looking(looks, by_id, directory, progress)
        if "compare" in stages:
            for i, job in enumerate(jobs := make_plan(expected, _index(directory)).of("compare")):
                progress("compare", job.what, i, len(jobs))
                try:
                    carry_out_comparing(job, members, directory)
                except (Damaged, DiskFull):
                    raise
                except Exception as error:
                    failed(f"the measure '{job.what}'", error)
                progress("compare", job.what, i + 1, len(jobs))
        if (
            "find" in stages
            and expected.findings
            and collect
            and make_plan(expected, index := _index(directory)).of("find")
        ):
            carry_out_finding(study, directory, expected.stamps(index)[FINDINGS], collect, progress)
        if (
            "report" in stages
            and expected.report
            and draw
            and make_plan(expected, index := _index(directory)).of("report")
        ):
            progress("report", "report", 0, 1)
            draw(directory, expected.stamps(index)[REPORT])
            progress("report", "report", 1, 1)
        _index(directory)
    return whole


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


def _index(directory: Directory) -> Index:
    indexer = Indexer(directory.root)
    index = indexer.read()
    indexer.save()
    return index


def carry_out_training(
    jobs: Sequence[Train],
    members: Mapping[str, Member],
    study: Study,
    directory: Directory,
    device: str,
    engine: str,
    commit_every: float,
    progress: Progress,
) -> None:
    """Every run of every job as one population."""
    todo = [members[id] for job in jobs for id in job.runs]
    asked = expect.wanted_runs(todo, study)
    steps = {r.id: r.total for r in asked}
    done = dict.fromkeys(steps, 0)
    whole, gone = sum(steps.values()), 0

    def tick(m: Member, step: int, total: int) -> None:
        nonlocal gone
        gone += step - done[m.id]
        done[m.id] = step
        progress("train", f"{len(todo)} runs", gone, whole)

    points = study.resume_points
    keep = {s for r in asked for s in (points.steps(r.total, r.steps_per_epoch) if points else ())}
    budgets = {r.id: r.total / r.steps_per_epoch for r in asked}
    sink = DiskSink(
        directory, every=commit_every, keep_resume=frozenset(keep), budgets=budgets, progress=tick
    )
    wanted = {r.id: r.steps for r in asked}
    there = directory.index().runs
    whys = {r.id: why_train(r, there.get(r.id)) for r in asked}
    for m in (m for m in todo if not whys[m.id]):  # finished before, under a smaller budget
        files = directory.run(m.id)
        files.write_record({**files.record(), "budget_epochs": budgets[m.id]})
        tick(m, steps[m.id], steps[m.id])
    todo = [m for m in todo if whys[m.id]]
    resume = {m.id: s for m in todo if (s := resume_point(directory, m, there.get(m.id), wanted[m.id]))}
    unfinished = []
    for m in todo:
        state = resume.get(m.id)
        if state and state.outcome == "stopped" and _record(directory, m).get("status") == "stopped":
            state.outcome = "training"  # by a rule that the study has no longer
        if state and state.outcome in (
            "stopped",
            "diverged",
        ):  # killed between its last commit and its record
            sink.begin(m, state.step, {"provenance": provenance(device, ""), **_record(directory, m)})
            sink.finish(m, state.step, state.outcome)
            tick(m, steps[m.id], steps[m.id])
        else:
            unfinished.append(m)

    def begin(shard: Sequence[Member], runner: Engine) -> None:
        here = provenance(device, runner.name, runner.arithmetic)
        for m in shard:
            record = _record(directory, m)
            warn_of_mismatch(m, record.get("provenance"), here)
            sink.begin(m, resume[m.id].step if m.id in resume else -1, record | {"provenance": here})

    aside = {r.id for r in asked if r.aside}
    for recipe, part in (
        (study, [m for m in unfinished if m.id not in aside]),
        (study.ends, [m for m in unfinished if m.id in aside]),
    ):
        train(part, recipe, sink, resume, device=device, engine=engine, on_engine=begin)
    progress("train", f"{len(todo)} runs", whole, whole)


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


def load(directory: Directory, entry: RunEntry, steps: Sequence[int]) -> dict[str, torch.Tensor]:
    """Weights of a run at these steps, (step, …)."""
    return checkpoints.read(directory.run(entry.id).checkpoints, entry.checkpoints, steps)


def carry_out_looking(
    jobs: Sequence[Look], members: Mapping[str, Member], directory: Directory, progress: Progress
) -> None:
    """Run by run: all lenses of one run share its forward passes, and its results are written before the next begins."""
    by_run: dict[str, list[Wanted]] = {}
    for job in jobs:
        by_run.setdefault(job.run, []).extend(job.wanted)
    index = directory.index()
    for i, (id, wanted) in enumerate(by_run.items()):
        entry = index.runs.get(id)
        progress("look", f"{members[id].name}", i, len(by_run))
        if entry and entry.finished and entry.checkpoints:
            look(directory, members[id], entry, wanted)
        progress("look", f"{members[id].name}", i + 1, len(by_run))


def look(directory: Directory, m: Member, entry: RunEntry, wanted: Sequence[Wanted]) -> None:
    """Compute and write results of one run; of a lens that looks at single steps, only the new ones."""
    import xarray as xr

    session = Session(
        lambda steps: build.subject(m, load(directory, entry, steps)),
        entry.steps,
        {w.name: w.options for w in wanted},
    )
    groups: dict[tuple[int, ...], list[Wanted]] = {}
    for w in wanted:
        groups.setdefault(tuple(stale_steps(w, entry)), []).append(w)
    for steps, lenses in groups.items():
        while (
            lenses
        ):  # one pass for lenses of different names; the same lens with other options takes its own
            batch = list({w.name: w for w in lenses}.values())
            lenses = [w for w in lenses if w not in batch]
            session.options = {w.name: w.options for w in batch}
            for name, data in looked(session, [w.name for w in batch], steps, m.name).items():
                w = next(w for w in batch if w.name == name)
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


def failed(what: str, error: Exception) -> None:
    """Say what failed and go on."""
    said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    warnings.warn(f"{what} failed ({said}); the rest goes on.", Failed, stacklevel=3)


def stale_steps(w: Wanted, entry: RunEntry) -> list[int]:
    """The steps that a lens has to look at."""
    have = entry.results.get(w.stem)
    if have is None or have.fingerprint != w.fingerprint or w.whole:
        return entry.steps
    old = dict(zip(have.steps, have.digests, strict=True))
    return [s for s, d in entry.digests.items() if old.get(s) != d] or entry.steps


def carry_out_comparing(job: Compare, members: Sequence[Member], directory: Directory) -> None:
    """All pairs of runs at their last step."""
    assert job.wanted is not None
    index = directory.index()
    there = [m for m in members if m.id in index.runs and index.runs[m.id].checkpoints]
    if len(there) < 2:
        raise UserError(
            f"'{job.wanted.name}' compares runs with each other; {directory.root} has {len(there)}."
        )
    data = compare(directory, there, index, job.wanted)
    digests = [last_digest(index.runs[m.id]) for m in there]
    about = ResultFile(job.wanted.name, dict(job.wanted.options), job.wanted.fingerprint, digests)
    made_by = registry.provenance(registry.measures[job.wanted.name].implementation.__module__)
    results.write(directory.comparisons / f"{job.wanted.stem}.nc", data.assign_attrs(made_by=made_by), about)


def compare(
    directory: Directory, members: Sequence[Member], index: Index, wanted: Wanted, step: int = -1
) -> Any:
    """The labelled (run, run_other) dataset of a measure; ``step`` 0 compares the untrained models."""
    subjects = []
    for m in members:
        entry = index.runs[m.id]
        weights = load(directory, entry, [entry.steps[step]])
        subjects.append(build.subject(m, {n: w[0] for n, w in weights.items()}))
    ticks: dict[str, list[Any]] = {"run": [m.id for m in members]}
    for name in members[0].varied:
        ticks[name] = [m.varied.get(name) for m in members]
    return between_runs(registry.measures[wanted.name], subjects, wanted.options, ticks)


def carry_out_finding(
    study: Study, directory: Directory, stamp: str, collect: Collect, progress: Progress
) -> None:
    """Findings, question by question, as JSON that anyone can read. What several of them read is read once."""
    asked = study.asked()
    kinds = [registry.findings[one.kind] for one in asked]
    options = [kind.given(one) for kind, one in zip(kinds, asked, strict=True)]
    found: list[dict[str, Any]] = []
    for i, (one, kind, given) in enumerate(zip(asked, kinds, options, strict=True)):
        progress("find", one.key, i, len(asked))
        need = kind.needs(given)
        try:
            data = collect(directory, study, [word if must else f"{word}?" for word, must in need.items()])
            said = kind({word: data[word] for word in need}, **given)
        except (Damaged, DiskFull):
            raise
        except Exception as error:
            failed(f"the claim '{one.key}'", error)
            said = [Finding(one.text or one.key, why=f"it could not be computed: {error}")]
        found += [f.to_dict() for f in stamped(said, one)]
    write_json(directory.findings, {"fingerprint": stamp, "findings": found})
    progress("find", "findings", len(asked), len(asked))
