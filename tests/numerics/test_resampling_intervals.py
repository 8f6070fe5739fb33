"""Intervals cover what they promise, permutation p-values have their size, and known numbers come out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ontogeny.errors import UserError
from ontogeny.numerics.resampling import (
    benjamini_hochberg,
    jackknife_interval,
    mean_interval,
    pair_mean,
    percentile_interval,
    permutation_p,
    poisson_binomial,
    prediction_interval,
    predictive_count,
    wilson_interval,
)


def test_permutation_p_counts_the_observed_arrangement():
    null = np.arange(99.0)
    assert permutation_p(1000.0, null) == pytest.approx(0.01)
    assert permutation_p(98.0, null) == pytest.approx(0.02)  # a tie counts as reached
    assert permutation_p(-1.0, null, "less") == pytest.approx(0.01)
    assert permutation_p(1000.0, null, "two-sided") == pytest.approx(0.02)
    assert permutation_p(49.0, null, "two-sided") == 1.0
    np.testing.assert_allclose(permutation_p([1000.0, -1.0], np.stack([null, null], 1)), [0.01, 1.0])
    with pytest.raises(UserError, match="leading axis"):
        permutation_p([1.0, 2.0], [1.0, 2.0])


def test_permutation_p_has_its_size_under_the_null():
    rng = np.random.default_rng(0)
    p = permutation_p(rng.normal(size=20000), rng.normal(size=(19, 20000)))
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("n", [3, 5, 12])
def test_prediction_interval_covers_one_new_seed_and_the_mean_interval_does_not(n):
    rng = np.random.default_rng(n)
    sets, new = rng.normal(3, 2, (4000, n)), rng.normal(3, 2, 4000)
    prediction = np.array([prediction_interval(s) for s in sets])
    of_mean = np.array([mean_interval(s) for s in sets])
    assert ((prediction[:, 0] <= new) & (new <= prediction[:, 1])).mean() == pytest.approx(0.95, abs=0.012)
    assert ((of_mean[:, 0] <= 3) & (of_mean[:, 1] >= 3)).mean() == pytest.approx(0.95, abs=0.012)
    assert ((of_mean[:, 0] <= new) & (new <= of_mean[:, 1])).mean() < 0.9


def test_mean_interval_is_that_of_scipy_and_bounds_cut():
    values = [0.9, 0.95, 1.0]
    want = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(mean_interval(values), (want.low, want.high))
    assert prediction_interval(values, bounds=(0, 1))[1] == 1.0
    assert all(map(math.isnan, prediction_interval([0.3])))


def test_wilson_and_the_beta_binomial_give_their_closed_forms():
    low, high = wilson_interval(0, 10)
    z2 = stats.norm.ppf(0.975) ** 2
    assert (low, high) == pytest.approx((0, z2 / (10 + z2)), abs=1e-9)
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998's arithmetic
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert predictive_count(3, 3)[1] == pytest.approx(3.5 / 4)
    assert predictive_count(2, 7, 5).sum() == pytest.approx(1)


def test_poisson_binomial_is_binomial_when_equal_and_agrees_with_enumeration():
    np.testing.assert_allclose(poisson_binomial(np.full(6, 0.3)), stats.binom.pmf(np.arange(7), 6, 0.3))
    p = np.array([0.1, 0.5, 0.9])
    law = np.zeros(4)
    for code in range(8):
        bits = (code >> np.arange(3)) & 1
        law[bits.sum()] += np.where(bits, p, 1 - p).prod()
    np.testing.assert_allclose(poisson_binomial(np.stack([p, p[::-1]])), [law, law])


def test_the_jackknife_of_a_mean_is_students_interval():
    values = np.array([0.3, 0.9, 0.4, 0.5])
    interval = jackknife_interval(lambda kept: values[kept].mean(), 4)
    assert interval == pytest.approx(mean_interval(values))
    assert jackknife_interval(lambda kept: values[kept].mean(), 4, bounds=(0.4, 0.6)) == (0.4, 0.6)
    assert all(map(math.isnan, jackknife_interval(lambda kept: 1.0, 1)))


@pytest.mark.parametrize("seeds", [3, 8])
def test_seeds_left_out_in_turn_cover_and_models_taken_for_seeds_do_not(seeds):
    """15 models a seed share its luck: similarity of two models is the sum of their lucks, 0 in the mean over seeds."""
    rng = np.random.default_rng(1)
    hits, naive = 0, 0
    for _ in range(300):
        luck = np.repeat(rng.normal(0, 1, seeds), 15) + rng.normal(0, 1, 15 * seeds)
        matrix, of = luck[:, None] + luck, np.repeat(np.arange(seeds), 15)
        low, high = jackknife_interval(
            lambda kept, m=matrix, s=of: pair_mean(m, np.flatnonzero(np.isin(s, kept))), seeds
        )
        hits += low <= 0 <= high
        low, high = mean_interval(2 * luck)
        naive += low <= 0 <= high
    assert hits / 300 >= 0.92
    assert naive / 300 < 0.6


def test_pair_mean_leaves_out_a_model_with_itself():
    matrix = np.array([[1.0, 0.2, np.nan], [0.2, 1.0, 0.4], [np.nan, 0.4, 1.0]])
    assert pair_mean(matrix, np.array([0, 1, 2])) == pytest.approx(0.3)
    assert pair_mean(matrix, np.array([0]), np.array([0, 1])) == pytest.approx(0.2)
    assert math.isnan(pair_mean(matrix, np.array([0])))


def test_percentiles_of_infinite_draws_are_draws():
    assert percentile_interval(np.array([1.0] * 90 + [math.inf] * 10), 0.95) == (1.0, math.inf)


def test_benjamini_hochberg_on_the_textbook_family():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, 0.04, 0.04, 0.02])
