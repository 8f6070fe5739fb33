"""How long it would take, by a clock that counts updates."""

from __future__ import annotations

import pytest

from ontogeny import build
from ontogeny.study import load_study
from ontogeny.training import pace as module
from ontogeny.training.bilinear_engine import BilinearEngine
from ontogeny.training.engine import TorchEngine
from ontogeny.training.pace import pace


class Clock:
    """A second an update of a variant and a tenth of one an evaluation, whatever the machine does."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        for engine in (TorchEngine, BilinearEngine):
            advance, evaluate = engine.advance, engine.evaluate

            def slow(runner, active, start, stop, of=advance):
                self.now += len(active) * (stop - start)
                return of(runner, active, start, stop)

            def seen(runner, active, rule=None, of=evaluate):
                self.now += 0.1 * len(active)
                return of(runner, active, rule)

            monkeypatch.setattr(engine, "advance", slow)
            monkeypatch.setattr(engine, "evaluate", seen)

    def __call__(self):
        return self.now


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_it_is_what_updates_and_evaluations_take(tiny_study, monkeypatch, engine):
    study = load_study(tiny_study(vary={"seed": [0, 1, 2], "architecture.d_hidden": [2, 20]}))
    members = build.members(study)
    clock = Clock(monkeypatch)
    found = pace(members, study, engine=engine, clock=clock)
    steps = 6 * (34 // 8)
    assert found.seconds == pytest.approx(6 * (steps + 0.1 * 7))  # at step 0 and behind each of six epochs
    assert found.variants > 0 and found.updates > 0
    half = pace(members, study, {members[0].id: steps, members[1].id: steps // 2}, engine=engine, clock=clock)
    assert half.seconds == pytest.approx(4 * (steps + 0.7) + steps / 2 + 0.1 * 3)


def test_what_is_not_trained_takes_no_time(tiny_study):
    study = load_study(tiny_study())
    assert pace([], study).seconds == 0


def test_of_many_programs_some_are_measured_and_the_others_taken_alike(tiny_study, monkeypatch):
    study = load_study(
        tiny_study(
            vary={"task.p": [5, 6, 7, 8, 9, 10, 11], "architecture.d_hidden": [3]}, train__batch="full"
        )
    )
    members, clock = build.members(study), Clock(monkeypatch)
    monkeypatch.setattr(module, "MOST_PROGRAMS", 2)
    found = pace(members, study, clock=clock)
    assert found.variants == 2 and found.seconds == pytest.approx(7 * (6 + 0.1 * 7))
