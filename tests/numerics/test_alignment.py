"""Matching units and fitting maps, against answers that are known."""

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LinearRegression

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.alignment import MATCHINGS, correlations, cosines, fit_map, halves, match

RANDOM = np.random.default_rng(0)
SCORES = torch.tensor([[0.9, 0.8, 0.1], [0.8, 0.1, 0.0], [0.7, 0.2, 0.3]], dtype=torch.float64)


def pairs(how, scores=SCORES):
    found = match(scores, how)
    return list(zip(found.left.tolist(), found.right.tolist(), strict=True))


def test_each_matching_by_hand():
    """Row 0 could give its best column away: the assignment does, the greedy matchings do not."""
    assert pairs("argmax") == [(0, 0), (1, 0), (2, 0)]
    assert pairs("argmax_back") == [(0, 0), (0, 1), (2, 2)]
    assert pairs("mutual") == [(0, 0)]
    assert pairs("hungarian") == pairs("transport") == [(0, 1), (1, 0), (2, 2)]


def test_margin_distinct_partners_unmatched_and_repeated():
    found = match(SCORES, "argmax")
    np.testing.assert_allclose(found.margin, [0.1, 0.7, 0.4])
    assert found.distinct == (3, 1) and found.unmatched == (0.0, pytest.approx(2 / 3))
    assert found.repeated.all()
    assert "3 of 3 units with 1 of 3" in found.says()
    np.testing.assert_allclose(match(SCORES, "hungarian").margin, [-0.1, 0.7, -0.4])
    assert found.above(0.75).left.tolist() == [0, 1] and found.top(1).left.tolist() == [0]


def test_the_assignment_is_scipys_and_transport_spreads_over_more():
    scores = torch.from_numpy(RANDOM.standard_normal((12, 9)))
    rows, columns = linear_sum_assignment(scores.numpy(), maximize=True)
    assert pairs("hungarian", scores) == list(zip(rows.tolist(), columns.tolist(), strict=True))
    spread = match(scores, "transport")
    assert len(spread.left) == 12 and spread.distinct[1] >= 8


def test_dead_units_are_matched_with_nothing():
    x = RANDOM.standard_normal((50, 4))
    x[:, 2] = 3
    y = torch.from_numpy(x[:, [3, 2, 1, 0]] + 0.01 * RANDOM.standard_normal((50, 4)) * [1, 0, 1, 1])
    for how in MATCHINGS:
        found = match(correlations(torch.from_numpy(x), y), how)
        assert dict(zip(found.left.tolist(), found.right.tolist(), strict=True)) == {0: 3, 1: 2, 3: 0}
        assert found.usable == (3, 3)
    with pytest.raises(UserError, match="no unit that varies"):
        match(correlations(torch.ones(5, 2), torch.ones(5, 2)))


def test_scores_are_numpys_correlation_and_cosine():
    x, y = RANDOM.standard_normal((40, 5)), RANDOM.standard_normal((40, 3))
    r = np.corrcoef(x, y, rowvar=False)[:5, 5:]
    np.testing.assert_allclose(correlations(*map(torch.from_numpy, (x, y))), r, atol=1e-12)
    a, b = RANDOM.standard_normal((6, 4)), RANDOM.standard_normal((3, 4))
    expected = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(cosines(*map(torch.from_numpy, (a, b))), expected, atol=1e-12)
    assert cosines(torch.zeros(1, 4), torch.from_numpy(b)).isnan().all()


def test_maps_are_those_of_scipy_and_scikit_learn():
    x, y = RANDOM.standard_normal((60, 5)) + 2, RANDOM.standard_normal((60, 5)) - 1
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    rotation, scale = orthogonal_procrustes(x - x.mean(0), y - y.mean(0))
    scale /= ((x - x.mean(0)) ** 2).sum()
    expected = (x - x.mean(0)) @ rotation * scale + y.mean(0)
    np.testing.assert_allclose(fit_map(a, b, "orthogonal")(a), expected, atol=1e-10)
    predicted = LinearRegression().fit(x, y).predict(x)
    np.testing.assert_allclose(fit_map(a, b, "linear")(a), predicted, atol=1e-10)
    order = RANDOM.permutation(5)
    np.testing.assert_allclose(fit_map(a, a[:, order], "permutation")(a), x[:, order], atol=1e-12)


def test_a_map_is_fitted_on_some_samples_and_holds_on_others():
    x = torch.from_numpy(RANDOM.standard_normal((60, 5)))
    y = x @ torch.from_numpy(RANDOM.standard_normal((5, 7))) + 3
    first, rest = halves(60, seed=0)
    np.testing.assert_allclose(fit_map(x[first], y[first], "linear")(x[rest]), y[rest], atol=1e-10)
    assert len(first) == len(rest) == 30 and not set(first.tolist()) & set(rest.tolist())


def test_halves_keep_documents_whole():
    documents = np.repeat(np.arange(7), 5)
    first, rest = halves(35, seed=1, groups=documents)
    assert not set(documents[first]) & set(documents[rest]) and len(first) + len(rest) == 35


def test_wrong_names_are_refused():
    with pytest.raises(UnknownName, match="hungarian"):
        match(SCORES, "hungary")
    with pytest.raises(UnknownName, match="orthogonal"):
        fit_map(SCORES, SCORES, "orthogonl")
