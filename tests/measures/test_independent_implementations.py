"""Measures of arrays against implementations that share nothing with ours, to 1e-6, and against values known beforehand."""

import math

import numpy as np
import ot
import pytest
import scipy.linalg
import scipy.optimize
import scipy.spatial
import scipy.stats
import torch
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import pairwise
from sklearn.neighbors import NearestNeighbors

from ontogeny.registry import measures

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((90, 7)) * np.arange(1, 8)
Y = X[:, :5] @ RANDOM.standard_normal((5, 5)) + 2 * RANDOM.standard_normal((90, 5))
NEAR = 1e-6


def value(name, x=X, y=Y, **options):
    return measures[name](x, y, **options).item()


def centred(x):
    return x - x.mean(0)


def hsic(K, L):
    H = np.eye(len(K)) - 1 / len(K)
    return np.trace(K @ H @ L @ H)


def unbiased_hsic(K, L):
    """Song's statistic as it is printed."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    return (
        np.trace(K @ L)
        + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (one @ K @ L @ one)
    ) / (n * (n - 3))


def cosine_of(statistic, K, L):
    return statistic(K, L) / math.sqrt(statistic(K, K) * statistic(L, L))


def test_cka_is_that_of_kernels():
    linear = pairwise.linear_kernel(X), pairwise.linear_kernel(Y)
    assert value("cka_linear") == pytest.approx(cosine_of(hsic, *linear), abs=NEAR)
    assert value("cka_angular") == pytest.approx(math.acos(cosine_of(hsic, *linear)), abs=NEAR)
    assert value("cka_linear_debiased") == pytest.approx(cosine_of(unbiased_hsic, *linear), abs=NEAR)
    rbf = []
    for x in (X, Y):
        sigma = 0.7 * np.median(scipy.spatial.distance.pdist(x))
        rbf.append(pairwise.rbf_kernel(x, gamma=1 / (2 * sigma**2)))
    assert value("cka_rbf", bandwidth=0.7) == pytest.approx(cosine_of(hsic, *rbf), abs=NEAR)


def test_more_units_than_samples_are_compared_by_the_same_kernels():
    wide = RANDOM.standard_normal((20, 200)), RANDOM.standard_normal((20, 300))
    kernels = [pairwise.linear_kernel(x) for x in wide]
    assert value("cka_linear", *wide) == pytest.approx(cosine_of(hsic, *kernels), abs=NEAR)
    assert value("cka_linear_debiased", *wide) == pytest.approx(cosine_of(unbiased_hsic, *kernels), abs=NEAR)
    nuclear = np.linalg.svd(centred(wide[0]).T @ centred(wide[1]), compute_uv=False).sum()
    squares = sum((centred(x) ** 2).sum() for x in wide)
    assert value("procrustes", *wide) == pytest.approx(math.sqrt(squares - 2 * nuclear))


def test_canonical_correlations_are_scikit_learns():
    u, v = CCA(5, scale=False, max_iter=100_000, tol=1e-14).fit_transform(X, Y)
    rho = np.array([scipy.stats.pearsonr(u[:, i], v[:, i]).statistic for i in range(5)])
    assert value("cca_mean") == pytest.approx(rho.mean(), abs=NEAR)
    assert value("cca_mean_squared") == pytest.approx((rho**2).mean(), abs=NEAR)
    angles = scipy.linalg.subspace_angles(centred(X), centred(Y))
    for reduce, of in {"mean": np.mean, "largest": np.max, "norm": np.linalg.norm}.items():
        assert value("principal_angles", reduce=reduce) == pytest.approx(of(angles), abs=NEAR)
    # Morcos's weights from scikit-learn's variates: u are canonical variates, of unit length over samples
    h = u / np.linalg.norm(u, axis=0)
    alpha = np.abs(h.T @ centred(X)).sum(1)
    assert value("pwcca") == pytest.approx((alpha * rho).sum() / alpha.sum(), abs=NEAR)


def test_small_angles_keep_their_digits():
    tilted = X + 1e-9 * RANDOM.standard_normal(X.shape)
    expected = scipy.linalg.subspace_angles(centred(X), centred(tilted)).mean()
    assert value("principal_angles", X, tilted) == pytest.approx(expected, rel=1e-4)


def test_svcca_keeps_the_smallest_number_of_components_that_is_enough():
    kept = []
    for x in (X, Y):
        u, s, _ = np.linalg.svd(centred(x), full_matrices=False)
        k = next(k for k in range(1, len(s) + 1) if (s[:k] ** 2).sum() >= 0.9 * (s**2).sum())
        kept.append(u[:, :k])
    rho = np.cos(scipy.linalg.subspace_angles(*kept))
    measure = measures["svcca"]
    factors = [[measure.prepare(torch.from_numpy(x), keep=0.9)] for x in (X, Y)]
    said = measure.pairs(*factors, keep=0.9)
    assert (said["k"].item(), said["k_other"].item()) == tuple(u.shape[1] for u in kept)
    assert said["value"].item() == pytest.approx(rho.mean(), abs=NEAR)


def test_the_published_svcca_kept_one_component_and_has_its_own_name():
    """A share of the variance, at most 1, was compared with 99 % of the total variance."""
    first = [np.linalg.svd(centred(x), full_matrices=False)[0][:, 0] for x in (X, Y)]
    assert value("svcca_first_component") == pytest.approx(abs(first[0] @ first[1]), abs=NEAR)
    assert value("svcca_first_component") != pytest.approx(value("svcca"), abs=0.05)
    small = [
        x / np.sqrt(centred(x).var(0, ddof=1).sum()) for x in (X, Y)
    ]  # total variance 1: the mistake does not show
    assert value("svcca_first_component", *small) == pytest.approx(value("svcca"), abs=NEAR)


def test_rsa_is_scipys_correlation_of_scipys_distances():
    correlations = {
        "spearman": scipy.stats.spearmanr,
        "pearson": scipy.stats.pearsonr,
        "kendall": scipy.stats.kendalltau,
    }
    for kind in ("correlation", "cosine", "euclidean"):
        d = [scipy.spatial.distance.pdist(x, kind) for x in (X, Y)]
        for by, correlate in correlations.items():
            expected = correlate(*d).statistic
            assert value(f"rsa_{kind}", by=by) == pytest.approx(expected, abs=NEAR)


@pytest.mark.optional
def test_rsa_is_rsatoolboxs():
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    for ours, theirs in {"rsa_correlation": "correlation", "rsa_euclidean": "euclidean"}.items():
        rdms = [calc_rdm(Dataset(x), method=theirs) for x in (X, Y)]
        expected = compare(*rdms, method="spearman").item()
        assert value(ours) == pytest.approx(expected, abs=NEAR)
        if theirs == "correlation":
            assert value(ours, by="pearson") == pytest.approx(compare(*rdms, method="corr").item(), abs=NEAR)
            assert value(ours, by="kendall") == pytest.approx(
                compare(*rdms, method="kendall").item(), abs=NEAR
            )


def test_distance_correlation_is_that_of_the_definition():
    A, B = (scipy.spatial.distance.cdist(x, x) for x in (X, Y))
    H = np.eye(90) - 1 / 90
    A, B = H @ A @ H, H @ B @ H
    expected = math.sqrt((A * B).sum() / math.sqrt((A**2).sum() * (B**2).sum()))
    assert value("distance_correlation") == pytest.approx(expected, abs=NEAR)


@pytest.mark.optional
def test_distance_correlation_is_dcors():
    dcor = pytest.importorskip("dcor")
    assert value("distance_correlation") == pytest.approx(dcor.distance_correlation(X, Y), abs=NEAR)


def test_procrustes_is_scipys():
    padded = np.pad(Y, ((0, 0), (0, 2)))
    *_, disparity = scipy.spatial.procrustes(X, padded)
    nuclear = math.sqrt(1 - disparity)
    assert value("procrustes_normalized") == pytest.approx(math.sqrt(2 - 2 * nuclear), abs=NEAR)
    assert value("procrustes_angular") == pytest.approx(math.acos(nuclear), abs=NEAR)
    rotation, _ = scipy.linalg.orthogonal_procrustes(centred(padded), centred(X))
    expected = np.linalg.norm(centred(X) - centred(padded) @ rotation)
    assert value("procrustes") == pytest.approx(expected, abs=NEAR)


def test_near_shapes_keep_their_digits_in_single_precision():
    x = RANDOM.standard_normal((500, 20)).astype("f4")
    y = x + 1e-3 * RANDOM.standard_normal((500, 20)).astype("f4")
    exact = value("procrustes_normalized", x.astype("f8"), y.astype("f8"))
    assert value("procrustes_normalized", x, y) == pytest.approx(exact, rel=1e-3)
    assert value("procrustes_normalized", x, x) < 1e-7


def test_best_order_of_units_is_that_of_trying_them_all():
    from itertools import permutations

    x, y = (centred(z[:, :4]) / np.linalg.norm(centred(z[:, :4])) for z in (X, Y))
    best = min(np.linalg.norm(x - y[:, list(order)]) for order in permutations(range(4)))
    assert value("permutation_procrustes", x, y) == pytest.approx(best, abs=NEAR)
    r = np.corrcoef(x, y, rowvar=False)[:4, 4:]
    mean = max(r[range(4), list(order)].mean() for order in permutations(range(4)))
    assert value("hard_correlation_match", x, y) == pytest.approx(mean, abs=NEAR)
    assert value("soft_match", x, y) == pytest.approx(mean, abs=NEAR)


def test_soft_matching_is_a_linear_programme():
    r = np.corrcoef(X, Y, rowvar=False)[:7, 7:]
    sums = np.vstack([np.kron(np.eye(7), np.ones(5)), np.kron(np.ones(7), np.eye(5))])
    solved = scipy.optimize.linprog(-r.ravel(), A_eq=sums, b_eq=[1 / 7] * 7 + [1 / 5] * 5)
    assert value("soft_match") == pytest.approx(-solved.fun, abs=NEAR)
    assert value("soft_match") == pytest.approx(-ot.emd2(np.full(7, 1 / 7), np.full(5, 1 / 5), -r), abs=NEAR)


def test_regression_is_scikit_learns():
    for x, y in ((X, Y), (Y, X)):
        predicted = LinearRegression().fit(y, x).predict(y)
        expected = 1 - ((x - predicted) ** 2).sum() / (centred(x) ** 2).sum()
        assert value("linear_regression", x, y) == pytest.approx(expected, abs=NEAR)


def test_neighbours_are_scikit_learns():
    k = 6
    near = []
    for x in (X, Y):
        found = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(x)
        near.append(found.kneighbors(return_distance=False))
    sets = [[set(row) for row in one] for one in near]
    common = np.array([len(a & b) for a, b in zip(*sets, strict=True)])
    assert value("knn_jaccard", k=k) == pytest.approx((common / (2 * k - common)).mean(), abs=NEAR)
    assert value("mutual_knn", k=k) == pytest.approx(common.mean() / k, abs=NEAR)
    ranks, second = [], []
    S, T = (pairwise.cosine_similarity(x) for x in (X, Y))
    for i, (a, b) in enumerate(zip(*near, strict=True)):
        a, b = list(a), list(b)
        shared = set(a) & set(b)
        terms = [2 / ((1 + abs(a.index(j) - b.index(j))) * (a.index(j) + b.index(j) + 2)) for j in shared]
        ranks.append(sum(terms) / sum(1 / r for r in range(1, len(shared) + 1)) if shared else 0)
        union = sorted(set(a) | set(b))
        second.append(1 - scipy.spatial.distance.cosine(S[i, union], T[i, union]))
    assert value("rank_similarity", k=k) == pytest.approx(np.mean(ranks), abs=NEAR)
    assert value("second_order_cosine", k=k) == pytest.approx(np.mean(second), abs=NEAR)


def test_overlap_of_eigenspaces_is_that_of_projections():
    P, Q = (z @ np.linalg.pinv(z) for z in (X, Y))
    assert value("eigenspace_overlap") == pytest.approx(np.trace(P @ Q) / 7, abs=NEAR)


def test_gulp_is_the_mean_squared_difference_of_ridge_predictions():
    """Over random targets η with independent values at the samples, E (ŷ_X − ŷ_Y)² = GULP²/n for unit variance."""
    ridge, hats = 0.05, []
    for z in (X, Y):
        z = centred(z) / np.linalg.norm(centred(z))
        hats.append(Ridge(alpha=ridge, fit_intercept=False).fit(z, np.eye(90)).predict(z))
    # tr of the squared difference of the two hat matrices, whose own parts are Σ w² and whose product is Σ w w' ⟨u, u'⟩²
    expected = math.sqrt(((hats[0] - hats[1]) ** 2).sum())
    assert value("gulp", ridge=ridge) == pytest.approx(expected, abs=NEAR)


def test_atoms_are_matched_by_scikit_learns_cosines():
    a, b = RANDOM.standard_normal((30, 8)), RANDOM.standard_normal((20, 8))
    cosines = pairwise.cosine_similarity(a, b)
    assert value("mmcs", a, b) == pytest.approx(cosines.max(1).mean(), abs=NEAR)
    measure = measures["mmcs"]
    both = measure.pairs(*[[measure.prepare(torch.from_numpy(z))] for z in (a, b)])
    assert both["reverse"].item() == pytest.approx(cosines.max(0).mean(), abs=NEAR)
    rows, columns = scipy.optimize.linear_sum_assignment(-np.abs(cosines))
    assert value("mcc", a, b) == pytest.approx(np.abs(cosines)[rows, columns].mean(), abs=NEAR)


def test_spectra_are_scipys():
    s, t = scipy.linalg.svdvals(X), np.pad(scipy.linalg.svdvals(Y), (0, 2))
    norms = {
        "l2": lambda z: z / np.linalg.norm(z),
        "sum": lambda z: z / z.sum(),
        "energy": lambda z: z**2 / (z**2).sum(),
    }
    for name, norm in norms.items():
        expected = np.linalg.norm(norm(s) - norm(t))
        assert value("singular_value_distance", normalise=name) == pytest.approx(expected, abs=NEAR)


def test_outputs_are_scipys():
    y = X + RANDOM.standard_normal(X.shape)
    p, q = (scipy.special.softmax(z, axis=1) for z in (X, y))
    divergence = (scipy.spatial.distance.jensenshannon(p, q, axis=1) ** 2).mean()
    assert value("output_js_divergence", X, y) == pytest.approx(divergence, abs=NEAR)
    assert value("disagreement", X, y) == (X.argmax(1) != y.argmax(1)).mean()
    cosines = [1 - scipy.spatial.distance.cosine(a, b) for a, b in zip(X, y, strict=True)]
    assert value("logit_cosine", X, y) == pytest.approx(np.mean(cosines), abs=NEAR)


# -- known beforehand ------------------------------------------------------------------------------------------------


def gaussian(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_mean_cca_of_independent_gaussians_and_of_an_invertible_image():
    x, y = gaussian(2000, 100, seed=0), gaussian(2000, 50, seed=1)
    assert value("cca_mean", x, y) == pytest.approx(0.205, abs=0.005)
    assert value("cca_mean", x, x @ gaussian(100, 100, seed=2)) == pytest.approx(1, abs=1e-4)


def test_biased_cka_of_as_many_units_as_samples_is_a_half():
    x, y = gaussian(100, 100, seed=0), gaussian(100, 100, seed=1)
    assert value("cka_linear", x, y) == pytest.approx(0.5, abs=0.02)
    assert value("cka_linear_debiased", x, y) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(("d", "atoms", "chance"), [(256, 512, 0.19), (64, 128, 0.32), (32, 64, 0.40)])
def test_chance_of_mmcs(d, atoms, chance):
    assert value("mmcs", gaussian(atoms, d, seed=0), gaussian(atoms, d, seed=1)) == pytest.approx(
        chance, abs=0.01
    )


@pytest.mark.parametrize(("n", "k"), [(20, 10), (500, 10)])
def test_chance_of_shared_neighbours(n, k):
    values = [
        value("knn_jaccard", gaussian(n, 30, seed=s), gaussian(n, 30, seed=100 + s), k=k) for s in range(20)
    ]
    assert np.mean(values) == pytest.approx(k / (2 * (n - 1) - k), rel=0.1)


def test_no_more_samples_than_units_makes_every_pair_the_same_to_cca():
    x, y = gaussian(30, 40, seed=0), gaussian(30, 50, seed=1)
    for name in ("cca_mean", "pwcca", "linear_regression"):
        assert value(name, x, y) == pytest.approx(1, abs=1e-4)
