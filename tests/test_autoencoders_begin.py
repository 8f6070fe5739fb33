"""An autoencoder trains with what is left out filled in sensibly, and what cannot be is said before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ontogeny as on
from ontogeny.errors import UserError

SAE: dict[str, Any] = {
    "name": "sae",
    "task": {"kind": "sparse_features", "d": 8, "n_features": 12, "active": 2.0, "probe_size": 64},
    "architecture": {"kind": "sae", "d_atoms": 16, "k": 2},
    "train": {"steps": 4, "batch": 16},
    "vary": {"seed": [0, 1]},
}


def test_the_objective_is_reconstruction_unless_said(tmp_path: Path) -> None:
    store = on.run(SAE, tmp_path / "out")
    assert {e.record["spec"]["objective"]["kind"] for e in store.entries()} == {"sparse_reconstruction"}
    assert "all_explained" in store.runs() and (tmp_path / "out/report/index.html").is_file()
    assert (
        on.run({**SAE, "objective": {"kind": "sparse_reconstruction"}}, tmp_path / "out").besides.entries()
        == []
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"objective": {"kind": "cross_entropy"}}, "reconstruction"),
        ({"task": {"kind": "modular_addition", "p": 5}}, "real vectors"),
        ({"architecture": {"kind": "mlp"}}, "reads tokens"),
        ({"train": {"epochs": 3, "batch": 16}}, "train.steps"),
        ({"train": {"steps": 3}}, "train.batch"),
    ],
)
def test_what_cannot_be_is_said_before_training(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        on.run({**SAE, **change}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
