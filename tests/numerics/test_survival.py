"""Waiting times by hand, against SciPy, and in simulation: medians and means are covered, tests have their size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ontogeny.numerics.resampling import mean_interval
from ontogeny.numerics.survival import logrank, sooner, waiting

SHAPE = 1.5  # of the Weibull times


def test_a_small_curve_by_hand():
    """Events at 1 and 3 of four runs, one censored at 2: S is 1, ¾, ¾ · ½, then unknown."""
    curve = waiting([1, 2, 3, 5], [True, False, True, False])
    np.testing.assert_allclose(curve.time, [0, 1, 3])
    np.testing.assert_allclose(curve.share, [1, 0.75, 0.375])
    assert (curve.n, curve.events, curve.median, curve.horizon) == (4, 2, 3.0, 5.0)
    assert curve.mean == pytest.approx(1 + 2 * 0.75 + 2 * 0.375)
    assert curve.median_interval == (1.0, math.inf)


def test_without_censoring_the_mean_is_the_usual_one():
    times = np.array([3.0, 5.0, 6.0, 10.0, 11.0])
    curve = waiting(times, np.ones(5))
    want = stats.ttest_1samp(times, 0).confidence_interval(0.95)
    assert curve.mean == pytest.approx(times.mean())
    assert curve.mean_interval == (pytest.approx(want.low), pytest.approx(min(11.0, want.high)))


def test_where_it_never_happens_the_median_is_beyond_every_number():
    curve = waiting([7.0, 7.0, 7.0], np.zeros(3))
    assert (curve.median, curve.mean, curve.events) == (math.inf, 7.0, 0)
    assert curve.median_interval == (math.inf, math.inf)


@pytest.mark.parametrize("n", [6, 8, 16])
@pytest.mark.parametrize("budget", [math.inf, 1.0])
def test_medians_and_restricted_means_are_covered(n, budget):
    """Weibull times, with and without a budget that censors 37 % of them."""
    rng = np.random.default_rng(n)
    horizon = min(budget, 2.0)
    grid = np.linspace(0, horizon, 4001)
    median, mean = math.log(2) ** (1 / SHAPE), np.trapezoid(np.exp(-(grid**SHAPE)), grid)
    inside = []
    for times in rng.weibull(SHAPE, (500, n)):
        curve = waiting(np.minimum(times, budget), times <= budget, horizon)
        (low, high), (least, most) = curve.median_interval, curve.mean_interval
        inside.append((low <= median <= high, least <= mean <= most))
    of_median, of_mean = np.mean(inside, 0)
    assert of_median >= 0.93 and of_mean >= 0.90


def test_the_excess_is_the_numerator_of_the_log_rank_test():
    rng = np.random.default_rng(0)
    times, group = rng.exponential(size=60), np.repeat([0.0, 1.0], 30)
    times[group == 1] *= 0.5
    came = times < 1.2
    when = np.minimum(times, 1.2)
    found = logrank(when, came, group, draws=9999)
    variance = observed = 0.0
    for t in np.unique(when[came]):
        risk, own = when >= t, (when >= t) & (group == 1)
        d, n, m = (came & (when == t)).sum(), risk.sum(), own.sum()
        observed += (came & (when == t) & (group == 1)).sum() - d * m / n
        variance += d * (m / n) * (1 - m / n) * (n - d) / (n - 1)
    assert found.excess[1] == pytest.approx(observed) == pytest.approx(-found.excess[0])
    uncensored = [stats.CensoredData(when[g & came], right=when[g & ~came]) for g in (group == 1, group == 0)]
    theirs = stats.logrank(*uncensored)
    assert abs(theirs.statistic) == pytest.approx(abs(observed) / math.sqrt(variance))
    assert found.p == pytest.approx(theirs.pvalue, abs=0.01)
    assert found.trend > 0  # the later group is the faster


def runs(rng, effect=0.0, seeds=8, groups=4, seed_effect=1.0, budget=2.0):
    """Seeds with a luck of their own, each trained in every group and stratum; log time falls by ``effect`` a group."""
    group, stratum, seed = (
        x.ravel() for x in np.meshgrid(range(groups), range(2), range(seeds), indexing="ij")
    )
    luck = seed_effect * rng.normal(size=seeds)
    log = luck[seed] + 0.7 * stratum - effect * group + rng.normal(size=len(seed))
    times = np.round(np.exp(log), 1) + 0.1  # the log's resolution makes ties
    return {
        "time": np.minimum(times, budget),
        "happened": times <= budget,
        "group": group,
        "strata": stratum,
        "blocks": seed,
    }


def test_p_is_uniform_where_groups_do_not_differ_and_seeds_do():
    rng = np.random.default_rng(1)
    found = [logrank(**runs(rng), draws=199, seed=trial) for trial in range(250)]
    for p in ([one.p for one in found], [one.p_trend for one in found]):
        assert stats.kstest(p, "uniform").pvalue > 0.001
        assert np.mean(np.array(p) <= 0.05) <= 0.09


def test_a_faster_group_is_found_and_said_to_be_sooner():
    rng = np.random.default_rng(2)
    found = [logrank(**runs(rng, effect=0.5), draws=199, seed=trial) for trial in range(40)]
    assert np.mean([one.p_trend <= 0.05 for one in found]) > 0.9
    assert all(one.trend > 0 for one in found)
    shares, seeds, pairs = sooner(**runs(rng, effect=1.0))
    assert shares.mean() > 0.7 and mean_interval(shares)[0] > 0.5 and pairs > 50
    assert seeds.tolist() == list(range(8))


def test_the_share_that_is_sooner_is_covered():
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(400):
        low, high = mean_interval(sooner(**runs(rng))[0])
        inside.append(low <= 0.5 <= high)
    assert np.mean(inside) >= 0.92


def test_sooner_by_hand():
    shares, _, pairs = sooner([1, 2, 5, 5], [1, 1, 0, 0], [3, 2, 1, 0], blocks=[0, 0, 0, 0])
    assert (shares.tolist(), pairs) == ([1.0], 5)  # the two that never had it tell nothing of one another
