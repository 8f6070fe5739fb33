"""A network lends its neurons to itself, to its twin under other names, and to one that it has nothing to do with."""

from __future__ import annotations

import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.handles import open_store
from ontogeny.registry import measures
from ontogeny.subject import Subject

P = 7
STUDY = {
    "name": "sums",
    "task": {"kind": "fibonacci", "p": P, "length": 2, "counted": 2},
    "architecture": {
        "kind": "transformer",
        "read_at": "all",
        "d_model": 24,
        "n_heads": 2,
        "d_head": 12,
        "d_mlp": 48,
    },
    "objective": {"kind": "next_token"},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"steps": 120, "batch": 49, "evaluate": {"ranges": [{"every": 60}]}},
    "zip": [["task.length", "task.counted"]],
    "vary": {"task.length": [2, 4], "task.counted": [2, 4], "seed": [0, 1, 2]},
    "lenses": ["next_terms"],
    "measures": ["transplanted_neurons"],
    "questions": {"same": "Is it the same?"},
    "claims": {"same": {"it": {"text": "The same", "kind": "as_its_own", "kinds": [4, 2]}}},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory, carry_out):
    out = tmp_path_factory.mktemp("sums") / "out"
    carry_out(STUDY, out)
    return open_store(out)


def subject(store, **which) -> Subject:
    return store.run(**which).subject(-1)


def compared(x, y):
    one = measures["transplanted_neurons"]
    said = one.pairs([one.prepare(x)], [one.prepare(y)])
    return {name: float(value[0, 0]) for name, value in said.items()}


def test_its_own_neurons_change_nothing(store):
    for length in (2, 4):
        x = subject(store, length=length, seed=0)
        found = compared(x, x)
        assert found["own"] > 0.9 and found["value"] == pytest.approx(found["own"], abs=0.05)
        assert found["likeness"] == pytest.approx(1) and found["blank"] < 0.6


def test_a_twin_under_other_names_lends_as_well(store):
    x, y = subject(store, length=2, seed=0), subject(store, length=2, seed=0)
    number = 3 * torch.arange(P) % P
    y.weights = {**y.weights, "embed.W_E": y.weights["embed.W_E"][number.argsort()]}
    found = compared(x, y)  # y says at (3a, 3b) what x says at (a, b)
    assert found["value"] == pytest.approx(found["own"], abs=0.05) and found["likeness"] == pytest.approx(1)


def test_a_scrambled_network_lends_nothing(store):
    x, y = subject(store, length=2, seed=0), subject(store, length=2, seed=1)
    draw = torch.Generator().manual_seed(0)
    y.weights = {n: torch.randn(w.shape, generator=draw).to(w) * w.std() for n, w in y.weights.items()}
    found = compared(x, y)
    assert found["value"] < found["own"] - 0.3


def test_kinds_are_compared_although_their_tasks_differ(store):
    table = store.comparison("transplanted_neurons")
    assert table.sizes["run"] == 6 and {"control", "blank", "own", "likeness", "probe"} <= set(
        table.data_vars
    )
    assert not bool(table["value"].isnull().any())
    (claim,) = [one for one in store.findings() if one.key == "same.it"]
    assert claim.n == 3 and "another seed of its own" in claim.why and "random features" in claim.why


def test_what_has_no_such_place_is_refused(trained):
    with pytest.raises(UserError, match=r"no .*hook_mlp_out"):
        measures["transplanted_neurons"].prepare(open_store(trained).run(d_hidden=20).subject(-1))
