"""The same on a GPU: training takes the path it takes on a processor, up to rounding, and what was trained there is looked at anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")

ADDITION = {"kind": "modular_addition", "p": 7, "equals": True, "train_fraction": 0.7}
TRANSFORMER = {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 16}
FAMILIES = {
    "bilinear": {},
    "mlp": {
        "architecture": {"kind": "mlp", "d_embed": 8},
        "vary": {"architecture.d_mlp": [8, 16], "seed": [0]},
    },
    "transformer": {"task": ADDITION, "architecture": TRANSFORMER, "vary": {"seed": [0, 1, 2]}},
    "sae": {
        "task": {"kind": "sparse_features", "n_features": 24, "d": 12, "probe_size": 64},
        "architecture": {"kind": "sae", "d_atoms": 32, "activation": "topk", "k": 3},
        "objective": {"kind": "sparse_reconstruction"},
        "optimiser": {"kind": "adam", "lr": 1e-3},
        "train": {"steps": 20, "batch": 32, "epochs": None},
        "lenses": [],
        "vary": {"seed": [0, 1]},
    },
}


@pytest.mark.parametrize("family", FAMILIES)
def test_training_takes_the_same_path_up_to_rounding(train, tiny_study, family):
    study = tiny_study(**FAMILIES[family])
    there, here = train(study, device="cuda"), train(study, engine="torch")
    assert there.states and there.states.keys() == here.states.keys()
    for name, by_step in here.weights.items():
        assert by_step.keys() == there.weights[name].keys()
        for step, weights in by_step.items():
            for what, values in weights.items():
                found = there.weights[name][step][what]
                assert found.device.type == "cpu"
                torch.testing.assert_close(
                    found, values, rtol=2e-3, atol=2e-4, msg=lambda m, at=(name, step, what): f"{at}: {m}"
                )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_variant_among_others_is_the_one_alone_up_to_rounding(train, tiny_study, family):
    study = tiny_study(**FAMILIES[family])
    together = train(study, device="cuda")
    name = list(together.states)[-1]
    alone = train(study, only=[name], device="cuda")
    for what, values in alone.states[name].tensors().items():
        torch.testing.assert_close(
            together.states[name].tensors()[what],
            values,
            rtol=2e-3,
            atol=2e-4,
            msg=lambda m, at=what: f"{at}: {m}",
        )


def test_the_same_command_again_is_the_same_to_the_bit(train, tiny_study):
    study = tiny_study(**FAMILIES["transformer"])
    once, again = train(study, device="cuda"), train(study, device="cuda")
    for name in once.states:
        assert once.told(name) == again.told(name), name


def test_an_interrupted_study_ends_as_an_uninterrupted_one(
    tiny_study, carry_out, contents_of, interrupt_at, interrupted, tmp_path
):
    study = tiny_study(**FAMILIES["transformer"])
    carry_out(study, tmp_path / "whole", device="cuda")
    with pytest.raises(interrupted):
        carry_out(study, tmp_path / "broken", device="cuda", progress=interrupt_at(3))
    carry_out(study, tmp_path / "broken", device="cuda")
    assert contents_of(tmp_path / "broken") == contents_of(tmp_path / "whole")


def test_what_trained_there_says_so_and_is_looked_at_here(tiny_study, carry_out, tmp_path):
    from ontogeny.handles import open_store

    carry_out(tiny_study(**FAMILIES["transformer"]), tmp_path / "out", device="cuda")
    run = open_store(tmp_path / "out").run(seed=0)
    assert torch.cuda.get_device_name() in str(run.entry.record)
    accuracy = run.lens("performance")["accuracy"]
    assert accuracy.sizes["step"] == len(run.steps) and bool(accuracy.notnull().any())


def test_losses_at_other_weights_are_those_of_a_processor(of_a_split):
    here = of_a_split
    there = replace(
        here,
        weights={name: w.cuda() for name, w in here.weights.items()},
        probe=replace(here.probe, inputs=here.probe.inputs.cuda(), labels=here.probe.labels.cuda()),
    )
    moved = {name: 1.1 * w for name, w in here.weights.items()}
    found = there.losses({name: w.cuda() for name, w in moved.items()})
    for part, loss in here.losses(moved).items():
        torch.testing.assert_close(found[part].cpu(), loss, rtol=1e-4, atol=1e-5)


@pytest.fixture
def of_a_split():
    task, model = ModularAddition(p=7, equals=True), Transformer(n_heads=2, d_model=16, d_head=8, d_mlp=16)
    weights = model.init(task.signature, Key(0, "init"))
    rows = torch.arange(49)
    return Subject(
        model,
        weights,
        task.probe(),
        task.signature,
        CrossEntropy("float64"),
        {"train": rows[:30], "test": rows[30:]},
    )
