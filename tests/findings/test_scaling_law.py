"""Laws that are known: without noise exactly, with it covered, also where half of the runs are censored; bends are seen."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from ontogeny.claims import Quantity
from ontogeny.errors import UserError
from ontogeny.findings.scaling_law import scaling_law
from ontogeny.numerics.power_law import at_levels, bends, beyond, censored_fit, law
from ontogeny.numerics.resampling import mean_interval
from ontogeny.registry import views

GRID = np.array(list(itertools.product([17, 23, 29, 37], [20, 32, 48], [0.55, 0.65, 0.75, 0.85])))
LOGX = np.log(GRID) - np.log(GRID).mean(0)
TRUTH = np.array([1.5, -0.8, -4.0])
NOISE = {
    "normal": lambda rng, n: 0.3 * rng.standard_normal(n),
    "skewed": lambda rng, n: 0.3 * (rng.gumbel(size=n) - 0.5772) / 1.2825,
}


def seed_of(rng, noise="normal", budget=math.inf, extra=0.0):
    logs = 6 + LOGX @ TRUTH + NOISE[noise](rng, len(LOGX)) + extra
    return LOGX, np.minimum(logs, budget), logs < budget


def test_without_noise_the_law_is_found_and_the_budget_does_not_matter():
    logs = 6 + LOGX @ TRUTH
    for budget in (math.inf, 6.0):
        found, _ = law(LOGX, np.minimum(logs, budget), logs < budget)
        np.testing.assert_allclose(found, [6, *TRUTH], atol=1e-6)


def test_without_censoring_it_is_least_squares():
    logx, logs, came = seed_of(np.random.default_rng(0))
    X = np.column_stack([np.ones(len(logx)), logx])
    np.testing.assert_allclose(censored_fit(X, logs, came)[0], np.linalg.lstsq(X, logs, rcond=None)[0])


def test_the_censored_fit_is_the_maximum_of_its_likelihood():
    from scipy import stats

    logx, logs, came = seed_of(np.random.default_rng(1), budget=6.2)
    X = np.column_stack([np.ones(len(logx)), logx])
    beta, sigma = censored_fit(X, logs, came)

    def likelihood(beta, sigma):
        at = (logs - X @ beta) / sigma
        return (stats.norm.logpdf(at) - np.log(sigma))[came].sum() + stats.norm.logsf(at)[~came].sum()

    best = likelihood(beta, sigma)
    for k in range(4):
        for step in (-0.01, 0.01):
            assert likelihood(beta + step * np.eye(4)[k], sigma) < best
    assert max(likelihood(beta, sigma * 1.01), likelihood(beta, sigma / 1.01)) < best


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("budget", [math.inf, 6.0])
def test_intervals_over_seeds_hold_the_truth(noise, budget):
    """Studies of five seeds; at the second budget half of the runs are censored."""
    rng, inside, bent = np.random.default_rng(2), [], []
    for _ in range(40):
        each = [seed_of(rng, noise, budget) for _ in range(5)]
        found = np.array([law(*one)[0][1:] for one in each])
        curved = np.array([bends(*one) for one in each])
        for of, truth, told in ((found, TRUTH, inside), (curved, np.zeros(3), bent)):
            between = [mean_interval(column) for column in of.T]
            told.append([low <= t <= high for (low, high), t in zip(between, truth, strict=True)])
    assert np.mean(inside) >= 0.88 and np.mean(bent) >= 0.88


def test_an_end_that_leaves_the_law_is_told_by_its_factor():
    top = np.isclose(GRID[:, 0], 37)
    logx, logs, came = seed_of(np.random.default_rng(3), extra=np.where(top, math.log(3), 0))
    assert math.exp(beyond(0, logx[top][0, 0], logx, logs, came)) == pytest.approx(3, rel=0.3)
    levels = np.unique(logx[:, 0])
    effects = at_levels(0, logx, 6 + logx @ TRUTH, came, levels)
    np.testing.assert_allclose(np.diff(effects) / np.diff(levels), TRUTH[0])


def test_where_nothing_happened_nothing_is_said():
    logx, logs, came = seed_of(np.random.default_rng(4))
    lowest = np.isclose(GRID[:, 2], 0.55)
    levels = np.unique(logx[:, 2])
    assert np.isnan(at_levels(2, logx, logs, came & ~lowest, levels)).tolist() == [True, False, False, False]
    assert np.isinf(beyond(2, levels[0], logx, logs, came & ~lowest))


def of_runs(rng, bend=0.0, seeds=5):
    """A study as findings read it: runs and their logs, half of them censored at step 400."""
    runs, metrics = [], []
    for seed, (k, (p, width, share)) in itertools.product(range(seeds), enumerate(GRID)):
        extra = bend * LOGX[k, 2] ** 2
        time = math.exp(6 + LOGX[k] @ TRUTH + 0.2 * rng.standard_normal() + extra)
        name = f"{seed}-{k}"
        runs.append(
            {
                "run": name,
                "seed": seed,
                "p": p,
                "d_model": width,
                "train_fraction": share,
                "status": "done",
                "frequencies": p // 4,
            }
        )
        metrics += [
            {"run": name, "step": step, "test_accuracy": float(step >= time)} for step in (0, min(time, 600))
        ]
    return {"runs": pd.DataFrame(runs), "metrics": pd.DataFrame(metrics)}


BY = ("p", "d_model", "train_fraction")


def test_a_finding_a_setting_and_one_on_the_whole():
    whole, *each = scaling_law(of_runs(np.random.default_rng(5)), by=BY)
    assert [one.key for one in each] == list(BY)
    for one, truth in zip(each, TRUTH, strict=True):
        assert one.interval[0] - 0.1 <= truth <= one.interval[1] + 0.1 and one.n == 5
    assert whole.verdict == "" and whole.value == pytest.approx(math.exp(0.2), rel=0.1)
    assert set(whole.details["table"]["row"]) == {"level", "law", "seed"}


def test_a_law_that_bends_does_not_hold():
    whole, *_ = scaling_law(of_runs(np.random.default_rng(6), bend=25.0), by=BY)
    assert whole.verdict == "does not hold" and whole.details["bent"] == ["train_fraction"]
    assert "train fraction" in whole.why


def test_the_law_of_a_number():
    data = of_runs(np.random.default_rng(7))
    whole, p, *_ = scaling_law(
        data, by=("p",), quantity=Quantity(source="runs", variable="frequencies"), what="the number"
    )
    assert p.value == pytest.approx(1.0, abs=0.1) and "the number" in whole.claim


def test_what_has_no_power_is_refused():
    data = of_runs(np.random.default_rng(8), seeds=3)
    with pytest.raises(UserError, match="Say which settings"):
        scaling_law(data)
    with pytest.raises(UserError, match="two values"):
        scaling_law({**data, "runs": data["runs"].assign(p=0)}, by=("p",))


def test_the_law_is_drawn():
    whole, *_ = scaling_law(of_runs(np.random.default_rng(9)), by=BY)
    drawn = views["scaling_curves"](scaling_law=pd.DataFrame(whole.details["table"]))
    assert len(drawn.figure.data) == 12 and "to the power" in drawn.says
