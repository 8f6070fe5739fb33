"""Held-out inputs whose exchange was trained on are told apart from those that are new."""

from dataclasses import replace

import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.lenses.exchange import exchange


def rows(*pairs):
    return torch.tensor(sorted(10 * a + b for a, b in pairs))


def test_inputs_are_sorted_by_what_became_of_their_exchange(adder):
    model = adder()
    split = {"train": rows((1, 2), (3, 3), (0, 5)), "test": rows((2, 1))}
    said = exchange(replace(model, split=split))
    assert said["inputs"].values.tolist() == [2, 95]  # (2, 1) and (5, 0); all others but the three
    assert said["accuracy"].values.tolist() == [1, 1] and float(said["symmetric"].values) == 1


def test_accuracy_counts_what_is_right_in_its_group_alone(adder):
    model = adder()
    wrong = model.outputs.clone()
    wrong[rows((2, 1))] = wrong[rows((9, 9))]  # answers 18 at (2, 1) alone
    twin = replace(model)
    twin.__dict__["outputs"] = wrong
    twin.split = {"train": rows((1, 2), (0, 5)), "test": rows((2, 1))}
    said = exchange(twin)
    assert said["accuracy"].values.tolist() == [0.5, 1.0]
    assert float(said["symmetric"].values) == pytest.approx(88 / 90)


def test_everything_trained_leaves_nothing_to_judge(adder):
    said = exchange(replace(adder(), split={"train": torch.arange(100)}))
    assert said["accuracy"].values.isnan().all()


def test_a_grid_that_is_no_square_is_refused(adder):
    model = adder()
    with pytest.raises(UserError, match="square"):
        exchange(replace(model, probe=replace(model.probe, grid={"a": 5, "b": 20})))
