"""Dictionaries whose relation to the truth and to one another is known, in the table of all scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import ontogeny as on
from ontogeny import build
from ontogeny.claims import Quantity
from ontogeny.errors import UserError
from ontogeny.findings.per_run import per_run
from ontogeny.registry import measures
from ontogeny.study import load_study

D, FEATURES = 16, 96
RECIPE = {
    "name": "worlds",
    "task": {"kind": "sparse_features", "d": D, "n_features": FEATURES, "active": 2.0, "decay": 0.98, "probe_size": 32, "shared": 0.5},
    "architecture": {"kind": "sae", "d_atoms": FEATURES},
    "train": {"steps": 4, "batch": 16},
    "vary": {"task.dictionary": [1, 2], "seed": [0, 1]},
}  # fmt: skip
SCORES = measures["dictionary_scores"]


def world(dictionary: int):
    (one,) = [
        m
        for m in build.members(load_study(RECIPE))
        if m.task.dictionary == dictionary and m.seeds["init"] == 0
    ]
    return one


def held(dictionary: int, *atoms: torch.Tensor):
    """What is compared of a run of this world whose dictionaries were these, step by step."""
    member = world(dictionary)
    weights = {name: w.expand(len(atoms), *w.shape).clone() for name, w in member.init().items()}
    return SCORES.prepare(build.subject(member, {**weights, "W_dec": torch.stack(atoms)}))


def table(x, y):
    said = SCORES.pairs([x], [y])
    rows, columns = SCORES.ticks["reference"], SCORES.ticks["score"]
    values = said["scores"][0, 0, -1].numpy()
    return {row: dict(zip(columns, line, strict=True)) for row, line in zip(rows, values, strict=True)}, {
        name: float(one[0, 0, -1]) for name, one in said.items() if name not in ("value", "scores")
    }


def normal(seed: int) -> torch.Tensor:
    return torch.randn(FEATURES, D, generator=torch.Generator().manual_seed(seed))


def test_two_dictionaries_that_hold_the_truth_are_one_where_the_worlds_are():
    one, other = (held(k, normal(k), world(k).task.truth()) for k in (1, 2))
    rows, told = table(one, other)
    alike = dict.fromkeys(SCORES.ticks["score"], 1.0) | {
        "Procrustes distance": 0.0,
        "singular-value distance": 0.0,
    }
    for row in ("its features", "atoms of shared features", "best half of the pairs"):
        assert rows[row] == pytest.approx(alike, abs=2e-3), row
    for row in ("shared features", "own features"):
        assert rows[row]["MMCS back"] == pytest.approx(1, abs=1e-6)
    chance, apart = rows["random vectors"], rows["the other's own features"]
    for score in ("MMCS back", "RSA", "CKA"):
        assert apart[score] < chance[score] + 0.15 < rows["shared features"][score]
    for name in ("right", "alike", "alike_by_truth"):
        assert told[name] == pytest.approx(1, abs=1e-6)
    assert math.isnan(told["shared_error"])  # nothing is left that could be shared


def test_what_each_score_cannot_see_is_in_the_table():
    rows, _ = table(held(1, normal(5)), held(2, normal(6)))
    turned, mixed, wrong, chance = (
        rows[f"itself, {name}"] for name in ("turned", "mixed", "half mispaired", "blurred to .5")
    )
    for score in ("kNN Jaccard", "SVCCA", "CKA", "RSA"):
        assert turned[score] == pytest.approx(1, abs=1e-3)
    assert turned["Procrustes distance"] == pytest.approx(0, abs=1e-2)
    assert turned["MMCS"] == pytest.approx(rows["random vectors"]["MMCS"], abs=0.05)
    assert mixed["singular-value distance"] == pytest.approx(0, abs=1e-5)
    assert mixed["MCC"] == pytest.approx(rows["random vectors"]["MCC"], abs=0.05)
    assert wrong["MMCS"] == wrong["MCC"] == pytest.approx(1, abs=1e-6)
    assert 0.3 < wrong["pair cosine"] < 0.7
    assert wrong["kNN Jaccard"] < 0.5
    assert chance["pair cosine"] == pytest.approx(0.5, abs=1e-6)
    for c in (0.5, 0.7, 0.9):
        assert rows[f"itself, blurred to .{c * 10:.0f}"]["pair cosine"] == pytest.approx(c, abs=1e-6)
    shuffled, its = rows["features, shuffled"], rows["its features"]
    for score in ("MMCS", "MMCS back", "MCC", "singular-value distance"):
        assert shuffled[score] == its[score]
    assert abs(shuffled["pair cosine"]) < 0.1 < its["pair cosine"]


@pytest.mark.parametrize("together", [True, False])
def test_errors_that_two_dictionaries_share_are_told_from_errors_of_their_own(together):
    features = world(1).task.truth()
    first, second = 0.15 * normal(7), 0.15 * normal(7 if together else 8)
    one, other = (
        held(1, normal(9 + i), normalize(features + e, dim=-1)) for i, e in enumerate((first, second))
    )
    _, told = table(one, other)
    assert 0.75 < told["right"] < 0.95
    if together:
        assert told["alike"] == pytest.approx(1, abs=1e-5) and told["shared_error"] == pytest.approx(
            1, abs=1e-4
        )
        assert told["alike"] > told["right"]
    else:
        assert told["alike"] == pytest.approx(told["alike_by_truth"], abs=0.03)
        assert told["alike"] < told["right"] and abs(told["shared_error"]) < 0.15


def test_the_order_and_length_of_atoms_say_nothing():
    order, length = (
        torch.randperm(FEATURES, generator=torch.Generator().manual_seed(0)),
        normal(1)[:, :1].abs() + 0.1,
    )
    atoms, other = normal(3), held(2, normal(4))
    rows, told = table(held(1, atoms), other)
    again, told_again = table(held(1, (atoms * length)[order]), other)
    assert told == pytest.approx(told_again, abs=1e-5)
    for row in ("its features", "shared features", "the other dictionary", "atoms of shared features"):
        assert rows[row] == pytest.approx(again[row], abs=1e-4), row


def test_two_that_began_alike_are_not_compared_and_other_coordinates_are_refused():
    began = normal(1)
    rows, told = table(held(1, began, normal(2)), held(2, began, normal(3)))
    assert all(math.isnan(v) for v in rows["the other dictionary"].values()) and math.isnan(told["alike"])
    assert not math.isnan(rows["its features"]["MMCS"]) and not math.isnan(told["right"])
    wide = held(1, normal(1))._replace(atoms=torch.ones(1, 3, 7))
    with pytest.raises(UserError, match="one dictionary has 7 coordinates, the other 16"):
        SCORES.pairs([wide], [held(2, normal(2))])


def test_what_needs_no_truth_is_said_without_it():
    from dataclasses import replace

    member = world(1)
    for atoms in (normal(1), world(1).task.truth()):
        known = build.subject(member, {**member.init(), "W_dec": atoms})
        blind = replace(known, probe=replace(known.probe, truth=None))
        assert SCORES.needs()[1].optional
        (seen, _), (rows, told) = (table(SCORES.prepare(one), held(2, normal(2))) for one in (known, blind))
        assert all(
            math.isnan(v)
            for name in ("its features", "shared features", "features, shuffled", "atoms of own features")
            for v in rows[name].values()
        )
        for name in ("itself, turned", "the other dictionary", "best half of the pairs", "random vectors"):
            assert rows[name] == pytest.approx(seen[name], abs=1e-6)
        assert math.isnan(told["right"]) and math.isnan(told["shared_error"])


def test_runs_of_two_worlds_are_compared_over_their_steps(tmp_path):
    recipe = {
        **RECIPE,
        "lenses": ["sae_codes"],
        "measures": ["dictionary_scores"],
        "checkpoints": {"at": [2]},
    }
    store = on.run(load_study(recipe), tmp_path / "worlds")
    data = store.compare("dictionary_scores")
    assert store.directory.comparisons.joinpath("dictionary_scores.nc").exists() and data.shape == (4, 4)
    from ontogeny.gathering.results import of_pairs

    whole = of_pairs(store, "dictionary_scores", -1, {})
    assert whole["step"].values.tolist() == [0, 2, 4]
    assert whole["scores"].dims == ("run", "run_other", "step", "reference", "score")
    same = whole["seed"].values[:, None] == whole["seed_other"].values
    assert np.isnan(whole["alike"].values[same]).all() and np.isfinite(whole["alike"].values[~same]).all()
    where = {"reference": "atoms of shared features", "score": "MMCS", "step": 4}
    asked = Quantity(
        source="measure:dictionary_scores",
        variable="scores",
        where={**where, "dictionary": 1, "dictionary_other": "same"},
    )
    found = per_run(whole, asked)
    mine = whole["scores"].sel(**where).values
    first = np.flatnonzero(whole["dictionary"].values == 1)
    assert found["value"].tolist() == pytest.approx([mine[i, first[first != i][0]] for i in first])
    with pytest.raises(UserError, match="over all their steps"):
        store.run(str(whole["run"].values[0])).compare("dictionary_scores")
