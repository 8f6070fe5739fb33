"""What the statistics promise, held to it by simulation: false alarms, power, and the coverage of intervals."""

import numpy as np
import pytest
import torch
from scipy import stats

import ontogeny as on
from ontogeny.numerics.resampling import permutation_p
from ontogeny.registry import measures
from ontogeny.representations.aligned import aligned
from ontogeny.representations.nulls import Units, half_sample_interval
from ontogeny.representations.score import Score

N, D, E, DRAWS = 24, 4, 3, 19
OPTIONS = {"knn_jaccard": {"k": 4}, "mutual_knn": {"k": 4}}
FAST = (
    "cka_linear",
    "cka_linear_debiased",
    "svcca",
    "procrustes_normalized",
    "rsa_cosine",
    "knn_jaccard",
    "linear_regression",
)


def p_values(name, worlds, shared, seed):
    """p of ``worlds`` pairs of representations of which a share of each unit's variance is common."""
    random = np.random.default_rng(seed)
    measure, options = measures[name], OPTIONS.get(name, {})
    sign = 1 if measure.kind == "similarity" else -1
    found = []
    for world in range(worlds):
        common = random.standard_normal((N, E))
        x, y = (
            np.sqrt(1 - shared) * random.standard_normal((N, d))
            + np.sqrt(shared) * np.pad(common, ((0, 0), (0, d - E)))
            for d in (D, E)
        )
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        orders = Units.of(N).orders(DRAWS, seed=1000 * seed + world)
        null = measure.shuffled(measure.prepare(x, **options), y, orders, **options).numpy()
        found.append(permutation_p(sign * measure(x, y, **options).item(), sign * null).item())
    return np.array(found)


def is_uniform(p, draws, seed=0):
    """KS against the uniform law; p takes draws + 1 values, spread evenly over their steps."""
    spread = p - np.random.default_rng(seed).uniform(0, 1 / (draws + 1), len(p))
    return stats.kstest(spread, "uniform").pvalue > 0.001


@pytest.mark.parametrize("name", FAST)
def test_p_is_uniform_where_there_is_no_correspondence(name):
    p = p_values(name, worlds=120, shared=0.0, seed=1)
    assert is_uniform(p, DRAWS)
    assert stats.binomtest(int((p <= 0.05).sum()), len(p), 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("name", FAST)
def test_a_planted_correspondence_is_found(name):
    """Four fifths of the variance are common, 24 samples: found in 80 % of the worlds or more."""
    assert (p_values(name, worlds=40, shared=0.8, seed=2) <= 0.05).mean() >= 0.8


def test_the_test_of_uniformity_would_notice():
    """A null that is not re-matched calls matching itself a correspondence."""
    random = np.random.default_rng(0)
    measure = measures["hard_correlation_match"]
    careless = []
    for world in range(60):
        x, y = (torch.from_numpy(random.standard_normal((N, 6))) for _ in range(2))
        way = aligned("hungarian", "correlation", "all", 0, np.arange(N))
        a, b = way(x, y)
        r = lambda b, a=a: torch.nn.functional.cosine_similarity(a - a.mean(0), b - b.mean(0), dim=0).mean()  # noqa: E731
        null = np.array([r(b[o]).item() for o in Units.of(N).orders(DRAWS, world)])
        careless.append(permutation_p(r(b).item(), null).item())
    assert not is_uniform(np.array(careless), DRAWS)
    assert measure.nulls


@pytest.mark.parametrize("fit_on", ["half", "all"])
def test_p_is_uniform_after_alignment_because_draws_are_aligned_anew(fit_on):
    random = np.random.default_rng(3)
    p = []
    for world in range(100):
        x, y = (torch.from_numpy(random.standard_normal((N, 4))) for _ in range(2))
        score = Score(
            measures["procrustes_normalized"],
            {},
            aligned("hungarian", "correlation", fit_on, world, np.arange(N)),
        )
        null = np.array([score(x, y[o]) for o in Units.of(N).orders(DRAWS, world)])
        p.append(permutation_p(-score(x, y), -null).item())
    assert is_uniform(np.array(p), DRAWS)


def test_the_largest_of_a_grid_raises_an_alarm_in_five_of_a_hundred_worlds():
    random = np.random.default_rng(4)
    alarms = 0
    for world in range(40):
        layers = {k: random.standard_normal((N, 3)) for k in "abc"}
        others = {k: random.standard_normal((N, 3)) for k in "def"}
        result = on.compare(layers, others, "cka_linear", draws=39, resamples=0, seed=world)
        alarms += bool((result.data["p_adjusted"] <= 0.05).any())
    assert stats.binomtest(alarms, 40, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cka_linear_debiased", "linear_regression", "rsa_cosine"])
def test_intervals_hold_the_value_of_a_large_sample(name):
    """95 % intervals from half samples of 100, against the value of 1,500 samples: 90 % of them or more hold it."""
    random = np.random.default_rng(5)
    measure = measures[name]

    def draw(n):
        x = random.standard_normal((n, 4))
        return torch.from_numpy(x), torch.from_numpy(x[:, :3] + random.standard_normal((n, 3)))

    truth = np.mean([measure(*draw(1500)).item() for _ in range(4)])
    held = 0
    for world in range(100):
        x, y = draw(100)
        halves = [measure(x[h], y[h]).item() for h in Units.of(100).half_samples(40, world)]
        low, high = half_sample_interval(measure(x, y).item(), np.array(halves), measure.range)
        held += low <= truth <= high
    assert held >= 88
