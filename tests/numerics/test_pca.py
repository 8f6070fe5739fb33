"""Principal components against scikit-learn, and against shapes whose components are known."""

import numpy as np
import torch
from sklearn.decomposition import PCA as SklearnPCA

from ontogeny.numerics.pca import pca

X = torch.randn(12, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * torch.arange(1, 8)


def test_agrees_with_scikit_learn_up_to_sign():
    ours, theirs = pca(X), SklearnPCA().fit(X.numpy())
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_, atol=1e-12)
    np.testing.assert_allclose(ours.components.abs(), np.abs(theirs.components_), atol=1e-10)
    np.testing.assert_allclose(ours.scores.abs(), np.abs(theirs.transform(X.numpy())), atol=1e-10)


def test_scores_and_components_give_the_matrix_back():
    for centre in (True, False):
        p = pca(X, centre)
        torch.testing.assert_close(p.mean + p.scores @ p.components, X)


def test_the_last_sample_never_scores_below_zero():
    assert (pca(X).scores[-1] >= 0).all()
    assert torch.equal(pca(-X).scores[-1] >= 0, torch.ones(7, dtype=torch.bool))


def test_a_line_and_a_parabola_are_two_components():
    k = torch.arange(10.0, dtype=torch.float64)
    axes = torch.linalg.qr(torch.randn(6, 2, dtype=torch.float64)).Q.mT
    line, parabola = k - 4.5, (k - 4.5) ** 2 - ((k - 4.5) ** 2).mean()
    p = pca(torch.stack([3 * line, 0.1 * parabola], -1) @ axes + 5)
    torch.testing.assert_close(p.scores[:, 0], 3 * line)
    torch.testing.assert_close(p.scores[:, 1], 0.1 * parabola)
    share = (0.1 * parabola).square().sum() / ((3 * line).square().sum() + (0.1 * parabola).square().sum())
    torch.testing.assert_close(p.explained[1], share)
    torch.testing.assert_close(p.explained[2:], torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)


def test_a_stack_equals_each_alone():
    stacked = pca(torch.stack([X, X.flip(0)]))
    for both, alone in zip(stacked, pca(X.flip(0)), strict=True):
        torch.testing.assert_close(both[1], alone)
