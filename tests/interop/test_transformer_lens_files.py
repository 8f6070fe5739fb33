"""Published grokking runs and TransformerLens's state dicts: steps are updates, and nothing that matters is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ontogeny import build
from ontogeny.errors import Damaged, Refused, UserError
from ontogeny.handles import open_store
from ontogeny.interop.bring import bring
from ontogeny.interop.export import export
from ontogeny.interop.transformer_lens import from_state_dict, to_state_dict
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.tasks.modular import ModularAddition
from ontogeny.tasks.tensors import Unknown

P = 5
ADDITION = {"kind": "modular_addition"}
ARCHITECTURE = Transformer(n_heads=2, d_model=6, d_head=3, d_mlp=8)
TASK = ModularAddition(p=P, equals=True, train_fraction=0.6)


class Configuration:
    """Stands for the configuration class of another package."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    return ARCHITECTURE.init(TASK.signature, Key(seed, "init"))


def published(epochs: int = 6, every: int = 2, **more: Any) -> dict[str, Any]:
    """What the published loop would have saved: SGD on one weight whose value *is* the number of updates."""
    w = weights()
    data: dict[str, Any] = {
        name: [] for name in ("train_losses", "test_losses", "checkpoints", "checkpoint_epochs")
    }
    updates = 0

    def state() -> dict[str, torch.Tensor]:
        return to_state_dict({**w, "pos_embed.W_pos": torch.full_like(w["pos_embed.W_pos"], updates)})

    for epoch in range(epochs):
        data["train_losses"].append(100.0 + updates)  # of the weights before the update
        updates += 1
        data["test_losses"].append(200.0 + updates)  # of the weights after it
        if (epoch + 1) % every == 0:
            data["checkpoint_epochs"].append(epoch)
            data["checkpoints"].append(state())
    order = np.random.default_rng(0).permutation(P * P)
    rows = {"train_indices": torch.tensor(order[:15]), "test_indices": torch.tensor(order[15:])}
    return {
        "model": state(),
        "config": Configuration(act_fn="relu", normalization_type=None),
        **rows,
        **data,
        **more,
    }


def test_published_steps_are_numbers_of_updates(tmp_path: Path) -> None:
    data = published()
    torch.save(data, tmp_path / "full_run.pth")
    brought = bring(tmp_path / "full_run.pth", tmp_path / "out")
    assert brought.kind == "published"
    run = open_store(tmp_path / "out").run(brought.runs[0])
    assert run.steps == [2, 4, 6]
    for step in run.steps:  # the weights know how many updates they have seen
        assert run.weights(step)["pos_embed.W_pos"].unique().tolist() == [step]
    table = run.metrics()
    assert table.index.tolist() == list(range(7))
    for step in range(7):  # so does a loss
        assert table["train_loss"].get(step) == 100 + step or (step == 6 and np.isnan(table["train_loss"][6]))
        assert table["test_loss"].get(step) == 200 + step or (step == 0 and np.isnan(table["test_loss"][0]))
    assert run.entry.record["step"] == 6


def test_the_split_of_the_file_is_the_split_of_the_run(tmp_path: Path) -> None:
    data = published()
    torch.save(data, tmp_path / "run.pth")
    bring(tmp_path / "run.pth", tmp_path / "out", task=ADDITION)
    run = open_store(tmp_path / "out").run(seed=0)
    split = run.subject().split
    assert split["train"].tolist() == sorted(data["train_indices"].tolist())
    loss = run.lens("performance", steps=[6])["loss"].sel(step=6)
    examples = run.subject().examples["loss"]
    assert float(loss.sel(split="test")) == pytest.approx(float(examples[split["test"]].mean()))
    data["test_indices"] = data["test_indices"][:-1]
    torch.save(data, tmp_path / "run.pth")
    with pytest.raises(UserError, match="not all 5² pairs"):
        bring(tmp_path / "run.pth", tmp_path / "again", task=ADDITION)


