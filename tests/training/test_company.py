"""A variant does not depend on its company: alone or among others it takes the same path, bit for bit."""

from __future__ import annotations

import pytest
import torch

TRANSFORMER = {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 16}


def assert_company_does_not_matter(train, study, some, **settings):
    together = train(study, **settings)
    assert len(together.states) > len(some)
    for name in some:
        assert train(study, only=[name], **settings).told(name) == together.told(name), name
    assert train(study, only=some, **settings).told(some[0]) == together.told(some[0])


@pytest.mark.parametrize("batch", [8, "full"])
@pytest.mark.parametrize("engine", ["torch", "kernel"])
def test_widths_and_seeds(train, tiny_study, engine, batch):
    study = tiny_study(train__batch=batch, train__epochs=8, vary__seed=[0, 1])
    assert_company_does_not_matter(
        train, study, ["d_hidden=3, seed=1", "d_hidden=20, seed=0", "d_hidden=2, seed=0"], engine=engine
    )


@pytest.mark.parametrize("batch", [8, "full"])
def test_clipping_is_per_variant(train, tiny_study, batch):
    study = tiny_study(train__batch=batch, train__clip=0.01, vary__seed=[0, 1])
    assert_company_does_not_matter(train, study, ["d_hidden=20, seed=1", "d_hidden=3, seed=0"])
    free = train(tiny_study(train__batch=batch), only=["d_hidden=3, seed=0"], engine="torch")
    clipped = train(study, only=["d_hidden=3, seed=0"])
    assert free.told("d_hidden=3, seed=0")["state"] != clipped.told("d_hidden=3, seed=0")["state"]


def test_learning_rates_and_decays_vary_within_one_program(train, tiny_study):
    vary = {"optimiser.lr": [1e-3, 3e-2], "optimiser.weight_decay": [0.0, 0.5], "architecture.d_hidden": [5]}
    study = tiny_study(vary=vary)
    some = ["lr=0.03, weight_decay=0.0, d_hidden=5", "lr=0.001, weight_decay=0.5, d_hidden=5"]
    for engine in ("torch", "kernel"):
        assert_company_does_not_matter(train, study, some, engine=engine)


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("batch", [10, "full"])
def test_a_transformer(train, tiny_study, batch, clip):
    study = tiny_study(
        task={"kind": "modular_addition", "p": 5, "equals": True, "train_fraction": 0.6},
        architecture=TRANSFORMER,
        train__batch=batch,
        train__clip=clip,
        train__epochs=3,
        vary={"seed": [0, 1, 2, 3]},
    )
    assert_company_does_not_matter(train, study, ["seed=2", "seed=0"])


@pytest.mark.parametrize("engine", ["kernel", "torch"])
@pytest.mark.parametrize("metric", ["train_accuracy", "all_loss"])
def test_a_rule_is_looked_at_oftener_than_all_is_logged(train, tiny_study, engine, metric):
    """Checks between evaluations stop a variant when every evaluation would have, and log the row of that step and no other."""
    at = {"at_least": 0.6} if metric == "train_accuracy" else {"at_most": 1.5}
    each = {"unit": "epoch", "ranges": [{"every": 1}]}
    rule, study = {"metric": metric, **at}, {"vary__seed": {"range": [0, 2]}, "train__epochs": 30}
    dense = train(tiny_study(**study, train__stop=rule, train__evaluate=each), engine=engine)
    rare = train(
        tiny_study(
            **study, train__stop={**rule, "check": each}, train__evaluate={"unit": "epoch", "at": [4]}
        ),
        engine=engine,
    )
    assert {s.outcome for s in dense.states.values()} >= {"stopped"}
    for name, state in dense.states.items():
        told, rows = rare.states[name], dense.rows[name]
        assert (told.outcome, told.step) == (state.outcome, state.step)
        ends = {0, 4, rows[-1]["epoch"]}
        assert rare.rows[name] == [row for row in rows if row["epoch"] in ends]


def test_who_stops_early_leaves_the_others_alone(train, tiny_study):
    """Compaction after a stop changes nobody's path, and a variant stops where it would stop alone."""
    study = tiny_study(
        train__epochs=40,
        train__stop={"metric": "train_accuracy", "at_least": 0.6},
        vary={"architecture.d_hidden": [2, 5, 9, 20], "seed": [0, 1]},
    )
    for engine in ("torch", "kernel"):
        together = train(study, engine=engine)
        outcomes = {name: (s.outcome, s.step) for name, s in together.states.items()}
        assert len({step for _, step in outcomes.values()}) > 2, outcomes
        for name in sorted(together.states):
            assert train(study, only=[name], engine=engine).told(name) == together.told(name)


@pytest.mark.parametrize("evaluate", [{"unit": "epoch"}, {"ranges": [{"every": 1}]}])
@pytest.mark.parametrize("engine", ["torch", "kernel"])
def test_who_diverges_is_marked_and_disturbs_nobody(train, tiny_study, engine, evaluate):
    study = tiny_study(
        train__evaluate=evaluate, vary={"optimiser.lr": [1e-2, 1e30], "architecture.d_hidden": [3, 4]}
    )
    healthy, sick = "lr=0.01, d_hidden=4", "lr=1e+30, d_hidden=4"
    together = train(study, engine=engine)
    state, rows = together.states[sick], together.rows[sick]
    assert state.outcome == "diverged"
    assert state.step <= 4  # the first update ruins it; nobody trains it beyond the end of that epoch
    assert [r["step"] for r in rows] == sorted({r["step"] for r in rows})
    assert rows[-1]["train_loss"] != rows[-1]["train_loss"]
    assert set(together.weights[sick]) == {0, 1} or set(together.weights[sick]) == {0}
    assert together.states[healthy].outcome == "done"
    assert train(study, only=[healthy], engine=engine).told(healthy) == together.told(healthy)
    assert train(study, only=[sick], engine=engine).told(sick) == together.told(sick)


@pytest.mark.parametrize("batch", [8, "full"])
def test_the_kernel_agrees_with_the_general_engine(train, tiny_study, batch):
    study = tiny_study(train__batch=batch, train__epochs=2, vary__seed=[0, 1])
    kernel, general = train(study, engine="kernel"), train(study, engine="torch")
    for name, state in general.states.items():
        for path, value in state.tensors().items():
            torch.testing.assert_close(kernel.states[name].tensors()[path], value, rtol=1e-3, atol=1e-5)
        for ours, theirs in zip(kernel.rows[name], general.rows[name], strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)


def test_padding_stays_zero_and_is_cut_off(train, tiny_study):
    told = train(tiny_study(), engine="torch")
    assert {w.shape for w in told.weights["d_hidden=3, seed=0"][24].values()} == {(3, 14), (7, 3)}


def test_commits_change_when_things_are_written_never_what(train, tiny_study):
    for engine in ("torch", "kernel"):
        often, never = (train(tiny_study(), engine=engine, commits=c) for c in (True, False))
        assert all(often.told(name) == never.told(name) for name in never.states)
