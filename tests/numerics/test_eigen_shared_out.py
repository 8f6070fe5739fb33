"""Sharing a batch out among cores and lanes changes nothing."""

import pytest
import torch

from ontogeny.numerics.bilinear import eigenspectrum, interaction_matrices
from ontogeny.numerics.eigen import eigh, packed_eigenvalues


def symmetric(count: int, n: int) -> torch.Tensor:
    matrices = torch.randn(count, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    return matrices + matrices.mT


def ours(matrices: torch.Tensor) -> torch.Tensor:
    i, j = torch.tril_indices(*matrices.shape[1:])
    return packed_eigenvalues(matrices[:, i, j].mT).sort(-1).values


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_shared_out_equals_one_after_another(threads, count):
    torch.set_num_threads(threads)
    matrices = symmetric(count, 6)
    values, vectors = eigh(matrices)
    torch.testing.assert_close(values, torch.linalg.eigvalsh(matrices))
    torch.testing.assert_close(vectors * values[:, None] @ vectors.mT, matrices)


@pytest.mark.parametrize("n", [1, 2, 3, 17, 64, 130])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_eigenvalues_agree_with_lapack(n, scale):
    matrices = symmetric(19, n) * scale
    torch.testing.assert_close(
        ours(matrices) / scale, torch.linalg.eigvalsh(matrices) / scale, rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("rank", [0, 1, 4, 31])
def test_matrices_of_low_rank_and_tied_eigenvalues(rank):
    """One frequency gives eigenvalues tied in size, and a narrow model gives zeros: deflation must not lose or invent any."""
    frame = torch.linalg.qr(symmetric(1, 32)[0]).Q
    values = torch.zeros(32, dtype=torch.float64)
    values[:rank] = torch.tensor([3.0, -3.0]).repeat(16)[:rank]
    matrices = torch.stack(
        [frame * values @ frame.mT, torch.diag(values), torch.eye(32, dtype=torch.float64)]
    )
    expected = torch.stack([values.sort().values] * 2 + [torch.ones(32, dtype=torch.float64)])
    torch.testing.assert_close(ours(matrices), expected, rtol=0, atol=1e-12)


def test_no_matrix_knows_its_company():
    matrices = symmetric(37, 24)
    together = ours(matrices)
    for i in (0, 3, 16, 36):
        assert torch.equal(ours(matrices[i : i + 1])[0], together[i])
    assert torch.equal(ours(matrices.flip(0)).flip(0), together)


@pytest.mark.parametrize("d", [1, 5, 8, 12, 40])
def test_spectra_of_bilinear_networks_agree_with_lapack_in_float64(d):
    draw = torch.Generator().manual_seed(d)
    W_l, W_r, W_p = (torch.randn(*shape, generator=draw) for shape in ((d, 22), (d, 22), (11, d)))
    full = torch.linalg.eigvalsh(interaction_matrices(*(w.double() for w in (W_l, W_r, W_p))))
    largest = full.abs().amax(-1, keepdim=True)
    found = torch.zeros_like(full)
    values = eigenspectrum(W_l, W_r, W_p)
    found[:, : values.shape[-1]] = values
    assert ((found.sort(-1).values - full).abs() <= 1e-6 * largest).all()
