"""Protocol probes: five kinds of model and task, each trained as a population, interrupted, resumed, and looked at like any
other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ontogeny.api import from_module
from ontogeny.api import record as keep
from ontogeny.axes import Labelled, labelled
from ontogeny.errors import UserError
from ontogeny.handles import open_store
from ontogeny.interventions.base import intervene
from ontogeny.interventions.mean_ablate import MeanAblate
from ontogeny.interventions.zero_ablate import ZeroAblate
from ontogeny.subject import Subject

SMALL = {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 32}
SEEDS = {"seed": [0, 1, 2]}


class Own(nn.Module):
    """Somebody's own network."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.body = nn.Sequential(nn.Linear(8, width), nn.ReLU())
        self.out = nn.Linear(width, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.body(self.embed(tokens).flatten(-2)))


def of_addition(tiny: Any) -> dict[str, Any]:
    task = {"kind": "addition", "p": 10, "equals": True}
    return tiny(task=task, architecture=SMALL, vary=SEEDS, train={"epochs": 4, "batch": 18})


def of_fibonacci(tiny: Any) -> dict[str, Any]:
    return tiny(
        task={"kind": "fibonacci", "p": 5, "length": 5},
        architecture={**SMALL, "read_at": "all"},
        objective={"kind": "next_token"},
        train={"steps": 12, "batch": 16, "evaluate": {"ranges": [{"every": 4}]}},
        vary=SEEDS,
    )


def of_sparse_features(tiny: Any) -> dict[str, Any]:
    return tiny(
        task={"kind": "sparse_features", "d": 8, "n_features": 16, "active": 2.0, "probe_size": 64},
        architecture={"kind": "sae", "d_atoms": 12, "activation": "topk", "k": 3},
        objective={"kind": "reconstruction"},
        optimiser={"kind": "adam", "lr": 1e-2},
        train={"steps": 12, "batch": 16, "evaluate": {"ranges": [{"every": 4}]}},
        vary=SEEDS,
    )


def of_own_module(tiny: Any) -> dict[str, Any]:
    return tiny(architecture=from_module(Own, arguments={"width": 6}), vary=SEEDS)


STUDIES = [of_addition, of_fibonacci, of_sparse_features, of_own_module]


@pytest.fixture(scope="module", params=STUDIES, ids=lambda f: f.__name__)
def probe(request, tiny_study, carry_out, tmp_path_factory) -> tuple[dict[str, Any], Any]:
    """A study and the directory of its uninterrupted run."""
    study = request.param(tiny_study)
    out = tmp_path_factory.mktemp(request.param.__name__) / "whole"
    carry_out(study, out)
    return study, out


def test_trains_learns_and_is_looked_at(probe):
    _, out = probe
    store = open_store(out)
    assert len(store.runs()) == 3
    assert set(store.runs()["status"]) == {"done"}
    for id in store.runs().index:
        metrics = store.run(id).metrics()
        assert metrics["all_loss"].iloc[-1] < metrics["all_loss"].iloc[0]
    said = store.run(seed=1).lens("performance")
    for name in ("loss",):
        logged = store.run(seed=1).metrics()["all_loss"]
        shared = [s for s in said.step.values.tolist() if s in logged.index]
        assert len(shared) > 1
        lens = said[name].sel(split="all", step=shared).values
        assert lens == pytest.approx(logged[shared].to_numpy(), rel=1e-5)


def test_interrupted_and_resumed_is_bitwise_the_same(
    probe, carry_out, contents_of, interrupt_at, interrupted, tmp_path
):
    study, out = probe
    expected = contents_of(out)
    with pytest.raises(interrupted):
        carry_out(study, tmp_path / "torn", progress=interrupt_at(8))
    half = open_store(tmp_path / "torn").runs()
    assert "training" in set(half["status"])
    carry_out(study, tmp_path / "torn")
    assert contents_of(tmp_path / "torn") == expected


def test_a_clipped_run_goes_on_bitwise_the_same(
    tiny_study, carry_out, contents_of, interrupt_at, interrupted, tmp_path
):
    """The norm of the gradient is a sum over weights, which a file gives back in another order."""
    study = of_addition(tiny_study)
    study["train"] = {**study["train"], "epochs": 12, "clip": 0.01}
    carry_out(study, tmp_path / "whole")
    with pytest.raises(interrupted):
        carry_out(study, tmp_path / "torn", progress=interrupt_at(8))
    carry_out(study, tmp_path / "torn")
    assert contents_of(tmp_path / "torn") == contents_of(tmp_path / "whole")


