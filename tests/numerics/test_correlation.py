"""Pearson correlation against NumPy; a constant has none."""

import numpy as np
import torch

from ontogeny.numerics.correlation import constant, pearson

G = torch.Generator().manual_seed(2)


def test_agrees_with_numpy():
    x, y = torch.randn(2, 30, 4, generator=G), torch.randn(2, 30, 3, generator=G)
    ours = pearson(x, y)
    assert ours.shape == (2, 4, 3)
    for i in range(2):
        expected = np.corrcoef(x[i].double().numpy().T, y[i].double().numpy().T)[:4, 4:]
        np.testing.assert_allclose(ours[i], expected, atol=1e-12)


def test_is_blind_to_shift_and_scale_and_sees_the_sign():
    x = torch.randn(20, 1, generator=G)
    torch.testing.assert_close(pearson(1000 - 3 * x, x).item(), -1.0, atol=1e-6, rtol=0)


def test_a_constant_column_is_nan_on_either_side_even_when_rounding_moves_it():
    x = torch.randn(20, 2, generator=G)
    x[:, 1] = 0.1
    x[3, 1] = torch.nextafter(x[3, 1], torch.tensor(1.0))
    assert constant(x).tolist() == [False, True]
    r = pearson(x, x)
    assert r.isnan().tolist() == [[False, True], [True, True]]
