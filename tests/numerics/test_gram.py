"""Inner products and divergences of many, each as if it were the only one."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from ontogeny.numerics.divergence import js_divergences
from ontogeny.numerics.gram import gram


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 7, 2048, 5000])
def test_inner_products_are_exact_to_float64_and_do_not_know_their_company(dtype, n):
    generator = torch.Generator().manual_seed(n)
    x, y = (torch.randn(rows, n, generator=generator, dtype=dtype) for rows in (9, 5))
    scale = x.double().norm(dim=1).max() ** 2
    assert (gram(x) - x.double() @ x.double().mT).abs().max() <= 1e-15 * n**0.5 * scale
    assert (gram(x, y) - x.double() @ y.double().mT).abs().max() <= 1e-15 * n**0.5 * scale
    some = [8, 2, 3]
    assert torch.equal(gram(x[some]), gram(x)[some][:, some])
    assert torch.equal(gram(x[some], y[1:]), gram(x, y)[some, 1:])
    assert torch.equal(gram(x, x), gram(x))


def test_divergences_are_scipys_and_do_not_know_their_company():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(6, 0.3), size=(5, 4))
    p[0, 0] = [1, 0, 0, 0, 0, 0]
    models = [torch.from_numpy(one) for one in p]
    found = js_divergences(models, models)
    for i in range(5):
        for j in range(5):
            np.testing.assert_allclose(found[i, j], jensenshannon(p[i], p[j], axis=-1) ** 2, atol=1e-12)
    assert torch.equal(js_divergences(models[3:], models[1:2]), found[3:, 1:2])
