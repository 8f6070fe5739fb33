"""Labels of the arithmetic tasks, computed again with Python's integers."""

from __future__ import annotations

import pytest
import torch

from ontogeny.numerics.random import Key
from ontogeny.registry import tasks
from ontogeny.tasks.base import Task

RULES = {
    "modular_addition": lambda a, b, p: (a + b) % p,
    "modular_subtraction": lambda a, b, p: (a - b) % p,
    "modular_multiplication": lambda a, b, p: a * b % p,
    "modular_polynomial": lambda a, b, p: (3 * a * a - a * b + 2 * b + 5) % p,
    "addition": lambda a, b, p: a + b,
}
SETTINGS = {"modular_polynomial": {"aa": 3, "ab": -1, "bb": 0, "b": 2, "constant": 5}}


@pytest.mark.parametrize("kind", RULES)
def test_every_pair_has_its_label(kind: str) -> None:
    task = tasks.build({"kind": kind, "p": 7, **SETTINGS.get(kind, {})})
    assert isinstance(task, Task)
    probe = task.probe()
    expected = [RULES[kind](a, b, 7) for a in range(7) for b in range(7)]
    assert probe.labels.tolist() == expected
    assert [tuple(x) for x in probe.inputs[:, :2].tolist()] == [(a, b) for a in range(7) for b in range(7)]


def test_digits_are_added_without_a_modulus() -> None:
    task = tasks.build({"kind": "addition"})
    assert (task.signature.outputs, task.signature.vocab, task.signature.positions) == (20, 11, 3)
    probe = task.probe()
    assert set(probe.labels.tolist()) == set(range(19))
    assert probe.inputs[:, 2].unique().tolist() == [10]
    assert probe.period is None
    assert [len(part) for part in task.split(Key(598, "split")).values()] == [72, 28]


@pytest.mark.parametrize("p", [10, 200])
def test_fibonacci_predicts_the_next_term(p: int) -> None:
    task = tasks.build({"kind": "fibonacci", "p": p, "length": 6})
    assert isinstance(task, Task)
    for batch in (task.draw(Key(0, "order"), 3, 50), task.probe().batch):
        for terms, following in zip(batch.inputs.tolist(), batch.labels.tolist(), strict=True):
            assert terms[1:] == following[:-1]
            assert all(following[n] == (terms[n] + terms[n - 1]) % p for n in range(1, 6))
        assert batch.mask.tolist() == [False] + [True] * 5
    assert len(task.probe().inputs) == (100 if p == 10 else 4096)


def test_fresh_batches_depend_on_key_and_step_alone() -> None:
    task = tasks.build({"kind": "fibonacci"})
    one, again, later = (task.draw(Key(0, "order"), step, 50).inputs for step in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, later)
    starts = task.probe().inputs[:, :2]
    assert len(starts.unique(dim=0)) == 100
