"""Another kind of network in the place of another seed: tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.findings.as_its_own import as_its_own

SOURCE = "measure:transplanted_neurons"


def table(own, other, seeds=5, noise=0.02, draw=0):
    rng = np.random.default_rng(draw)
    length, seed = np.repeat([12, 2], seeds), np.tile(np.arange(seeds), 2)
    values = np.where(length[:, None] == length, own, other) + noise * rng.normal(size=(2 * seeds,) * 2)
    values[seed[:, None] == seed] = 99  # pairs of one seed do not count
    sides = {
        f"{name}{end}": (f"run{end}", tick)
        for end in ("", "_other")
        for name, tick in (("length", length), ("seed", seed))
    }
    names = [f"r{i}" for i in range(2 * seeds)]
    data = {"value": (("run", "run_other"), values, {"kind": "similarity"})}
    return xr.Dataset(data, {"run": names, "run_other": names, **sides}, {"kind": "similarity"})


def said(data, **options):
    (one,) = as_its_own({SOURCE: data}, kinds=(12, 2), **options)
    return one


@pytest.mark.parametrize(
    ("other", "verdict"), [(0.7, "holds"), (0.68, "holds"), (0.4, "does not hold"), (0.6, "too few seeds")]
)
def test_no_worse_than_another_seed(other, verdict):
    one = said(table(0.7, other))
    assert one.verdict == verdict and one.value == pytest.approx(other - 0.7, abs=0.04)
    assert one.details["with_other"] == pytest.approx(other, abs=0.03)
    assert one.details["with_own"] == pytest.approx(0.7, abs=0.03) and one.n == 5


def test_few_seeds_and_wrong_kinds():
    assert said(table(0.7, 0.7, seeds=2)).verdict == "too few seeds"
    with pytest.raises(UserError, match="length = 3"):
        as_its_own({SOURCE: table(0.7, 0.7)}, kinds=(12, 3))
    with pytest.raises(UserError, match="which two"):
        as_its_own({SOURCE: table(0.7, 0.7)})


def test_where_nothing_is_different_it_is_seldom_said():
    """The verdict "does not hold" at a margin that is the truth: 5 % or less of 100 tables."""
    wrong = sum(said(table(0.7, 0.6, noise=0.1, draw=k)).verdict == "does not hold" for k in range(100))
    assert wrong <= 8
