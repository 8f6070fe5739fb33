"""Agreement of distance matrices against scikit-learn, SciPy, and cases whose answer is plain."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar
from sklearn.manifold import trustworthiness

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.agreement import correlations, neighbourhoods, pairs_of, stress, to_distance
from ontogeny.numerics.mantel import mantel


def distances(x):
    return np.linalg.norm(x[:, None] - x[None], axis=-1)


def points(n=30, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("seed", [0, 1])
def test_trustworthiness_and_continuity_are_scikit_learns(seed):
    x = points(seed=seed)
    y = x[:, :2] + 0.5 * points(d=2, seed=seed + 10)
    ks = (1, 2, 3, 5, 10, 14, 15, 20)
    found = neighbourhoods(distances(x), distances(y), ks)
    for i, k in enumerate(ks):
        if 2 * k < 30:
            assert found["trustworthiness"][i] == pytest.approx(trustworthiness(x, y, n_neighbors=k))
            assert found["continuity"][i] == pytest.approx(trustworthiness(y, x, n_neighbors=k))
        else:
            assert math.isnan(found["trustworthiness"][i]) and math.isnan(found["continuity"][i])


def test_overlap_and_jaccard_are_those_of_sets():
    D1, D2 = distances(points()), distances(points(seed=1))
    for k in (1, 4, 29):
        sets = [
            [set(np.argsort(np.where(np.arange(30) == i, np.inf, D[i]))[:k]) for i in range(30)]
            for D in (D1, D2)
        ]
        found = neighbourhoods(D1, D2, [k])
        pairs = list(zip(*sets, strict=True))
        assert found["knn_overlap"][0] == pytest.approx(np.mean([len(a & b) / k for a, b in pairs]))
        assert found["jaccard"][0] == pytest.approx(np.mean([len(a & b) / len(a | b) for a, b in pairs]))


def test_a_matrix_agrees_with_itself_whatever_its_scale():
    D = distances(points())
    found = neighbourhoods(D, 3 * D, [1, 5, 14])
    for name in ("knn_overlap", "jaccard", "trustworthiness", "continuity"):
        np.testing.assert_allclose(found[name], 1)
    assert correlations(D, 3 * D) == pytest.approx({"pearson": 1, "spearman": 1})
    assert stress(D, 3 * D) == pytest.approx({"stress": 0, "scale": 1 / 3, "stress_unscaled": 2}, abs=1e-7)


def test_two_identical_models_are_each_others_neighbours():
    """Dropping "the first neighbour" instead of the diagonal would drop the twin."""
    x = points(n=6)
    x[5] = x[4]
    ring = np.roll(x, 1, axis=0)
    D, other = distances(x), distances(ring)
    assert neighbourhoods(D, D, [1])["knn_overlap"][0] == 1
    twins = [{j for j in range(6) if j != i and D[i, j] == 0} for i in (4, 5)]
    assert twins == [{5}, {4}]
    # Only a model whose nearest is the same under both counts; its twin is nearest under D alone.
    nearest = [
        [int(np.where(np.arange(6) == i, np.inf, M[i]).argmin()) for i in range(6)] for M in (D, other)
    ]
    expected = np.mean([a == b for a, b in zip(*nearest, strict=True)])
    assert neighbourhoods(D, other, [1])["knn_overlap"][0] == pytest.approx(expected)


def test_chance_is_what_unrelated_matrices_give():
    found = [
        neighbourhoods(distances(points(20, 30, seed)), distances(points(20, 30, seed + 1000)), [3, 8])
        for seed in range(200)
    ]
    for name in ("knn_overlap", "jaccard"):
        mean = np.mean([f[name] for f in found], 0)
        np.testing.assert_allclose(mean, found[0][f"chance_{name}"], atol=0.01)


def test_chance_of_jaccard_is_the_mean_over_all_sets():
    n, k = 7, 3
    fixed = set(range(k))
    each = [len(fixed & set(s)) / len(fixed | set(s)) for s in itertools.combinations(range(n - 1), k)]
    D = distances(points(n))
    assert neighbourhoods(D, D, [k])["chance_jaccard"][0] == pytest.approx(np.mean(each))


def test_correlations_are_scipys_and_stress_is_minimal():
    D1, D2 = distances(points()), distances(points(seed=1))
    x, y = pairs_of(D1), pairs_of(D2)
    expected = {"pearson": stats.pearsonr(x, y).statistic, "spearman": stats.spearmanr(x, y).statistic}
    assert correlations(D1, D2) == pytest.approx(expected)
    best = minimize_scalar(lambda a: np.linalg.norm(x - a * y) / np.linalg.norm(x))
    found = stress(D1, D2)
    assert (found["scale"], found["stress"]) == pytest.approx((best.x, best.fun), rel=1e-6)


@given(st.integers(0, 10_000))
def test_conversions_give_euclidean_distances_back(seed):
    x = points(8, 3, seed)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(to_distance(x @ x.T, "inner_product"), distances(x), atol=1e-6)
    np.testing.assert_allclose(to_distance(unit @ unit.T, "similarity"), distances(unit), atol=1e-6)
    np.testing.assert_allclose(to_distance(distances(x) ** 2, "divergence"), distances(x))
    assert to_distance(distances(x)) is not None and (to_distance(distances(x)) == distances(x)).all()


def test_mantel_is_exact_for_all_renamings_of_few_models():
    """Five models have 120 arrangements; the sampled p-value approaches the share of those that reach the observed."""
    D1, D2 = distances(points(5, 2)), distances(points(5, 2, 1))
    for control in (None, distances(points(5, 2, 2))):
        observed, reached = None, []
        for names in itertools.permutations(range(5)):
            r12 = np.corrcoef(pairs_of(D1[np.ix_(names, names)]), pairs_of(D2))[0, 1]
            if control is not None:
                r13 = np.corrcoef(pairs_of(D1[np.ix_(names, names)]), pairs_of(control))[0, 1]
                r23 = np.corrcoef(pairs_of(D2), pairs_of(control))[0, 1]
                r12 = (r12 - r13 * r23) / math.sqrt((1 - r13**2) * (1 - r23**2))
            observed = r12 if observed is None else observed
            reached.append(r12 >= observed - 1e-12)
        test = mantel(D1, D2, control)
        assert test.r == pytest.approx(observed)
        assert test.p == pytest.approx(np.mean(reached), abs=0.02)


def test_partial_mantel_is_the_correlation_of_residuals():
    D = [distances(points(12, 3, seed)) for seed in range(3)]
    for method in ("pearson", "spearman"):
        x, y, z = (pairs_of(d) if method == "pearson" else stats.rankdata(pairs_of(d)) for d in D)
        residual = [v - np.polyval(np.polyfit(z, v, 1), z) for v in (x, y)]
        assert mantel(*D, method=method, permutations=999).r == pytest.approx(np.corrcoef(*residual)[0, 1])


def test_width_alone_is_agreement_until_it_is_held_fixed():
    """Two views that know nothing but the width, each with its own noise."""
    rng = np.random.default_rng(3)
    width = np.abs(np.subtract.outer(np.arange(24), np.arange(24))).astype(float)
    noise = [np.triu(rng.normal(size=(24, 24)), 1) for _ in range(2)]
    D1, D2 = (width + 3 * (e + e.T) for e in noise)
    assert mantel(D1, D2, permutations=999).p == 0.001
    assert mantel(D1, D2, width, permutations=999).p > 0.05


def test_unrelated_matrices_are_called_related_as_often_as_promised():
    p = [
        mantel(distances(points(10, 3, s)), distances(points(10, 3, s + 500)), permutations=999).p
        for s in range(100)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_batches_and_seeds_reproduce():
    D1, D2 = distances(points(9)), distances(points(9, seed=1))
    assert mantel(D1, D2, permutations=999, seed=4) == mantel(D1, D2, permutations=999, seed=4)
    assert (
        mantel(D1, D2, permutations=999, seed=4).null_mean
        != mantel(D1, D2, permutations=999, seed=5).null_mean
    )


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.zeros((3, 4)), "shape"),
        (np.arange(16.0).reshape(4, 4), "symmetric"),
        (np.full((4, 4), np.nan), "missing"),
    ],
)
def test_what_is_no_distance_matrix_is_refused(matrix, says):
    with pytest.raises(UserError, match=says):
        correlations(matrix, matrix)


def test_too_few_permutations_and_unknown_words_are_refused():
    D = distances(points(5))
    with pytest.raises(UserError, match="999"):
        mantel(D, D, permutations=10)
    with pytest.raises(UserError, match="spearman"):
        mantel(D, D, method="kendall")
    with pytest.raises(UserError, match="numbers of models"):
        mantel(D, distances(points(6)))
    with pytest.raises(UnknownName, match="divergence"):
        to_distance(D, "divergense")
