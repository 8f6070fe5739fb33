"""A task's group: element i plus element j is element i + j, whatever the numbers are called."""

from math import gcd

import pytest
import torch

import ontogeny as on
from ontogeny.tasks.groups import primitive_root
from ontogeny.tasks.modular import (
    ModularAddition,
    ModularMultiplication,
    ModularPolynomial,
    ModularSubtraction,
)

TASKS = [
    ModularAddition(p=12),
    ModularSubtraction(p=7),
    ModularSubtraction(p=8),
    ModularMultiplication(p=11),
    ModularMultiplication(p=9),
    ModularMultiplication(p=10),
    ModularPolynomial(p=10, aa=0, ab=0, bb=0, a=3, b=7, constant=4),
    ModularPolynomial(p=11, aa=0, ab=4, bb=0, a=2, b=5, constant=9),
]


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_the_label_of_two_elements_is_their_sum(task):
    group = task.group
    i = torch.arange(group.n)
    for one in (group.a, group.b, group.answers):
        assert len(one.unique()) == group.n
    labels = task.label(group.a[:, None].expand(-1, group.n), group.b.expand(group.n, -1))
    assert torch.equal(labels, group.answers[(i[:, None] + i) % group.n])


def test_multiplication_has_as_many_elements_as_there_are_units():
    for p in (7, 9, 10):
        assert ModularMultiplication(p=p).group.n == sum(gcd(x, p) == 1 for x in range(p))


@pytest.mark.parametrize(
    "task",
    [
        ModularMultiplication(p=8),  # every unit is its own inverse: no cycle
        ModularPolynomial(p=7),  # a² + a b + b²
        ModularPolynomial(p=10, aa=0, ab=0, bb=0, a=2, b=1),  # 2 has no inverse
        ModularPolynomial(p=10, aa=0, ab=5, bb=0, a=1, b=1),
    ],
    ids=str,
)
def test_what_is_no_cyclic_group_says_so(task):
    assert task.group is None and task.probe().group is None


def test_primitive_roots_are_those_of_the_tables():
    assert [primitive_root(p) for p in (5, 7, 11, 13, 23, 41)] == [2, 3, 2, 2, 5, 6]
    assert primitive_root(8) is None and primitive_root(15) is None


def test_a_study_of_multiplication_names_its_characters_and_says_how_they_are_counted(tmp_path, tiny_study):
    study = tiny_study(
        task={"kind": "modular_multiplication", "p": 7, "train_fraction": 0.7},
        lenses=["performance", "key_frequencies", "neuron_fourier"],
        vary={"seed": [0]},
        train__epochs=2,
    )
    store = on.run(study, tmp_path / "out", stages=("train", "look"))
    found = store.run(seed=0).lens("key_frequencies")
    assert found.sizes["frequency"] == 4  # 0 … 3 over six units
    assert found["share"].attrs["labelling"] == "discrete logarithms to base 3 modulo 7"
    assert "discrete logarithms to base 3" in store.draw("key_frequency_bars").says
    none = tiny_study(task={"kind": "modular_polynomial", "p": 7, "train_fraction": 0.7}, vary={"seed": [0]})
    with pytest.raises(on.UserError, match=r"addition in Z_n"):
        on.run({**none, "lenses": ["key_frequencies"]}, tmp_path / "none", stages=("train", "look"))
