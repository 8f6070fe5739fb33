"""Choices over runs and maps over inputs, judged where the truth was planted."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.registry import findings

RNG = np.random.default_rng(1)


def runs(**variables):
    n = len(next(iter(variables.values()))[1])
    coords = {"run": [f"r{i}" for i in range(n)], "seed": ("run", np.arange(n))}
    return xr.Dataset({k: (("run", *dims), values) for k, (dims, values) in variables.items()}, coords)


def chosen(picks):
    data = runs(is_key=(("frequency",), np.asarray(picks, dtype=bool)))
    return data.assign_coords(frequency=np.arange(data.sizes["frequency"]))


def test_choices_at_random_are_not_called_preferences_more_often_than_promised():
    rejected = 0
    for i in range(60):
        rng = np.random.default_rng(i)
        picks = np.zeros((40, 13), bool)
        for row in picks:
            row[1 + rng.permutation(12)[: rng.integers(2, 5)]] = True
        (found,) = findings["preferred"]({"lens:k": chosen(picks)}, source="lens:k")
        rejected += found.verdict == "does not hold"
        assert found.verdict in ("holds", "does not hold")
    assert rejected <= 8  # 5 % of 60 is 3; more than 8 with probability .003


def test_a_frequency_that_every_seed_chooses_is_found_and_few_seeds_cannot_tell():
    picks = np.zeros((12, 13), bool)
    picks[:, 5] = True
    (found,) = findings["preferred"]({"lens:k": chosen(picks)}, source="lens:k")
    assert found.verdict == "does not hold"
    assert found.details["count_by_item"]["5"] == 12
    apart = np.eye(13, dtype=bool)[[1, 2, 3]]
    (found,) = findings["preferred"]({"lens:k": chosen(apart)}, source="lens:k")
    assert found.verdict == "too few seeds"


def test_a_constant_choice_says_nothing():
    with pytest.raises(UserError, match="nothing to prefer"):
        findings["preferred"]({"lens:k": chosen(np.zeros((3, 5)))}, source="lens:k")


def trace(maps, trained=None):
    maps = np.asarray(maps, dtype=float)
    trained = np.zeros(maps.shape, bool) if trained is None else trained
    return {"lens:t": runs(learned_step=(("a", "b"), maps), trained_on=(("a", "b"), trained))}


def test_maps_with_a_common_part_agree_and_independent_ones_do_not():
    common = RNG.normal(size=(9, 9))
    alike = common + 0.2 * RNG.normal(size=(5, 9, 9))
    (found,) = findings["map_agreement"](trace(alike), source="lens:t")
    assert found.verdict == "holds"
    assert found.value > 0.8
    (found,) = findings["map_agreement"](trace(RNG.normal(size=(5, 9, 9))), source="lens:t")
    assert found.verdict == "does not hold"
    assert abs(found.value) < 0.15


def test_agreement_among_inputs_that_are_masked_in_one_run_is_not_counted():
    common = RNG.normal(size=(9, 9))
    maps = np.stack([common] * 4)
    trained = RNG.random(maps.shape) < 0.3
    maps[trained] = RNG.normal(size=int(trained.sum()))  # what was trained on follows no common order
    (found,) = findings["map_agreement"](trace(maps, trained), source="lens:t")
    assert found.value == pytest.approx(1)


def test_symmetry_is_seen_where_it_is():
    halves = RNG.normal(size=(6, 9, 9))
    (found,) = findings["map_symmetry"](trace(halves + halves.swapaxes(1, 2)), source="lens:t")
    assert found.value == pytest.approx(1)
    assert found.verdict == "holds"
    (found,) = findings["map_symmetry"](trace(halves), source="lens:t")
    assert found.verdict == "does not hold"


@pytest.mark.parametrize("kind", ["map_agreement", "map_symmetry"])
def test_maps_of_which_nothing_is_known_cannot_tell(kind):
    (found,) = findings[kind](trace(np.full((4, 5, 5), np.nan)), source="lens:t")
    assert found.verdict == "too few seeds"
    assert np.isnan(found.value)