def test_a_model_that_was_trained_on_is_one_more_step_and_files_may_lack_the_rest(tmp_path: Path) -> None:
    torch.save(published(epochs=7), tmp_path / "run.pth")
    bring(tmp_path / "run.pth", tmp_path / "out")
    assert open_store(tmp_path / "out").run(seed=0).steps == [2, 4, 6, 7]
    torch.save({"model": to_state_dict(weights())}, tmp_path / "bare.pth")
    brought = bring(tmp_path / "bare.pth", tmp_path / "bare", task=ADDITION)
    assert any("which inputs were trained on" in note for note in brought.notes)
    assert any("taken to be ReLU" in note for note in brought.notes)


def test_a_configuration_is_not_executed_and_what_it_says_is_heeded(tmp_path: Path) -> None:
    torch.save(published(), tmp_path / "run.pth")
    brought = bring(tmp_path / "run.pth", tmp_path / "out")
    assert any("Configuration; it was read as data" in note for note in brought.notes)
    for about, said in (({"normalization_type": "LN"}, "LayerNorm"), ({"act_fn": "solu_ln"}, "solu_ln")):
        torch.save(published(config=Configuration(**about)), tmp_path / "run.pth")
        with pytest.raises(UserError, match=said):
            bring(tmp_path / "run.pth", tmp_path / "other")
    torch.save(published(history=Configuration()), tmp_path / "run.pth")
    with pytest.raises(Refused, match="Configuration"):
        bring(tmp_path / "run.pth", tmp_path / "other")


def test_there_and_back_is_the_identity() -> None:
    given = weights()
    architecture, back = from_state_dict(to_state_dict(given))
    assert build.part("architecture", architecture) == ARCHITECTURE
    assert given.keys() == back.keys() and all(torch.equal(given[n], back[n]) for n in given)


def test_an_older_score_of_hidden_positions_is_dropped_too() -> None:
    from_state_dict(to_state_dict(weights()) | {"blocks.0.attn.IGNORE": torch.tensor(-1e5)})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("blocks.0.attn.b_O", torch.ones(6), "bias that is not zero"),
        ("unembed.b_U", torch.full((P,), 1e-3), "bias that is not zero"),
        ("blocks.0.attn.mask", torch.ones(3, 3, dtype=torch.bool), "not the causal mask"),
        ("blocks.0.attn.IGNORE", torch.tensor(-1.0), "hides a position"),
        ("blocks.0.ln1.w", torch.ones(6), "is not known"),
        ("embed.W_E", torch.ones(6, P + 2), "transposed"),
    ],
)
def test_what_would_change_the_function_is_refused_by_name(name: str, value: torch.Tensor, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        from_state_dict(to_state_dict(weights()) | {name: value})
    assert name in str(error.value) or said == "transposed"


def test_one_state_dict_and_steps_of_them(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(to_state_dict(weights()), tmp_path / "model.safetensors")
    brought = bring(tmp_path / "model.safetensors", tmp_path / "out", step=30, task=ADDITION)
    run = open_store(tmp_path / "out").run(brought.runs[0])
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:-4])
    with pytest.raises(Damaged, match=r"cut\.safetensors"):
        bring(tmp_path / "cut.safetensors", tmp_path / "other")
    assert brought.kind == "state_dict" and run.steps == [30]
    expected = ARCHITECTURE.forward(weights(), TASK.probe().inputs).outputs
    torch.testing.assert_close(run.subject().outputs, expected)
    torch.save({s: to_state_dict(weights(s)) for s in (1, 0)}, tmp_path / "steps.pt")
    brought = bring(tmp_path / "steps.pt", tmp_path / "out2")
    run = open_store(tmp_path / "out2").run(brought.runs[0])
    assert run.steps == [0, 1] and torch.equal(run.weights(1)["embed.W_E"], weights(1)["embed.W_E"])


