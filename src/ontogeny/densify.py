"""More checkpoints of a stretch of training that is over, without training again from the start."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ontogeny import build
from ontogeny.errors import Damaged, UserError
from ontogeny.models.base import Weights
from ontogeny.provenance import differences, provenance
from ontogeny.store import checkpoints
from ontogeny.store.directory import Directory
from ontogeny.store.index import RunEntry
from ontogeny.study import Range, Schedule, Study
from ontogeny.training.member import Member, State
from ontogeny.training.population import train_shard

Tick = Callable[[int, int], None]


def densify(
    directory: Directory, id: str, from_step: int, to_step: int, every: int, tick: Tick | None = None
) -> list[int]:
    """Keep the weights of run ``id`` every ``every`` steps from ``from_step`` to ``to_step``; returns the steps that are new.

    Training goes on from the nearest resume point before, and to the first step after that was kept before: every kept step
    on the way must come out bit for bit as it was. Metrics stay as they are.

    Raises ``UserError`` for a run that was not trained here or is not finished, a stretch that it did not train, and weights that
    come out otherwise; then nothing is written.
    """
    study = directory.study()
    with directory.leased(id):
        entry = directory.index().runs[id]
        member = build.member_of(entry.record)
        _check(study, member, entry, from_step, to_step, every)
        have = entry.digests
        new = [s for s in range(from_step, to_step + 1, every) if s not in have]
        if not new:
            return []
        state = _begin(directory, member, new[0], have)
        until = min(s for s in have if s > new[-1])
        again = [s for s in have if state.step < s <= until]
        sink = _Snapshots({state.step: state.weights}, tick)
        train_shard(
            [member], _recipe(study, [*new, *again], until), sink, {id: state}, **_as_before(entry.record)
        )
        for step in again:
            if checkpoints.weights_digest(sink.kept[step]) != have[step]:
                raise UserError(_otherwise(member, entry.record, step))
        files = directory.run(id)
        checkpoints.write(files.checkpoints, {s: sink.kept[s] for s in new})
        checkpoints.consolidate(files.checkpoints)
    return new


class _Snapshots:
    """A sink that keeps weights and nothing else."""

    def __init__(self, kept: dict[int, Weights], tick: Tick | None) -> None:
        self.kept, self._tick = kept, tick

    def snapshot(self, member: Member, step: int, weights: Weights) -> None:
        self.kept[step] = weights

    def progress(self, member: Member, step: int, total: int) -> None:
        if self._tick:
            self._tick(step, total)

    def due(self) -> bool:
        return False

    def log(self, member: Member, row: Mapping[str, float]) -> None:
        pass

    def commit(self, member: Member, state: State) -> None:
        pass


def _check(study: Study, m: Member, entry: RunEntry, from_step: int, to_step: int, every: int) -> None:
    if study.train is None or m.optimiser is None:
        raise UserError(
            f"{m.name} was trained elsewhere; only runs that were trained here can be made denser."
        )
    if not entry.finished:
        raise UserError(
            f"{m.name} is still in training (or was interrupted); finish it with `ontogeny run` first."
        )
    if not entry.steps:
        raise UserError(f"{m.name} has no checkpoints to compare with.")
    if every < 1 or not 0 <= from_step <= to_step <= entry.steps[-1]:
        raise UserError(
            f"every {every} from {from_step} to {to_step}: {m.name} trained from step 0 to {entry.steps[-1]}, and "
            "a stretch of it needs from ≤ to and every ≥ 1."
        )


def _begin(directory: Directory, m: Member, first: int, have: Mapping[int, str]) -> State:
    """The nearest resume point up to ``first``, or the initialisation."""
    files = directory.run(m.id)
    for point in reversed([s for s in files.resume_steps() if s <= first]):
        try:
            found = files.read_resume(point)
        except Damaged as error:
            warnings.warn(str(error), stacklevel=3)
            continue
        if found:
            return State.from_tensors(found[1], point, "training")
    warnings.warn(
        f"{m.name} has no resume point before step {first}, so it trains again from step 0. "
        "resume_points in the study keeps some.",
        stacklevel=3,
    )
    state = State(0, m.init())
    if 0 in have and checkpoints.weights_digest(state.weights) != have[0]:
        raise UserError(_otherwise(m, directory.run(m.id).record(), 0))
    return state


def _recipe(study: Study, keep: list[int], until: int) -> Study:
    """The study with other checkpoints and another duration, and without what has no influence on the path."""
    assert study.train is not None
    never = Schedule(ranges=(Range(every=until),))
    train = study.train.model_copy(update={"steps": until, "epochs": None, "stop": None, "evaluate": never})
    return study.model_copy(
        update={"train": train, "checkpoints": Schedule(at=tuple(keep)), "resume_points": None}
    )


def _as_before(record: Mapping[str, Any]) -> dict[str, Any]:
    """The engine that trained the run: another takes a path of its own."""
    before = record.get("provenance", {})
    device = "cpu"
    if before.get("device", "cpu") != "cpu":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    return {"engine": "torch" if before.get("engine") == "torch" else "auto", "device": device}


def _otherwise(m: Member, record: Mapping[str, Any], step: int) -> str:
    before = record.get("provenance", {})
    now = provenance(_as_before(record)["device"], before.get("engine", ""), before.get("arithmetic", ""))
    said = differences(before, now)
    return f"Step {step} of {m.name} came out otherwise than it was kept, so nothing was added. " + (
        f"The run was trained under other conditions ({said}), and the same bits are promised only for "
        "the same machine and build."
        if said
        else "The conditions are recorded as the same, so the kept weights or the code that trains have changed."
    )