def test_a_variant_alone_is_the_variant_among_others(probe, carry_out, contents_of, tmp_path):
    """Bitwise for somebody's own module too, at these sizes: vmap turns its layers into the batched products of the natives."""
    study, out = probe
    carry_out({**study, "vary": {"seed": [2]}}, tmp_path / "alone")
    alone, among = contents_of(tmp_path / "alone"), contents_of(out)
    assert len(alone) > 3
    assert alone == {k: among[k] for k in alone}


def test_the_model_and_the_cache_are_those_of_the_weights(probe):
    _, out = probe
    run = open_store(out).run(seed=0)
    model, subject = run.model(-1), run.subject(-1)
    torch.testing.assert_close(model(subject.probe.inputs), subject.outputs)
    cache = run.cache(-1)
    assert set(cache) == set(subject.architecture.taps)
    assert not torch.equal(run.model(0)(subject.probe.inputs), subject.outputs)


def test_a_bare_function_is_a_lens(probe):
    _, out = probe
    run = open_store(out).run(seed=0)

    def norm_of_outputs(model: Subject) -> Labelled:
        return labelled(model.outputs.norm(), long_name="norm of the outputs")

    said = run.lens(norm_of_outputs)["norm_of_outputs"]
    assert said.dims == ("step",)
    assert said.sel(step=run.steps[-1]).item() == pytest.approx(run.subject(-1).outputs.norm().item())


@pytest.mark.parametrize("probe", [of_addition], indirect=True)
def test_an_intervention_is_seen_by_lenses(probe):
    _, out = probe
    subject = open_store(out).run(seed=0).subject(-1)
    from ontogeny.registry import lenses

    tap = "last:blocks.0.hook_resid_post"
    cut = subject.edited(ZeroAblate(tap).fit(subject))
    assert torch.equal(cut.outputs, torch.zeros_like(cut.outputs))
    chance = lenses["performance"](cut)["loss"].values[-1]
    assert chance.item() == pytest.approx(float(torch.tensor(20.0).log()), rel=1e-5)
    blunt = intervene(subject, MeanAblate(tap))
    assert torch.allclose(blunt.outputs, blunt.outputs[:1].expand_as(blunt.outputs))


@pytest.mark.parametrize("probe", [of_fibonacci], indirect=True)
def test_labels_stand_at_every_position(probe):
    _, out = probe
    subject = open_store(out).run(seed=0).subject(-1)
    assert subject.outputs.shape == (25, 5, 5) and subject.probe.labels.shape == (25, 5)
    per_position = torch.nn.functional.cross_entropy(
        subject.outputs.flatten(0, 1), subject.probe.labels.flatten(), reduction="none"
    ).view(25, 5)
    expected = per_position[:, 1:].mean(-1)  # the second term cannot be known from the first
    torch.testing.assert_close(subject.examples["loss"], expected)


@pytest.mark.parametrize("probe", [of_sparse_features], indirect=True)
def test_atoms_have_unit_norm_wherever_they_are_kept(probe):
    _, out = probe
    store = open_store(out)
    for id in store.runs().index:
        run = store.run(id)
        for step in run.steps:
            norms = run.weights(step)["W_dec"].norm(dim=-1)
            torch.testing.assert_close(norms, torch.ones_like(norms))
    assert (run.cache(-1)["hook_acts"] != 0).sum(-1).max() <= 3


@pytest.mark.parametrize("probe", [of_own_module], indirect=True)
def test_somebodys_own_module_trains_as_a_loop_by_hand(probe):
    """Full precision of one model against torch.optim on the module itself, with the same batches."""
    from ontogeny.training.feed import Feed

    study, out = probe
    run = open_store(out).run(seed=1)
    assert set(run.cache(-1)) == {"embed", "body", "body.0", "body.1", "out"}
    module = Own(6)
    module.load_state_dict(run.weights(0))
    optimiser = torch.optim.AdamW(module.parameters(), lr=study["optimiser"]["lr"], weight_decay=0.01)
    probe_, feed = run.subject(0).probe, Feed([run.member])
    for rows in feed.rows(0, 0, run.steps[-1]):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(probe_.inputs[rows]), probe_.labels[rows]).backward()
        optimiser.step()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(run.weights(-1)[name], value, rtol=1e-3, atol=1e-4)


# -- somebody's own loop -----------------------------------------------------------------------------------------------

