"""Trains whole populations: variants of one shape are one program, and each takes the path it would take alone.

The loop knows nothing of disks. What happens is told to a *sink*: rows of metrics, snapshots of weights, and now and then a
commit: the states from which everything can go on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ontogeny.errors import UserError
from ontogeny.models.base import Weights
from ontogeny.study import Study
from ontogeny.training.bilinear_engine import BilinearEngine
from ontogeny.training.engine import Engine, TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State

Row = dict[str, float]


class Sink(Protocol):
    """Receives what training produces. ``due`` says when a commit is wanted; a commit is offered at no other time."""

    def log(self, member: Member, row: Row) -> None: ...

    def snapshot(self, member: Member, step: int, weights: Weights) -> None: ...

    def due(self) -> bool: ...

    def commit(self, member: Member, state: State) -> None: ...

    def progress(self, member: Member, step: int, total: int) -> None: ...


def kernel_trains(member: Member, device: str, engine: str) -> bool:
    """Whether the bilinear kernel trains this variant: where it applies, unless ``engine`` says "torch"; "kernel" insists."""
    obstacle = BilinearEngine.obstacle(member, device)
    if engine == "kernel" and obstacle:
        raise UserError(f"The bilinear kernel cannot train this: {obstacle}.")
    return engine != "torch" and not obstacle


def shards(
    members: Sequence[Member],
    states: Mapping[str, State],
    *,
    device: str = "cpu",
    engine: str = "auto",
) -> list[list[Member]]:
    """Variants that train together: equal in everything that shapes a program, and at the same step. The kernel pads nothing."""
    groups: dict[tuple[str, int], list[Member]] = {}
    for member in members:
        step = states[member.id].step if member.id in states else 0
        alike = member.program if kernel_trains(member, device, engine) else member.shard
        groups.setdefault((alike, step), []).append(member)
    return list(groups.values())


def train(
    members: Sequence[Member],
    study: Study,
    sink: Sink,
    resume: Mapping[str, State] | None = None,
    *,
    device: str = "cpu",
    engine: str = "auto",
    on_engine: Callable[[Sequence[Member], Engine], None] | None = None,
) -> None:
    """Train every member to the study's duration, from its resume point where there is one."""
    resume = resume or {}
    for shard in shards(members, resume, device=device, engine=engine):
        train_shard(shard, study, sink, resume, device=device, engine=engine, on_engine=on_engine)


def train_shard(
    members: Sequence[Member],
    study: Study,
    sink: Sink,
    resume: Mapping[str, State],
    *,
    device: str = "cpu",
    engine: str = "auto",
    on_engine: Callable[[Sequence[Member], Engine], None] | None = None,
) -> None:
    """One shard: advance to the next event (evaluation, checkpoint, epoch end), handle it, go on."""
    assert study.train is not None, "a study without [train] has no runs to train"
    stop, feed = study.train.stop, Feed(members)
    per_epoch, total = feed.steps_per_epoch, total_steps(study, feed)
    evaluations = set(study.train.evaluate.steps(total, per_epoch))
    checks = set(stop.check.steps(total, per_epoch)) if stop and stop.check else set()
    checkpoints = set(study.checkpoints.steps(total, per_epoch))
    commits = set(study.resume_points.steps(total, per_epoch)) if study.resume_points else set()
    events = sorted(evaluations | checks | checkpoints | commits | {total})
    states = [resume.get(m.id) or State(0, m.init()) for m in members]
    runner: Engine = (
        BilinearEngine(members, states, feed)
        if kernel_trains(members[0], device, engine)
        else TorchEngine(members, states, feed, device)
    )
    if on_engine:
        on_engine(members, runner)
    step = states[0].step
    active = list(range(len(members)))

    def settle(i: int, outcome: str) -> None:
        """A variant that goes no further: its last state is committed with what became of it."""
        state = runner.state(i)
        state.outcome = outcome  # type: ignore[assignment]
        if outcome != "diverged":
            sink.snapshot(members[i], step, state.weights)
        sink.commit(members[i], state)

    def look() -> None:
        """Log, stop, and keep weights, all of the same step."""
        nonlocal active
        if active and step in evaluations | checks:
            logged = step in evaluations
            stopped = []
            for i, row in runner.evaluate(active, None if logged else stop).items():
                fires = stop is not None and stop.fires(row)
                if logged or fires:
                    sink.log(members[i], {"step": step, "epoch": step / per_epoch, **row})
                if fires:
                    stopped.append(i)
            for i in stopped:
                settle(i, "stopped")
            active = [i for i in active if i not in stopped]
        if step in checkpoints and step < total:
            for i in active:
                sink.snapshot(members[i], step, runner.state(i).weights)

    if step == 0:
        look()
    while active and step < total:
        following = min(events[bisect_right(events, step)], _epoch_end(step, per_epoch))
        diverged = runner.advance(active, step, following)
        step = following
        for i, bad in diverged.items():
            if bad == step or bad not in evaluations:  # else the row of that step is there, and says so
                sink.log(members[i], {"step": bad, "epoch": bad / per_epoch, "train_loss": float("nan")})
            settle(i, "diverged")
        active = [i for i in active if i not in diverged]
        look()
        for i in active:
            sink.progress(members[i], step, total)
        if step < total and (sink.due() or step in commits):
            for i in active:
                sink.commit(members[i], runner.state(i))
    for i in active:
        settle(i, "done")


def total_steps(study: Study, feed: Feed) -> int:
    """The study's duration in updates."""
    assert study.train is not None
    if study.train.steps is not None:
        return study.train.steps
    if not feed.task.finite:
        raise UserError("This task is a stream and has no epochs: set train.steps instead of train.epochs.")
    assert study.train.epochs is not None
    return study.train.epochs * feed.steps_per_epoch


def _epoch_end(step: int, per_epoch: int) -> int:
    return (step // per_epoch + 1) * per_epoch
