"""Sweeps of bilinear networks from elsewhere: the imported network is the network that was saved."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from ontogeny.errors import Refused, UserError
from ontogeny.handles import open_store
from ontogeny.interop.bring import bring


class TheirBilinear(torch.nn.Module):
    """As it is written elsewhere: one Linear for both factors, halved along its outputs."""

    def __init__(self, P: int, d: int) -> None:
        super().__init__()
        self.bi_linear = torch.nn.Linear(2 * P, 2 * d, bias=False)
        self.projection = torch.nn.Linear(d, P, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.bi_linear(x).chunk(2, -1)
        return self.projection(left * right)


P = 5
ADDITION = {"kind": "modular_addition"}


def everything() -> torch.Tensor:
    """All pairs as one-hot vectors, a slow and b fast."""
    eye = torch.eye(P)
    return torch.cat([eye.repeat_interleave(P, 0), eye.repeat(P, 1)], -1)


def their_matrices(model: TheirBilinear) -> torch.Tensor:
    """B from the definition, one remainder at a time."""
    d = model.projection.weight.shape[1]
    left, right = model.bi_linear.weight[:d], model.bi_linear.weight[d:]
    return torch.stack([left.T @ torch.diag(row) @ right for row in model.projection.weight]).detach()


@pytest.fixture
def models() -> dict[int, TheirBilinear]:
    torch.manual_seed(0)
    return {d: TheirBilinear(P, d) for d in (1, 2, 4)}


def dump(tmp_path: Path, data: Any, name: str = "sweep.pkl") -> Path:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(data))
    return path


def sweep(models: dict[int, TheirBilinear], **more: Any) -> dict[str, Any]:
    states = {d: m.state_dict() for d, m in models.items()}
    return {"models": states, "val_accs": {d: d / 10 for d in models}, **more}


def test_an_imported_network_gives_the_logits_it_gave(models: Any, tmp_path: Path) -> None:
    brought = bring(dump(tmp_path, sweep(models, P=P)), tmp_path / "out", task=ADDITION)
    assert brought.kind == "sweep" and len(brought.runs) == 3
    store = open_store(tmp_path / "out")
    assert store.runs()["d_hidden"].tolist() == [1, 2, 4] or set(store.runs()["d_hidden"]) == {1, 2, 4}
    for d, model in models.items():
        run = store.run(d_hidden=d)
        torch.testing.assert_close(run.subject().outputs, model(everything()).detach())
        assert run.metrics()["validation_accuracy"].tolist() == [d / 10]
        assert run.status == "done" and run.steps == [1]
    assert store.compare("tn_similarity").shape == (3, 3)
    B = store.run(d_hidden=2).lens("interaction_matrices")["B"].values[0]
    theirs = their_matrices(models[2]).numpy()
    assert abs(B - (theirs + theirs.transpose(0, 2, 1)) / 2).max() < 1e-6


def test_lenses_that_need_a_split_are_told_there_is_none(models: Any, tmp_path: Path) -> None:
    bring(dump(tmp_path, sweep(models)), tmp_path / "out", task=ADDITION)
    run = open_store(tmp_path / "out").run(d_hidden=4)
    assert run.subject().split == {}
    assert run.lens("performance").split.values.tolist() == ["all"]


def test_a_torch_file_and_accuracies_under_the_other_name(models: Any, tmp_path: Path) -> None:
    data = sweep(models)
    data["val_acc"] = {d: torch.tensor([0.0, a]) for d, a in data.pop("val_accs").items()}
    torch.save(data, tmp_path / "sweep.pt")
    bring(tmp_path / "sweep.pt", tmp_path / "out", step=480)
    run = open_store(tmp_path / "out").run(d_hidden=2)
    assert run.steps == [480] and run.metrics()["validation_accuracy"].iloc[0] == pytest.approx(0.2)


def test_importing_twice_is_importing_once_and_other_files_are_other_runs(
    models: Any, tmp_path: Path
) -> None:
    for _ in range(2):
        bring(dump(tmp_path, sweep(models)), tmp_path / "out")
    assert len(open_store(tmp_path / "out").runs()) == 3
    bring(dump(tmp_path, sweep(models), "another.pkl"), tmp_path / "out")
    assert len(open_store(tmp_path / "out").runs()) == 6


def test_brought_matrices_are_compared(models: Any, tmp_path: Path) -> None:
    plain = {d: their_matrices(m) for d, m in models.items()}
    symmetric = {d: ((B + B.mT) / 2)[[0, 3]] for d, B in plain.items()}
    notes = bring(dump(tmp_path, sweep(models, int_mats=plain)), tmp_path / "a").notes
    assert sum("int_mats (not symmetrised) differ from ours by at most" in n for n in notes) == 3
    notes = bring(dump(tmp_path, sweep(models, int_mats=symmetric, remainders=[0, 3])), tmp_path / "b").notes
    assert sum("int_mats (symmetrised)" in n for n in notes) == 3
    symmetric[2] = symmetric[2] + 0.5
    notes = bring(dump(tmp_path, sweep(models, int_mats=symmetric, remainders=[0, 3])), tmp_path / "c").notes
    assert any(n.startswith("d = 2") and n.endswith("at most 0.5") for n in notes)


def test_the_checkpoints_of_one_run(tmp_path: Path) -> None:
    torch.manual_seed(1)
    states = {step: TheirBilinear(P, 3) for step in (0, 100, 20)}
    brought = bring(
        dump(tmp_path, {s: m.state_dict() for s, m in states.items()}), tmp_path / "out", task=ADDITION
    )
    assert brought.kind == "steps"
    run = open_store(tmp_path / "out").run(brought.runs[0])
    assert run.steps == [0, 20, 100]
    for step, model in states.items():
        torch.testing.assert_close(run.subject(step).outputs, model(everything()).detach())
    assert run.compare("tn_similarity", "consecutive")["value"].sizes["step"] == 2


def test_shapes_that_do_not_belong_together_are_named(models: Any, tmp_path: Path) -> None:
    states = sweep(models)["models"]
    wrong_width = {3: states[2]}
    wrong_shape = {2: {**states[2], "projection.weight": torch.zeros(P + 1, 2)}}
    biased = {2: {**states[2], "projection.bias": torch.ones(P)}}
    cases = {
        "has 2 hidden units, and not 3": {"models": wrong_width},
        "the first must be": {"models": wrong_shape},
        "'projection.bias'": {"models": biased},
        "P differs: 7 in 'P' of the file; 5 in model 1": {**sweep(models), "P": 7},
        "is no state dict": {"models": {2: {"w": torch.ones(2)}}},
    }
    for said, data in cases.items():
        with pytest.raises(UserError, match=said):
            bring(dump(tmp_path, data), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_no_reader_knows_is_said_and_malice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a dict of hello, which is none of these"):
        bring(dump(tmp_path, {"hello": 1}), tmp_path / "out")

    class Evil:
        def __reduce__(self) -> Any:
            import os

            return os.system, (f"touch {tmp_path / 'pwned'}",)

    with pytest.raises(Refused, match=r"posix\.system"):
        bring(dump(tmp_path, {"models": {}, "history": Evil()}), tmp_path / "out")
    assert not (tmp_path / "pwned").exists() and not (tmp_path / "out").exists()