TASK = {"kind": "modular_addition", "p": 7, "train_fraction": 0.7}


def hand_written_loop(out: Any, seed: int, steps: int, start: int = 0) -> str:
    """Plain full-batch SGD on all pairs, recorded every five steps."""
    torch.manual_seed(seed)
    model = Own(8)
    pairs = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    labels = pairs.sum(-1) % 7
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    id = ""
    for step in range(steps + 1):
        loss = nn.functional.cross_entropy(model(pairs), labels)
        if step % 5 == 0 and step >= start:
            id = keep(
                out,
                model,
                step,
                metrics={"all_loss": loss.item()},
                task=TASK,
                architecture=from_module(Own, arguments={"width": 8}),
                done=step == steps,
                seed=seed,
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return id


def test_a_recorded_loop_ends_as_runs_like_any_other(tmp_path, contents_of):
    out = tmp_path / "mine"
    ids = [hand_written_loop(out, seed, 20) for seed in (0, 1, 2)]
    store = open_store(out)
    assert len(set(ids)) == 3 and set(store.runs().index) == set(ids)
    assert list(store.runs()["seed"]) == [store.run(i).varied["seed"] for i in store.runs().index]
    run = store.run(seed=1)
    assert run.steps == [0, 5, 10, 15, 20] and run.status == "done"
    assert list(run.metrics().index) == run.steps
    losses = run.lens("performance")["loss"].sel(split="all").values
    assert losses == pytest.approx(run.metrics()["all_loss"].to_numpy(), rel=1e-5)
    inputs = run.subject(-1).probe.inputs
    torch.testing.assert_close(run.model(10)(inputs), run.subject(10).outputs)
    assert set(run.cache(5)) == {"embed", "body", "body.0", "body.1", "out"}
    alike = store.compare("activation_similarity")
    assert alike.shape == (3, 3) and alike.values.diagonal() == pytest.approx([1, 1, 1])
    assert run.compare("activation_similarity").sizes == {"step": 5}


def test_a_recorded_loop_that_died_and_was_run_again_is_the_same(tmp_path, contents_of):
    for seed in (0, 1, 2):
        hand_written_loop(tmp_path / "whole", seed, 20)
        hand_written_loop(tmp_path / "torn", seed, 12)
    for seed in (0, 1, 2):
        hand_written_loop(tmp_path / "torn", seed, 20)
    assert contents_of(tmp_path / "torn") == contents_of(tmp_path / "whole")


def test_a_recorded_loop_may_go_on_from_where_it_was(tmp_path, contents_of):
    hand_written_loop(tmp_path / "whole", 0, 20)
    hand_written_loop(tmp_path / "torn", 0, 10)
    hand_written_loop(tmp_path / "torn", 0, 20, start=11)
    assert contents_of(tmp_path / "torn") == contents_of(tmp_path / "whole")


def test_recorded_runs_are_looked_at_by_the_command_that_studies_use(tmp_path, carry_out):
    from ontogeny.study import load_study

    out = tmp_path / "mine"
    hand_written_loop(out, 0, 10)
    hand_written_loop(out, 1, 10)
    study = load_study(out / "study.toml")
    plan = carry_out(study, out, stages=("train", "look"))
    assert {item.stage for item in plan.items} == {"look"}
    assert not carry_out(study, out, stages=("train", "look"))


def test_weights_alone_are_enough_for_lenses_that_read_weights_alone(tmp_path, carry_out):
    """Without a task and an architecture there is no forward pass; what needs one says so."""
    generator = torch.Generator().manual_seed(0)
    for step in (0, 10):
        keep(tmp_path / "bare", {"A": torch.randn(4, 5, generator=generator), "b": torch.zeros(4)}, step)
    store = open_store(tmp_path / "bare")
    spectra = store.run().lens("weight_spectra")["singular_values"]
    expected = torch.linalg.svdvals(store.run().weights(10)["A"])
    assert spectra.sel(step=10, matrix="A").values == pytest.approx(expected.numpy(), rel=1e-5)
    with pytest.raises(UserError, match="only the weights are known"):
        store.run().lens("performance")
    with pytest.raises(UserError, match="Nobody said"):
        _ = store.run().subject().outputs
    carry_out(store.study, tmp_path / "bare", stages=("train", "look"))
    looked_at = set(store.refresh().index.runs[store.run().id].results)
    assert "weight_spectra" in looked_at and "performance" not in looked_at
