"""Numbers that go together by construction, and those that do not; against SciPy; and how often it errs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ontogeny.claims import Chosen, Condition, Quantity
from ontogeny.errors import UserError
from ontogeny.findings.goes_with import fisher_interval, goes_with, permuted
from ontogeny.numerics.map_correlation import spearman

X, Y = (Quantity(source="runs", variable=name, text=name) for name in "xy")


def found(x, y, **options):
    runs = pd.DataFrame({"run": [f"r{i}" for i in range(len(x))], "seed": range(len(x)), "x": x, "y": y})
    (one,) = goes_with({"runs": runs}, quantity=Y, against=X, **options)
    return one


def test_what_rises_together_holds_and_a_claim_of_the_contrary_does_not():
    x = np.arange(8.0)
    assert found(x, x**3, direction="rises").verdict == "holds"
    assert found(x, x**3, published={"who": "falls"}).verdict == "not as published"
    one = found(x, -np.exp(x), published={"who": "falls"})
    assert one.verdict == "as published" and one.value == -1 and one.published[0].inside
    assert one.details["p"] == pytest.approx(2 / 40320)


def test_few_seeds_decide_nothing():
    x = np.arange(5.0)
    one = found(x, np.array([1.0, 3, 2, 5, 4]), direction="rises")
    assert one.verdict == "too few seeds" and one.needed > 5
    assert found(x[:3], x[:3], direction="rises").verdict == "too few seeds"
    assert found(x, np.ones(5)).verdict == "too few seeds"


def test_a_relation_that_is_excluded_does_not_hold():
    rng = np.random.default_rng(0)
    one = found(rng.normal(size=300), rng.normal(size=300), direction="rises")
    assert one.verdict == "does not hold"


def test_seeds_without_one_of_the_two_are_said():
    x = np.arange(8.0)
    one = found(np.where(x == 2, np.nan, x), x)
    assert one.n == 7 and one.missing == (2,) and "1 seed lacks" in one.why


def test_the_population_is_that_of_the_quantity():
    x = np.arange(9.0)
    high = Chosen("later seeds", ((X, Condition(at_least=4.0)),))
    one = found(x, -x, of=(high,))
    assert one.n == 5 and one.of == "later seeds" and one.value == pytest.approx(-1)


def test_opposite_words_are_refused():
    x = np.arange(5.0)
    with pytest.raises(UserError, match="opposite"):
        found(x, x, direction="rises", published={"who": "falls"})
    with pytest.raises(UserError, match="rises"):
        found(x, x, published={"who": "up"})


@pytest.mark.parametrize("n", [5, 7, 8])
def test_as_scipy_says(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.integers(0, 3, n).astype(float)
    rho = spearman(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)

    def statistic(x):
        return stats.spearmanr(x, y).statistic

    exact = (
        stats.permutation_test(
            (x,), statistic, permutation_type="pairings", n_resamples=np.inf, vectorized=False
        )
        if n < 8
        else None
    )
    if exact:
        assert permuted(x, y, rho) == pytest.approx(
            (np.abs(exact.null_distribution) >= abs(rho) - 1e-9).mean()
        )


@pytest.mark.parametrize("n", [6, 8, 20])
@pytest.mark.parametrize("r", [0.0, 0.5, 0.8])
def test_intervals_hold_the_truth_and_nothing_is_found_where_nothing_is(n, r):
    """The truth is Spearman's ρ of the normal law, 6/π arcsin(r/2). 400 studies: .95 ± .02 at two standard errors."""
    rng = np.random.default_rng([n, int(10 * r)])
    truth = 6 / np.pi * np.arcsin(r / 2)
    held = said = 0
    for _ in range(400):
        x = rng.normal(size=n)
        y = r * x + np.sqrt(1 - r * r) * rng.normal(size=n)
        low, high = fisher_interval(spearman(x, y), n)
        held += low <= truth <= high
    assert held / 400 > 0.92
    if r == 0 and n <= 8:
        for _ in range(100):
            x, y = rng.normal(size=(2, n))
            said += permuted(x, y, spearman(x, y)) <= 0.05
        assert said <= 11  # of 100, five expected
