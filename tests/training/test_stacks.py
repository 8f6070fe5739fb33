"""Variants in a stack, and large ones piece by piece: one path, whoever is there, in whichever place, on however many cores."""

from __future__ import annotations

import pytest
import torch

from ontogeny.numerics.cores import one_core_each
from ontogeny.training import engine, stacks

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
    """Every variant has a stack of its own, and passes in pieces of at most 8 of the 29 examples."""
    monkeypatch.setattr(stacks, "LARGE", {"cpu": 0})
    monkeypatch.setattr(stacks.pieces, "__defaults__", (8,))


def test_pieces_cover_the_batch_once_and_are_alike_in_size():
    for n in (1, 8, 9, 29, 3831):
        parts = stacks.pieces(n, 8)
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
    # it was another way
    assert any(apart.told(n)["state"] != stacked.told(n)["state"] for n in stacked.states)


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


@pytest.fixture
def engine_of(tiny_study):
    """A fresh engine over the variants of a study."""
    from ontogeny import build
    from ontogeny.study import load_study
    from ontogeny.training.feed import Feed
    from ontogeny.training.member import State

    def build_engine(study):
        members = build.members(load_study(study))
        return engine.TorchEngine(members, [State(0, m.init()) for m in members], Feed(members))

    return build_engine


def test_a_stack_has_as_many_places_as_ever_and_who_is_missing_is_repeated(engine_of, study):
    runner = engine_of(study)
    (stack,) = runner.stacks
    assert runner.arithmetic == engine.STACKS
    assert stack.who == [0, 1, 2]
    assert stack.places == [0, 1, *[2] * (stacks.HEIGHT - 2)]
    runner.advance([0, 2], 0, 2)
    (stack,) = runner.stacks
    assert (stack.who, stack.height) == ([0, 2], stacks.HEIGHT)
    for rows in stack.weights.values():
        assert engine.same_bits(rows[1:])
        assert not engine.same_bits(rows)


def test_large_variants_have_a_stack_of_their_own(engine_of, study, small_is_large):
    runner = engine_of(study)
    assert [stack.places for stack in runner.stacks] == [[0], [1], [2]]
    assert runner.arithmetic == engine.ONE_AT_A_TIME


def test_what_fills_a_batch_up_counts_for_nothing(engine_of, study, monkeypatch):
    """29 examples in a stack whose rows hold 32: losses and updates are those of 29."""
    filled = engine_of(study)
    monkeypatch.setattr(engine, "by_example", lambda *parts: False)
    as_it_is = engine_of(study)
    for runner in (filled, as_it_is):
        runner.advance([0, 1, 2], 0, 3)
    for i, theirs in as_it_is.evaluate([0, 1, 2]).items():
        assert filled.evaluate([0, 1, 2])[i] == pytest.approx(theirs, rel=1e-4)
    for name, w in filled.state(1).weights.items():
        torch.testing.assert_close(as_it_is.state(1).weights[name], w, rtol=1e-4, atol=1e-5)


def test_where_the_places_of_a_stack_differ_variants_train_one_at_a_time(
    train, engine_of, study, monkeypatch
):
    """A machine on which the place matters, acted out: whatever shares a stack is shifted by its place."""
    monkeypatch.setattr(engine, "_AGREED", {})
    honest = engine.TorchEngine._update

    def update(self, stack, *rest):
        losses = honest(self, stack, *rest)
        for w in stack.weights.values():
            w += torch.arange(len(w)).reshape(-1, *[1] * (w.ndim - 1)) * 1e-7
        return losses

    monkeypatch.setattr(engine.TorchEngine, "_update", update)
    with pytest.warns(UserWarning, match="one at a time"):
        runner = engine_of(study)
    assert runner.arithmetic == engine.DISAGREE
    assert [stack.places for stack in runner.stacks] == [[0], [1], [2]]
    assert train(study, only=["seed=2"]).told("seed=2") == train(study).told("seed=2")


def test_passes_are_cut_only_where_every_example_passes_by_itself():
    class Mixing:
        """Its examples compete with one another, as in batch top-k."""

    class Apart:
        by_example = True

    assert stacks.by_example(Apart(), Apart())
    assert not stacks.by_example(Mixing(), Apart())
    assert not stacks.by_example(Apart(), Mixing())


def test_every_worker_has_one_core_and_the_caller_gets_its_own_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with one_core_each() as share:
            assert share(lambda _: torch.get_num_threads(), range(5)) == [1] * 5
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
