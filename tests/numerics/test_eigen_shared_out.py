"""Sharing a batch out among cores changes nothing."""

import pytest
import torch

from ontogeny.numerics.eigen import eigh, eigvalsh


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_shared_out_equals_one_after_another(threads, count):
    torch.set_num_threads(threads)
    matrices = torch.randn(count, 6, 6, dtype=torch.float64)
    matrices = matrices + matrices.mT
    torch.testing.assert_close(eigvalsh(matrices), torch.linalg.eigvalsh(matrices))
    values, vectors = eigh(matrices)
    torch.testing.assert_close(vectors * values[:, None] @ vectors.mT, matrices)
