"""Agreement of ordered models: nominal on independent smooth paths, where renaming models is not; planted agreement is found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from benchmarks.worlds import PATHS, distances, smooth, two_measures
from scipy import stats

from ontogeny.errors import UserError
from ontogeny.numerics.mantel import mantel
from ontogeny.numerics.matched import matched_agreement, own, seed_orders

N = 24


def called(world, seeds, shared, trials):
    return [
        matched_agreement(*two_measures(world, seeds, np.random.default_rng(t), shared), permutations=199)
        for t in range(trials)
    ]


@pytest.mark.parametrize("seeds", [4, 8])
@pytest.mark.parametrize("world", PATHS)
def test_independent_measures_are_called_agreement_at_the_nominal_rate(world, seeds):
    found = called(world, seeds, 0.0, 200)
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.1  # 0.05 and three standard errors
    assert np.mean([one.r for one in found]) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("world", "false"), [("smooth paths", 0.5), ("a radius that grows with d", 0.9)])
def test_renaming_models_at_fixed_distance_calls_independence_agreement(world, false):
    """Why seeds are put beside seeds: the partial Mantel test does not keep what it must."""
    far = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    said = []
    for trial in range(30):
        (x,), (y,) = two_measures(world, 1, np.random.default_rng(trial))
        said.append(mantel(x, y, far, method="spearman", permutations=999).p <= 0.05)
    assert np.mean(said) >= false


@pytest.mark.parametrize(
    ("world", "power"), [("smooth paths", 0.6), ("a radius that grows with d", 0.95), ("random walks", 0.6)]
)
def test_planted_agreement_of_the_models_is_found(world, power):
    found = called(world, 8, 0.6, 40)
    assert np.mean([one.p <= 0.05 for one in found]) >= power
    assert np.mean([one.same_seed - one.other_seed for one in found]) > 0.03


def test_what_every_seed_shares_is_no_agreement_of_these_models():
    """Both measures see the same settings-shaped landscape and nothing else."""
    rng = np.random.default_rng(0)
    landscape = distances(smooth(rng))
    noise = rng.normal(0, 0.01, (2, 6, N, N))
    x, y = landscape + np.abs(noise + noise.swapaxes(-1, -2))
    found = matched_agreement(x, y)
    assert found.same_seed == pytest.approx(found.other_seed, abs=0.01) and found.same_seed > 0.9
    assert found.p > 0.05 and abs(found.r) < 0.2


def test_effects_of_settings_and_of_models_are_taken_away_exactly():
    rng = np.random.default_rng(1)
    i, j = np.triu_indices(N, 1)
    pairs, setting, odd = rng.random((4, len(i))), rng.random(len(i)), rng.random((4, N))
    np.testing.assert_allclose(own(pairs + setting + odd[:, i] + odd[:, j]), own(pairs))
    left = own(pairs)
    np.testing.assert_allclose(left.sum(0), 0, atol=1e-12)
    np.testing.assert_allclose([left[:, (i == m) | (j == m)].sum(1) for m in range(N)], 0, atol=1e-12)


def test_plain_correlations_are_scipys():
    x, y = two_measures("random walks", 4, np.random.default_rng(1))
    i, j = np.triu_indices(N, 1)
    plain = [stats.spearmanr(a[i, j], b[i, j]).statistic for a, b in zip(x, y, strict=True)]
    assert matched_agreement(x, y).same_seed == pytest.approx(np.mean(plain))


def test_orders_are_all_others_where_they_are_few():
    assert {tuple(o) for o in seed_orders(4)} == set(itertools.permutations(range(4))) - {(0, 1, 2, 3)}
    assert seed_orders(8, 99).shape == (99, 8) and len(seed_orders(1)) == 0
    x, y = two_measures("random walks", 3, np.random.default_rng(0), 0.99)
    assert matched_agreement(x, y).p == pytest.approx(1 / 6)  # nothing smaller is possible


def test_unlike_shapes_are_refused():
    x, y = two_measures("random walks", 3, np.random.default_rng(0))
    with pytest.raises(UserError, match="first measure"):
        matched_agreement(x, y[:2])
    with pytest.raises(UserError, match="seed, N, N"):
        matched_agreement(x[0], y[0])
