"""Large variants, taken piece by piece on one core each, take the path of the stack, whoever is there and however many cores."""

from __future__ import annotations

import pytest
import torch

from ontogeny.numerics.cores import one_core_each
from ontogeny.training import pieces

TRANSFORMER = {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 16}


@pytest.fixture
def study(tiny_study):
    return tiny_study(
        task={"kind": "modular_addition", "p": 7, "equals": True, "train_fraction": 0.6},
        architecture=TRANSFORMER,
        objective={"kind": "cross_entropy", "precision": "float64"},
        train__batch="full",
        train__epochs=4,
        train__clip=0.05,
        vary={"seed": [0, 1, 2]},
    )


@pytest.fixture
def small_is_large(monkeypatch):
    """Every transformer is taken apart, in pieces of at most 8 of the 29 examples."""
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(pieces.pieces, "__defaults__", (8,))


def test_pieces_cover_the_batch_once_and_are_alike_in_size():
    for n in (1, 8, 9, 29, 3831):
        parts = pieces.pieces(n, 8)
        assert torch.cat([torch.arange(n)[p] for p in parts]).tolist() == list(range(n))
        sizes = [p.stop - p.start for p in parts]
        assert max(sizes) <= 8
        assert max(sizes) - min(sizes) <= 1


def test_the_path_is_that_of_the_stack(train, study, request):
    stacked = train(study)
    request.getfixturevalue("small_is_large")
    apart = train(study)
    for name, state in stacked.states.items():
        for weight, w in state.weights.items():
            torch.testing.assert_close(apart.states[name].weights[weight], w, rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(apart.rows[name], stacked.rows[name], strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)
    assert any(
        apart.told(n)["state"] != stacked.told(n)["state"] for n in stacked.states
    )  # it was another way


def test_company_and_the_number_of_cores_do_not_matter(train, study, small_is_large):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        together = train(study)
        torch.set_num_threads(1)
        for name in ("seed=2", "seed=0"):
            assert train(study, only=[name]).told(name) == together.told(name)
    finally:
        torch.set_num_threads(before)


def test_looking_more_often_does_not_change_the_path(train, study, small_is_large):
    """An evaluation goes through the full batch as the next update does, which then takes its gradients from there."""
    seldom = {"unit": "epoch", "ranges": [{"every": 4}]}
    often, rarely = train(study), train({**study, "train": {**study["train"], "evaluate": seldom}})
    for name in often.states:
        assert len(often.rows[name]) > len(rarely.rows[name])
        assert often.told(name)["state"] == rarely.told(name)["state"]
        assert often.rows[name][-1] == rarely.rows[name][-1]


def test_architectures_that_do_not_ask_for_it_are_left_in_the_stack(tiny_study):
    class Mixing:
        """Its examples compete with one another, as in batch top-k."""

    big = {"W": torch.zeros(4096, 4096)}
    assert not pieces.apart(Mixing(), big, 4096, torch.device("cpu"))
    Mixing.by_example = True
    assert pieces.apart(Mixing(), big, 4096, torch.device("cpu"))
    assert not pieces.apart(Mixing(), big, 4096, torch.device("cuda"))


def test_every_worker_has_one_core_and_the_caller_gets_its_own_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with one_core_each() as share:
            assert share(lambda _: torch.get_num_threads(), range(5)) == [1] * 5
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
