"""The success curve finds a planted d50, its interval covers it, separation does not blow up, and dips are seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, special

from ontogeny.errors import UserError
from ontogeny.numerics.success import firth_logistic, fit_success, monotone_p

WIDTHS = np.arange(1, 65)


def runs(probability, seeds, rng):
    reached = rng.random((seeds, len(WIDTHS))) < probability
    d = np.broadcast_to(WIDTHS, reached.shape)
    seed = np.broadcast_to(np.arange(seeds)[:, None], reached.shape)
    return d.ravel(), reached.ravel(), seed.ravel()


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_the_interval_of_d50_covers_the_truth(seeds):
    truth = special.expit(3 * np.log(WIDTHS / 20))
    covered = []
    for trial in range(60):
        curve = fit_success(*runs(truth, seeds, np.random.default_rng(trial)), draws=250)
        covered.append(curve.d50_interval[0] <= 20 <= curve.d50_interval[1])
    assert np.mean(covered) >= 0.87  # 0.95 less three standard errors of 60 trials


def test_one_seed_says_that_its_interval_comes_from_the_fitted_curve():
    rng = np.random.default_rng(0)
    truth = special.expit(3 * np.log(WIDTHS / 20))
    assert "fitted curve" in fit_success(*runs(truth, 1, rng), draws=50).interval_kind
    assert "the wider" in fit_success(*runs(truth, 3, rng), draws=50).interval_kind
    assert "fitted" not in fit_success(*runs(truth, 9, rng), draws=50).interval_kind


def test_separation_stays_finite_and_finds_the_edge():
    d, reached, seed = runs((WIDTHS > 20).astype(float), 3, np.random.default_rng(0))
    curve = fit_success(d, reached, seed, draws=200)
    assert np.isfinite([curve.intercept, curve.slope, *curve.d50_interval]).all()
    assert 19.5 < curve.d50 < 21.5
    assert curve.at(10) < 0.05 and curve.at(40) > 0.95


def test_nothing_and_everything_reached_put_the_onset_beyond_and_before():
    rng = np.random.default_rng(0)
    never, always = (fit_success(*runs(np.full(64, p), 3, rng), draws=100) for p in (0.0, 1.0))
    assert never.d50 == math.inf and never.d50_interval == (0, math.inf) and never.at(32) < 0.05
    assert always.d50 == 0 and always.at(32) > 0.95


def test_firth_solves_its_penalised_likelihood():
    """An independent minimiser of −ℓ − ½ ln det I agrees, also under separation."""
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    n = np.array([3.0, 2, 4, 3, 3])
    for k in (np.array([0.0, 1, 1, 2, 3]), np.array([0.0, 0, 0, 3, 3]), np.zeros(5)):

        def cost(beta, k=k):
            p = special.expit(beta[0] + beta[1] * x)
            weight, design = n * p * (1 - p), np.stack([np.ones(5), x], -1)
            likelihood = (special.xlogy(k, p) + special.xlogy(n - k, 1 - p)).sum()
            return -likelihood - 0.5 * np.linalg.slogdet(design.T * weight @ design)[1]

        want = optimize.minimize(
            cost, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 4000}
        )
        np.testing.assert_allclose(firth_logistic(x, k, n), want.x, atol=1e-4)


def test_firth_is_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(0)
    n = np.full(64, 4.0)
    k = rng.binomial(4, special.expit(np.log(WIDTHS / 20)), (7, 64)).astype(float)
    together = firth_logistic(np.log(WIDTHS), k, np.broadcast_to(n, k.shape))
    np.testing.assert_allclose(together, [firth_logistic(np.log(WIDTHS), row, n) for row in k], atol=1e-6)


@pytest.mark.parametrize(
    "truth",
    [special.expit(3 * np.log(WIDTHS / 20)), np.where(WIDTHS < 10, 0.0, 0.5)],
    ids=["logistic", "plateau"],
)
def test_the_monotone_test_has_its_size_for_rising_curves(truth):
    p = [monotone_p(*runs(truth, 2, np.random.default_rng(t)), draws=99) for t in range(60)]
    assert np.mean(np.array(p) <= 0.05) <= 0.13


def test_the_monotone_test_sees_a_dip():
    truth = np.where(WIDTHS < 10, 0.05, np.where((WIDTHS >= 30) & (WIDTHS < 42), 0.2, 0.9))
    p = [monotone_p(*runs(truth, 4, np.random.default_rng(t)), draws=99) for t in range(20)]
    assert np.mean(np.array(p) <= 0.05) >= 0.9


def test_perfectly_rising_success_cannot_be_called_non_monotone():
    assert monotone_p(*runs((WIDTHS > 20).astype(float), 2, np.random.default_rng(0)), draws=19) == 1.0


def test_bad_requests_are_refused():
    with pytest.raises(UserError, match="two settings"):
        fit_success([4, 4], [0, 1], [0, 1])
    with pytest.raises(UserError, match="0 or 1"):
        fit_success([4, 5], [0.5, 1], [0, 0])
    with pytest.raises(UserError, match="d > 0"):
        fit_success([0, 5], [0, 1], [0, 0])
    assert fit_success([0, 5, 9], [0, 1, 1], [0, 0, 0], scale="linear", draws=20).scale == "linear"
