"""Populations whose seeds become alike at a step that is known, or never: the verdict, the step, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from ontogeny.registry import findings

STEPS = [0, 10, 20, 50, 100, 200]
READ = "measure:cka_linear_debiased(most = 12)@steps"


def population(rng, seeds, at=50, shared=3.0, n=60, d=6, kind="similarity", runs_a_seed=1):
    """Each seed has noise of its own; from step ``at`` on all of them hold one signal besides, in a basis of their own."""
    import torch

    from ontogeny.registry import measures

    signal = rng.normal(size=(n, 2))
    tables = []
    for step in STEPS:
        arrays = []
        for _ in range(seeds * runs_a_seed):
            x = rng.normal(size=(n, d))
            x[:, :2] += shared * (step >= at) * signal @ np.linalg.qr(rng.normal(size=(2, 2)))[0]
            arrays.append(torch.tensor(x))
        measure = measures["cka_linear_debiased"]
        factors = [measure.prepare(x) for x in arrays]
        tables.append(measure.pairs(factors, factors)["value"].numpy())
    values = np.stack(tables)
    if kind == "distance":
        values = 1 - values
    seed = np.repeat(np.arange(seeds), runs_a_seed)
    return xr.Dataset(
        {"value": (("step", "run", "run_other"), values, {"kind": kind})},
        coords={"step": STEPS, "run": [f"r{i}" for i in range(len(seed))], "seed": ("run", seed)},
    )


def judged(data, **options):
    (one,) = findings["become_alike"]({READ: data}, **options)
    return one


@pytest.mark.parametrize("kind", ["similarity", "distance"])
def test_seeds_that_become_alike_at_a_step(kind):
    one = judged(population(np.random.default_rng(0), 6, kind=kind))
    assert one.verdict == "holds" and one.n == 6
    assert one.details["half_way"] == 50 and set(one.details["half_way_without_one_seed"]) == {50.0}
    assert "half of the way by step 50" in one.why and "more alike" in one.why


def test_seeds_that_never_do():
    one = judged(population(np.random.default_rng(1), 6, at=10**9))
    assert one.verdict == "does not hold"
    assert "half of the way" not in one.why


def test_seeds_that_begin_alike_and_go_ways_of_their_own():
    data = (
        population(np.random.default_rng(2), 6, at=0)
        .isel(step=slice(None, None, -1))
        .assign_coords(step=STEPS)
    )
    data["value"][-1] = population(np.random.default_rng(3), 6, at=10**9)["value"].isel(step=-1)
    one = judged(data)
    assert one.verdict == "does not hold" and "less alike" in one.why and one.details["gain"] < -0.5


def test_pairs_of_one_seed_do_not_count():
    data = population(np.random.default_rng(4), 4, at=10**9, runs_a_seed=2)
    same = data["seed"].values[:, None] == data["seed"].values
    data["value"] = data["value"].where(~same, 1.0)
    assert judged(data).verdict == "does not hold"


def test_two_seeds_are_too_few():
    assert judged(population(np.random.default_rng(0), 2)).verdict == "too few seeds"


def test_maps_of_a_lens():
    rng, frequencies = np.random.default_rng(0), 12
    energy = rng.random((5, len(STEPS), frequencies)) * 0.1
    energy[:, 3:, 4] += 5
    maps = xr.Dataset(
        {"energy": (("run", "step", "frequency"), energy)},
        coords={"step": STEPS, "run": list("abcde"), "seed": ("run", range(5))},
    )
    (one,) = findings["become_alike"]({"lens:x@steps": maps}, source="lens:x@steps", name="energy")
    assert one.verdict == "holds" and one.details["half_way"] == 50


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_how_often_it_is_wrong(seeds):
    """The gain that matters is exactly the gain that there is: the interval lies above it in at most 1 in 40 studies, and below as often."""
    rng, said = np.random.default_rng(seeds), []
    for _ in range(300):
        level = rng.normal(0, 0.1, seeds)  # what a seed is like, with all others
        final = 0.4 + level[:, None] + level[None, :] + rng.normal(0, 0.05, (seeds, seeds))
        start = 0.2 + rng.normal(0, 0.05, (seeds, seeds))
        values = np.stack([(m + m.T) / 2 for m in (start, final)])
        data = xr.Dataset(
            {"value": (("step", "run", "run_other"), values, {"kind": "similarity"})},
            coords={"step": [0, 100], "run": list(map(str, range(seeds))), "seed": ("run", range(seeds))},
        )
        said.append(judged(data, by=0.2).verdict)
    for wrong in ("holds", "does not hold"):
        assert said.count(wrong) / len(said) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / len(said))
