"""Sparse autoencoders under lenses: dictionaries made by hand, whose answers are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.models.sae import SAE
from ontogeny.objectives.sparse_reconstruction import SparseReconstruction
from ontogeny.registry import lenses
from ontogeny.subject import Subject
from ontogeny.tasks.base import Probe, Signature, Truth

FEATURES = torch.eye(4)
CODES = torch.tensor([[1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 3.0, 0], [0, 0, 0, 0], [1.0, 1.0, 0, 0]])


def subject(atoms: Tensor, codes: Tensor = CODES, b_enc: Tensor | None = None, **fields: Any) -> Subject:
    """An SAE with these atoms, tied, on data of these codes. Unit normed atoms, ReLU."""
    n = len(atoms)
    weights = {"W_enc": atoms.mT.contiguous(), "W_dec": atoms, "b_dec": torch.zeros(atoms.shape[1])}
    weights["b_enc"] = torch.zeros(n) if b_enc is None else b_enc
    data = codes @ FEATURES
    probe = Probe(data, data, truth=Truth(FEATURES, codes, torch.tensor([2, 0])))
    architecture = SAE(d_atoms=n, activation="relu", **fields)
    return Subject(architecture, weights, probe, Signature(4, features=4), SparseReconstruction())


def seen(name: str, model: Subject, **options: Any) -> dict[str, Any]:
    return {k: v.values for k, v in lenses[name](model, **options).items()}


def test_the_true_dictionary_is_recovered_in_any_order_and_rebuilds_everything() -> None:
    atoms = FEATURES[[2, 0, 3, 1]]
    found = seen("truth_recovery", subject(atoms))
    for name in ("mmcs_of_truth", "mmcs_of_atoms", "mcc", "found"):
        assert float(found[name]) == pytest.approx(1), name
    assert float(found["split"]) == float(found["merged"]) == 0
    codes = seen("truth_codes", subject(atoms))
    assert codes["silent"][:3].tolist() == codes["absorbed"][:3].tolist() == [0, 0, 0]
    assert codes["silent"][3].isnan() and codes["amplitude"][:3].tolist() == [
        1,
        1,
        1,
    ]  # the fourth is never active
    rebuilt = seen("sae_reconstruction", subject(atoms))
    assert all(float(rebuilt[n]) == pytest.approx(1) for n in ("explained", "norm_ratio", "shrinkage"))
    assert float(rebuilt["squared_error"]) == 0
    activity = seen("truth_activity", subject(atoms))
    assert (int(activity["empty"]), int(activity["samples"]), float(activity["active_mean"])) == (1, 5, 1.0)
    assert activity["common"].tolist() == [True, False, True, False]


def test_both_directions_of_mmcs_differ_where_atoms_are_missing() -> None:
    found = seen("truth_recovery", subject(FEATURES[:2]))
    assert float(found["mmcs_of_atoms"]) == 1 and float(found["mmcs_of_truth"]) == 0.5
    assert float(found["mcc"]) == 1 and float(found["found"]) == 0.5
    flipped = seen("truth_recovery", subject(-FEATURES))
    assert (
        float(flipped["mmcs_of_truth"]) == 0 and float(flipped["mcc"]) == 1
    )  # signs count in one of them alone


def test_split_and_merged_features_are_counted() -> None:
    near_first = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 0.3, 0], [1.0, 0, -0.3, 0]]), dim=-1)
    both = torch.nn.functional.normalize(torch.tensor([[0.0, 1, 1, 0]]), dim=-1)
    found = seen("truth_recovery", subject(torch.cat([near_first, both, FEATURES[3:]])))
    assert found["atoms_of_feature"].tolist() == [2, 0, 0, 1]
    assert found["features_of_atom"].tolist() == [1, 1, 2, 1]
    assert float(found["split"]) == 0.5 and float(found["merged"]) == 0.25  # of 2 found; of 4 atoms


def test_an_atom_for_two_features_together_absorbs_the_special_one() -> None:
    """Feature 1 comes with feature 0 alone: one atom says both, and the atom of feature 1 stays silent."""
    codes = torch.tensor([[1.0, 0, 0, 0], [1.0, 1.0, 0, 0], [0, 0, 1.0, 0]])
    both = torch.nn.functional.normalize(torch.tensor([[1.0, 1, 0, 0]]), dim=-1)
    model = subject(torch.cat([FEATURES, both]), codes, b_enc=torch.tensor([0.0, -1.5, 0, 0, 0]))
    told = seen("truth_codes", model, near=0.8)
    assert told["silent"].tolist()[:3] == [0, 1, 0] and told["absorbed"].tolist()[:3] == [0, 1, 0]
    strict = seen("truth_codes", model, most=1.5)
    assert strict["silent"].tolist()[1] == 1 and strict["absorbed"].tolist()[1] == 0


def test_a_bias_shrinks_and_is_measured_as_the_factor_that_undoes_it() -> None:
    codes = torch.tensor([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 2.0]])
    model = subject(FEATURES, codes, b_enc=torch.full((4,), -0.5))
    assert float(seen("sae_reconstruction", model)["shrinkage"]) == pytest.approx(0.75)
    assert seen("truth_codes", model)["amplitude"].tolist() == pytest.approx([0.75] * 4)


def test_density_l0_and_the_dead() -> None:
    codes = seen("sae_codes", subject(FEATURES))
    assert codes["density"].tolist() == pytest.approx([0.4, 0.4, 0.2, 0])
    assert float(codes["l0"]) == pytest.approx(1) and float(codes["dead"]) == 0.25
    assert codes["mean_active"][:3].tolist() == [1, 1.5, 3] and codes["mean_active"][3].isnan()
    assert float(codes["histogram"].sum()) == pytest.approx(0.75)


def test_stacked_models_are_seen_as_each_by_itself() -> None:
    one, two = subject(FEATURES), subject(FEATURES[[1, 0, 3, 2]] * 0.5 + 0.1)
    weights = {n: torch.stack([one.weights[n], two.weights[n]]) for n in one.weights}
    together = Subject(one.architecture, weights, one.probe, one.signature, one.objective)
    for name in ("sae_codes", "sae_reconstruction", "truth_recovery", "truth_codes", "truth_activity"):
        stacked = seen(name, together)
        for i, alone in enumerate((one, two)):
            for variable, value in seen(name, alone).items():
                torch.testing.assert_close(
                    stacked[variable][i], value, equal_nan=True, msg=f"{name} {variable}"
                )
