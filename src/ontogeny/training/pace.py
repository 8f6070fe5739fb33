"""How long training would take on this machine: a few updates are taken of a few variants, and thrown away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ontogeny.provenance import cores
from ontogeny.study import Study
from ontogeny.training.bilinear_engine import BilinearEngine
from ontogeny.training.engine import Engine, TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State
from ontogeny.training.population import kernel_trains, shards, total_steps
from ontogeny.training.stacks import HEIGHT, large

ENOUGH = 0.3  # seconds that are measured of every program
MOST_PROGRAMS = 6  # that are measured; others are taken to be as long as the measured one before them
MOST_UPDATES = 256


@dataclass(frozen=True)
class Pace:
    """``seconds`` of training in all, and how many ``updates`` of how many ``variants`` were taken to know it."""

    seconds: float
    updates: int
    variants: int


def pace(
    members: Sequence[Member],
    study: Study,
    done: Mapping[str, int] | None = None,
    *,
    device: str = "cpu",
    engine: str = "auto",
    clock: Callable[[], float] = time.perf_counter,
) -> Pace:
    """How long it takes to train these variants to the study's end, from the step that each is at (``done``, else 0).

    Of every program (variants that are one program train together) as many variants as fill the cores take updates until that has lasted .3 s, and one
    evaluation; what one update and one evaluation took is carried over to all. Compilation and the first pass are left out; so are checkpoints and whatever comes
    after training. A run that a rule stops is taken to go on to the end, so this is the longest. Other work on the machine counts twice: while this is measured, and while it trains.
    """
    done = done or {}
    todo = [m for m in members if m.optimiser is not None]
    programs = shards(todo, {}, device=device, engine=engine) if todo and study.train else []
    chosen = set(
        np.linspace(0, len(programs) - 1, min(MOST_PROGRAMS, len(programs))).round().astype(int).tolist()
    )
    seconds, updates, variants = 0.0, 0, 0
    per_update = per_evaluation = 0.0  # of one variant
    for k, of in enumerate(programs):
        feed = Feed(of[:1])
        total = total_steps(study, feed)
        if k in chosen:
            some = _some(of, feed, device, engine)
            per_update, per_evaluation, taken = _measured(some, total, device, engine, clock)
            updates, variants = updates + taken, variants + len(some)
        assert study.train is not None
        seen = study.train.evaluate.steps(total, feed.steps_per_epoch)
        for m in of:
            left = max(0, total - done.get(m.id, 0))
            seconds += (
                left * per_update
                + sum(step > total - left or left == total for step in seen) * per_evaluation
            )
    return Pace(seconds, updates, variants)


def _some(of: Sequence[Member], feed: Feed, device: str, engine: str) -> list[Member]:
    """Variants that keep every core as busy as all of them would, evenly spread among them."""
    if kernel_trains(of[0], device, engine):
        most = 4 * cores()
    else:
        alone = device != "cpu" or large(of[0].init(), feed.rows_per_batch, device)
        most = cores() if alone else HEIGHT * cores()
    places = np.linspace(0, len(of) - 1, min(most, len(of))).round().astype(int)
    return [of[i] for i in dict.fromkeys(places.tolist())]


def _measured(
    some: Sequence[Member], total: int, device: str, engine: str, clock: Callable[[], float]
) -> tuple[float, float, int]:
    """Seconds of an update and of an evaluation, of one variant; and how many updates were taken."""
    feed, everyone = Feed(some), list(range(len(some)))
    states = [State(0, m.init()) for m in some]
    runner: Engine = (
        BilinearEngine(some, states, feed)
        if kernel_trains(some[0], device, engine)
        else TorchEngine(some, states, feed, device)
    )
    runner.advance(everyone, 0, 1)  # imports and compilation
    runner.evaluate(everyone)
    at, many = 1, 1
    while True:
        begun = clock()
        runner.advance(everyone, at, at + many)
        lasted = clock() - begun
        at += many
        if lasted >= ENOUGH or many >= min(MOST_UPDATES, max(1, total)):
            break
        many *= 2
    begun = clock()
    runner.evaluate(everyone)
    seen = clock() - begun
    return lasted / many / len(some), seen / len(some), at