def test_a_task_is_unknown_until_it_is_said(tmp_path: Path) -> None:
    torch.save(to_state_dict(weights()), tmp_path / "model.pth")
    brought = bring(tmp_path / "model.pth", tmp_path / "unknown")
    assert any("p = 5, equals = True" in note and "--task kind=" in note for note in brought.notes)
    run = open_store(tmp_path / "unknown").run(brought.runs[0])
    assert run.member.task == Unknown() and run.lens("weight_spectra")
    with pytest.raises(UserError, match="--task kind="):
        run.lens("performance")
    said = {"kind": "modular_multiplication"}
    brought = bring(tmp_path / "model.pth", tmp_path / "said", task=said)
    task = open_store(tmp_path / "said").run(brought.runs[0]).member.task
    assert (type(task).__name__, task.p, task.equals) == ("ModularMultiplication", P, True)
    for wrong, word in (
        ({**said, "p": 7}, "would be"),
        ({"kind": "modular"}, "modular_multiplication"),
        ({"p": 5}, "kind="),
    ):
        with pytest.raises(UserError, match=word):
            bring(tmp_path / "model.pth", tmp_path / "wrong", task=wrong)
    assert not (tmp_path / "wrong").exists()


def test_what_is_exported_comes_back_as_the_run_that_it_was(tmp_path: Path) -> None:
    torch.save(published(config={"act_fn": "gelu"}), tmp_path / "run.pth")
    bring(tmp_path / "run.pth", tmp_path / "a", task={"kind": "modular_multiplication"})
    one = open_store(tmp_path / "a").run(seed=0)
    export(tmp_path / "a", "transformer_lens", tmp_path / "model.pth", step=4)
    brought = bring(tmp_path / "model.pth", tmp_path / "b")
    back = open_store(tmp_path / "b").run(brought.runs[0])
    assert back.steps == [4] and back.varied == {"seed": 0}
    assert (back.member.task, back.member.architecture) == (one.member.task, one.member.architecture)
    assert back.subject().split["train"].tolist() == one.subject().split["train"].tolist()
    (tmp_path / "other.pth.toml").write_text((tmp_path / "model.pth.toml").read_text())
    torch.save(to_state_dict(weights(1)), tmp_path / "other.pth")
    notes = bring(tmp_path / "other.pth", tmp_path / "c").notes
    assert any("describes another file" in note for note in notes)
    (tmp_path / "model.pth.toml").write_text("step = ")
    with pytest.raises(UserError, match=r"model\.pth\.toml"):
        bring(tmp_path / "model.pth", tmp_path / "d")


@pytest.mark.optional
def test_logits_are_those_of_transformer_lens_in_both_directions(tmp_path: Path) -> None:
    lens = pytest.importorskip("transformer_lens")
    config = lens.HookedTransformerConfig(
        n_layers=1, n_heads=2, d_model=6, d_head=3, d_mlp=8, act_fn="relu", normalization_type=None, d_vocab=P + 1,
        d_vocab_out=P, n_ctx=3, init_weights=True, device="cpu", seed=7,
    )  # fmt: skip
    theirs = lens.HookedTransformer(config)
    inputs = TASK.probe().inputs
    architecture, mine = from_state_dict(theirs.state_dict())
    ours = build.part("architecture", architecture).forward(mine, inputs).outputs
    torch.testing.assert_close(ours, theirs(inputs)[:, -1].detach(), atol=1e-5, rtol=0)

    theirs.load_state_dict(to_state_dict(weights()))
    ours = ARCHITECTURE.forward(weights(), inputs).outputs
    torch.testing.assert_close(theirs(inputs)[:, -1].detach(), ours, atol=1e-5, rtol=0)

    torch.save({"model": theirs.state_dict(), "config": theirs.cfg}, tmp_path / "theirs.pth")
    brought = bring(tmp_path / "theirs.pth", tmp_path / "out", task=ADDITION)
    assert any("HookedTransformerConfig" in note for note in brought.notes)
    torch.testing.assert_close(
        open_store(tmp_path / "out").run(seed=0).subject().outputs, ours, atol=1e-5, rtol=0
    )
