"""Sparse autoencoders in training: schedules, the care of atoms, what they begin with, and independence of company."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ontogeny import build
from ontogeny.errors import UserError
from ontogeny.models.base import Seen
from ontogeny.models.sae import SAE
from ontogeny.numerics.median import geometric_median
from ontogeny.numerics.random import Key
from ontogeny.numerics.schedule import ramp
from ontogeny.objectives.sparse_reconstruction import SparseReconstruction
from ontogeny.study import load_study
from ontogeny.tasks.base import Batch, Signature
from ontogeny.training.engine import TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import State
from ontogeny.training.optimisers import Adam
from ontogeny.training.population import shards

WORLD = {"kind": "sparse_features", "d": 12, "n_features": 16, "active": 2.0, "probe_size": 200}
KINDS: dict[str, dict[str, Any]] = {
    "relu": {"activation": "relu", "norms": "free", "b_dec": "geometric_median"},
    "topk": {"activation": "topk", "k": 3, "revive": "auxiliary", "dead_after": 4},
    "batch_topk": {"activation": "batch_topk", "k": 2, "revive": "resample", "dead_after": 3, "resample_every": 5},
    "jumprelu": {"activation": "jumprelu", "bandwidth": 0.1, "normalise": "mean_norm"},
    "gated": {"activation": "gated", "normalise": "layer_norm", "b_dec": "mean"},
}  # fmt: skip


def study(tiny_study: Any, kind: str, **changes: Any) -> dict[str, Any]:
    made = {
        "task": WORLD,
        "architecture": {"kind": "sae", "d_atoms": 24, **KINDS[kind]},
        "objective": {"kind": "sparse_reconstruction", "alpha": 0.02, "auxiliary": 0.1, "warmup": 6},
        "optimiser": {"kind": "adam", "lr": 3e-3, "warmup": 3, "decay_start": 20, "decay_stop": 30},
        "train": {"steps": 30, "batch": 20, "evaluate": {"ranges": [{"every": 10}]}},
        "vary": {"objective.alpha": [0.01, 0.2], "seed": [0, 1]},
    }
    return tiny_study(**{**made, **changes})


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_a_population_over_sparsity_and_seed_is_the_one_trained_alone(train, tiny_study, kind):
    recipe = study(tiny_study, kind)
    assert len(shards(build.members(load_study(recipe)), {})) == 1
    together = train(recipe)
    for name in ("alpha=0.2, seed=1", "alpha=0.01, seed=0"):
        assert train(recipe, only=[name]).told(name) == together.told(name)
    pair = ["alpha=0.2, seed=0", "alpha=0.01, seed=1"]
    assert train(recipe, only=pair).told(pair[0]) == together.told(pair[0])
    ends = [together.rows[f"alpha={a}, seed=0"][-1]["all_squared_error"] for a in (0.01, 0.2)]
    begins = together.rows["alpha=0.01, seed=0"][0]["all_squared_error"]
    assert ends[0] < begins


def test_a_schedule_rises_and_falls_to_the_update_that_is_named():
    assert [ramp(t, warmup=4) for t in (1, 2, 4, 9)] == [0.25, 0.5, 1, 1]
    assert [ramp(t, decay_start=10, decay_stop=14) for t in (10, 11, 12, 14, 15, 99)] == [
        1,
        1,
        0.75,
        0.25,
        0,
        0,
    ]
    for wrong in ({"decay_start": 5}, {"decay_start": 5, "decay_stop": 5}, {"warmup": -1}):
        with pytest.raises(UserError, match="updates"):
            SparseReconstruction(**wrong)
        with pytest.raises(UserError, match="updates"):
            Adam(**wrong)


def test_sparsity_is_scheduled_in_updates_and_full_where_it_is_evaluated(train, tiny_study):
    """With a term that is still rising at the end, logged losses are those of the whole term; with alpha 0 throughout the path differs."""
    free = train(study(tiny_study, "relu", objective={"kind": "sparse_reconstruction"}, vary={"seed": [0]}))
    rising = {"kind": "sparse_reconstruction", "alpha": 0.5, "warmup": 10**9}
    slow = train(study(tiny_study, "relu", objective=rising, vary={"seed": [0]}))
    first, last = slow.rows["seed=0"][0], slow.rows["seed=0"][-1]
    assert first["all_loss"] > first["all_squared_error"] * 1.01
    assert last["all_squared_error"] == pytest.approx(free.rows["seed=0"][-1]["all_squared_error"], rel=1e-3)
    assert free.rows["seed=0"][-1]["all_loss"] == pytest.approx(free.rows["seed=0"][-1]["all_squared_error"])


def test_a_later_setting_at_its_default_does_not_rename_a_run(tiny_study):
    plain, said = (
        build.members(load_study(tiny_study(optimiser={"kind": "adam", **more})))[0]
        for more in ({}, {"decay_stop": 0})
    )
    other = build.members(
        load_study(tiny_study(optimiser={"kind": "adam", "decay_start": 1, "decay_stop": 9}))
    )[0]
    assert plain.id == said.id != other.id and "decay_stop" not in plain.spec["optimiser"]
    assert other.spec["optimiser"]["decay_stop"] == 9


def test_it_begins_at_the_median_and_in_the_units_that_were_asked_for(tiny_study):
    recipe = load_study(study(tiny_study, "relu"))
    m = build.members(recipe)[0]
    x = m.task.probe().inputs
    b = m.init()["b_dec"].double()
    pull = torch.nn.functional.normalize(x.double() - b, dim=-1).sum(0)
    assert pull.norm() < 1e-3 * len(x)  # the gradient of the sum of distances vanishes
    far = torch.cat([x, torch.full((3, 12), 1e3)])
    assert (geometric_median(far) - geometric_median(x)).norm() < 0.1 * (far.mean(0) - x.mean(0)).norm()
    point = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    torch.testing.assert_close(geometric_median(point), torch.zeros(2), atol=1e-6, rtol=0)
    scaled = build.members(load_study(study(tiny_study, "jumprelu")))[0].init()
    norms = (x * scaled["scale"]).norm(dim=-1)
    assert float(norms.mean()) == pytest.approx(12**0.5, rel=1e-5)


@pytest.mark.parametrize("normalise", ["mean_norm", "layer_norm"])
def test_outputs_are_in_the_units_of_the_inputs(normalise):
    """An SAE that rebuilds everything rebuilds it whatever it is normalised by."""
    eye = torch.eye(6)
    sae = SAE(d_atoms=12, activation="relu", normalise=normalise)
    atoms = torch.cat([eye, -eye])
    weights = {
        "W_enc": atoms.mT,
        "W_dec": atoms,
        "b_enc": torch.zeros(12),
        "b_dec": torch.zeros(6),
        "scale": torch.tensor(3.0),
    }
    x = torch.randn(9, 6, generator=Key(0, "x").generator())
    torch.testing.assert_close(sae.forward(weights, x).outputs, x, rtol=1e-4, atol=1e-5)


def _seen(step: int, active: torch.Tensor, d: int = 4) -> Seen:
    inputs = torch.randn(1, 8, d, generator=Key(3, "inputs").generator())
    return Seen(step, inputs, inputs.square().sum(-1), active[None], [Key(0, "order")])


def test_idle_atoms_are_counted_and_begin_again_at_badly_rebuilt_inputs():
    sae = SAE(d_atoms=6, activation="relu", revive="resample", dead_after=3, resample_every=4)
    weights = {n: w[None].clone() for n, w in sae.init(Signature(4, features=4), Key(0, "init")).items()}
    moments = {"m": {n: torch.ones_like(w) for n, w in weights.items()}}
    before = {n: w.clone() for n, w in weights.items()}
    living = torch.tensor([True, True, False, True, False, True])
    for step in (1, 2, 3):
        weights = sae.tended(weights, moments, _seen(step, living))
    assert weights["idle"].tolist() == [[0, 0, 3, 0, 3, 0]]
    assert torch.equal(weights["W_dec"], before["W_dec"])
    seen = _seen(4, living)
    weights = sae.tended(weights, moments, seen)
    dead = ~living
    assert weights["idle"].tolist() == [[0] * 6]
    assert torch.equal(weights["W_dec"][0, living], before["W_dec"][0, living])
    directions = torch.nn.functional.normalize(seen.inputs[0], dim=-1)
    assert (weights["W_dec"][0, dead] @ directions.mT).amax(-1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert weights["W_enc"][0, :, dead].norm(dim=0).tolist() == pytest.approx([0.2, 0.2], abs=1e-5)
    assert not moments["m"]["W_enc"][0, :, dead].any() and moments["m"]["W_dec"][0, living].all()
    later = SAE(
        d_atoms=6, activation="relu", revive="resample", dead_after=1, resample_every=4, resample_until=4
    )
    old = {n: w.clone() for n, w in weights.items()}
    assert torch.equal(later.tended(weights, moments, _seen(8, torch.zeros(6).bool()))["W_dec"], old["W_dec"])


def test_the_dead_learn_what_the_others_leave_and_nobody_else_learns_from_it():
    sae = SAE(d_atoms=4, activation="topk", k=1, revive="auxiliary", dead_after=2, k_aux=2)
    weights = sae.init(Signature(3, features=3), Key(0, "init"))
    weights["idle"] = torch.tensor([0.0, 0, 5, 5])
    leaves = {n: w.clone().requires_grad_() for n, w in weights.items() if n != "idle"}
    x = torch.randn(30, 3, generator=Key(1, "x").generator())
    forward = sae.forward({**leaves, "idle": weights["idle"]}, x, read=("hook_auxiliary", "hook_error"))
    auxiliary = forward.taps["hook_auxiliary"]
    auxiliary.sum().backward()
    assert leaves["W_dec"].grad[2:].any() and not leaves["W_dec"].grad[:2].any()
    assert not leaves["W_enc"].grad[:, :2].any()
    guess = ((x @ weights["W_enc"]).relu() * (weights["idle"] > 2)) @ weights["W_dec"]
    torch.testing.assert_close(
        auxiliary.detach(), (forward.taps["hook_error"] - guess).square().sum(-1).detach()
    )
    alive = {**weights, "idle": torch.zeros(4)}
    assert not sae.forward(alive, x, read=("hook_auxiliary",)).taps["hook_auxiliary"].any()


def test_no_gradient_along_an_atom():
    sae = SAE(d_atoms=4, activation="relu")
    weights = sae.init(Signature(3, features=3), Key(0, "init"))
    g = torch.randn(4, 3, generator=Key(0, "g").generator())
    across = sae.projected_gradients(weights, {"W_dec": g})["W_dec"]
    torch.testing.assert_close((across * weights["W_dec"]).sum(-1), torch.zeros(4), atol=1e-6, rtol=0)
    along = g - across
    torch.testing.assert_close(along, (g * weights["W_dec"]).sum(-1, keepdim=True) * weights["W_dec"])
    for kept in (SAE(d_atoms=4, k=1, project_gradients=False), SAE(d_atoms=4, k=1, norms="free")):
        assert torch.equal(kept.projected_gradients(weights, {"W_dec": g})["W_dec"], g)


def test_penalties_are_those_of_the_activation():
    x = torch.randn(7, 3, generator=Key(0, "x").generator())
    for activation in ("relu", "jumprelu", "gated"):
        sae = SAE(d_atoms=5, activation=activation, norms="free", threshold=0.2)
        weights = sae.init(Signature(3, features=3), Key(0, "init"))
        weights["W_dec"] = weights["W_dec"] * 2
        forward = sae.forward(
            weights, x, read=("hook_penalty", "hook_acts", "hook_infidelity", "hook_pre", "hook_auxiliary")
        )
        acts, pre = forward.taps["hook_acts"], forward.taps["hook_pre"]
        expected = {
            "relu": 2 * acts.sum(-1),
            "jumprelu": (pre > 0.2).sum(-1),
            "gated": 2 * pre.relu().sum(-1),
        }
        torch.testing.assert_close(forward.taps["hook_penalty"], expected[activation].to(x))
        values = SparseReconstruction(alpha=0.3).examples(forward, Batch(x, x))
        infidelity = (x - forward.outputs).square().sum(-1)
        if activation == "gated":
            infidelity = infidelity + (x - pre.relu() @ weights["W_dec"]).square().sum(-1)
        torch.testing.assert_close(values["loss"], infidelity + 0.3 * expected[activation])


def test_a_gated_unit_is_a_gate_times_a_magnitude():
    sae = SAE(d_atoms=2, activation="gated")
    weights = {
        "W_enc": torch.eye(2), "W_dec": torch.eye(2), "b_dec": torch.zeros(2), "b_gate": torch.tensor([-1.0, 0]),
        "r_mag": torch.tensor([0.0, 2.0]).log1p(), "b_mag": torch.tensor([0.5, 0]),
    }  # fmt: skip
    acts = sae.forward(weights, torch.tensor([[0.9, 1.0], [2.0, -1.0]]), read=("hook_acts",)).taps[
        "hook_acts"
    ]
    torch.testing.assert_close(acts, torch.tensor([[0.0, 3.0], [2.5, 0.0]]))


@pytest.mark.parametrize("lead", [(), (3,)])
def test_loops_over_active_atoms_agree_with_the_dense_spelling(lead):
    """Values and gradients of every weight, also where fewer than k atoms are positive and where the code itself is penalised."""
    sae = SAE(d_atoms=21, activation="topk", k=4)
    one = sae.init(Signature(6, features=6), Key(0, "init"))
    one["b_enc"] = torch.linspace(-1.5, 0.3, 21)
    weights = {n: w.expand(*lead, *w.shape).clone() for n, w in one.items()}
    weights = {n: w + 0.05 * Key(1, "shift").normal(n, *w.shape, std=1.0) for n, w in weights.items()}
    x = torch.randn(*lead, 40, 6, generator=Key(2, "x").generator())

    def through(*read: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
        forward = sae.forward(leaves, x, read=("hook_acts", "hook_infidelity", *read))
        loss = (
            forward.taps["hook_infidelity"].sum()
            + 0.3 * forward.taps["hook_acts"].square().sum()
            + forward.outputs.cos().sum()
        )
        loss.backward()
        return {n: w.grad for n, w in leaves.items()}, forward.taps["hook_acts"].detach()

    (sparse, acts), (dense, expected) = through(), through("hook_pre")  # who asks for pre gets the dense way
    torch.testing.assert_close(acts, expected)
    assert (acts > 0).sum(-1).min() < 4 and (acts > 0).sum(-1).max() == 4
    for name, gradient in dense.items():
        torch.testing.assert_close(sparse[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_variants_of_one_order_share_each_fresh_batch_and_only_one_step_is_in_memory(tiny_study, monkeypatch):
    """However many there are, and whether they stand in one stack or each by itself."""
    recipe = study(tiny_study, "topk", seeds={"order": 0}, vary={"seed": [0, 1, 2]})
    recipe["architecture"] = {"kind": "sae", "d_atoms": 24, "k": 3}
    members = build.members(load_study(recipe))
    drawn, updated = [], []
    fresh, update = Feed.fresh, TorchEngine._update
    monkeypatch.setattr(Feed, "fresh", lambda feed, i, step: drawn.append(step) or fresh(feed, i, step))
    monkeypatch.setattr(
        TorchEngine, "_update", lambda self, *a: updated.append(len(drawn)) or update(self, *a)
    )
    for large in (False, True):
        monkeypatch.setattr("ontogeny.training.engine.large", lambda *a, large=large: large)
        runner = TorchEngine(members, [State(0, m.init()) for m in members], Feed(members))
        drawn.clear(), updated.clear()
        runner.advance(range(3), 0, 4)
        assert drawn == [0, 1, 2, 3]
        assert sorted(updated) == sorted([1, 2, 3, 4] * len(runner.stacks))
