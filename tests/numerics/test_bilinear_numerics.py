"""Bilinear numerics against the full matrices, and against a network whose one frequency is known."""

import math

import pytest
import torch

from ontogeny.errors import UnknownName
from ontogeny.numerics.bilinear import (
    _frequency_power_narrow,
    _frequency_power_wide,
    eigenspectrum,
    eigenvectors,
    frequency_amplitude_top4,
    frequency_distribution,
    frequency_power,
    interaction_matrices,
    visible_mask,
)
from ontogeny.numerics.bilinear_products import (
    PARTS,
    inner_products,
    kernel,
    squared_norms,
)
from ontogeny.numerics.fourier import fold, fourier_basis

A = slice(0, 7)


def weights(d, vocab=7, positions=2, outputs=5, lead=(), seed=0):
    g = torch.Generator().manual_seed(seed)
    shapes = ((d, positions * vocab), (d, positions * vocab), (outputs, d))
    return tuple(torch.randn(*lead, *shape, generator=g, dtype=torch.float64) for shape in shapes)


def one_frequency(p, k):
    """cos w(a + b − r) = cos wr (cos wa cos wb − sin wa sin wb) + sin wr (sin wa cos wb + cos wa sin wb): four hidden units."""
    w, n, o = 2 * math.pi * k / p, torch.arange(p).double(), torch.zeros(p).double()
    cos, sin = (w * n).cos(), (w * n).sin()
    W_l = torch.stack([torch.cat([x, o]) for x in (cos, sin, sin, cos)])
    W_r = torch.stack([torch.cat([o, x]) for x in (cos, sin, cos, sin)])
    return W_l, W_r, torch.stack([cos, -cos, sin, sin], dim=-1)


@pytest.mark.parametrize("d", [1, 3, 7, 12])
def test_the_spectrum_is_that_of_the_full_matrices(d):
    given = weights(d, lead=(2,))
    values, vectors = eigenvectors(*given)
    B = interaction_matrices(*given)
    full = torch.linalg.eigvalsh(B)
    full = full.gather(-1, full.abs().argsort(dim=-1, descending=True))
    assert values.shape == (2, 5, min(2 * d, 14))
    torch.testing.assert_close(values, full[..., : values.shape[-1]])
    assert full[..., values.shape[-1] :].abs().lt(1e-9).all()
    torch.testing.assert_close(B @ vectors, vectors * values[..., None, :])
    torch.testing.assert_close(
        vectors.mT @ vectors, torch.eye(values.shape[-1]).double().expand(2, 5, -1, -1)
    )
    torch.testing.assert_close(eigenspectrum(*given), values)


def test_a_diverged_model_has_no_spectrum_and_leaves_the_others_theirs():
    given = weights(3, lead=(2,))
    expected = eigenspectrum(*(w[1] for w in given))
    given[0][0, 0, 0] = torch.inf
    values, vectors = eigenvectors(*given)
    assert values[0].isnan().all() and vectors[0].isnan().all()
    torch.testing.assert_close(values[1], expected)


@pytest.mark.parametrize("p", [7, 8, 64])
@pytest.mark.parametrize("k", [1, 2])
def test_one_frequency_has_four_tied_eigenvalues_and_all_the_power(p, k):
    given = one_frequency(p, k)
    values = eigenspectrum(*given)
    torch.testing.assert_close(
        values.abs(), torch.full((p, 8), p / 4).double() * (torch.arange(8) < 4), atol=1e-9, rtol=0
    )
    torch.testing.assert_close(values[:, :4].sum(-1), torch.zeros(p).double(), atol=1e-9, rtol=0)
    for side in (slice(0, p), slice(p, 2 * p)):
        for form in ("power", "amplitude_top4"):
            share = frequency_distribution(*given, side, form)
            assert share.shape == (p, p // 2 + 1)
            torch.testing.assert_close(share[:, k], torch.ones(p).double())


def test_the_last_frequency_of_an_even_period_counts_once():
    """A unit that multiplies cos p/2 of a (norm² p) by a constant 1/√p of b: as much power as cos 1 with norm² p."""
    p = 8
    n = torch.arange(p)
    waves = torch.stack([(-1.0) ** n, 2**0.5 * (2 * math.pi * n / p).cos()])
    o = torch.zeros(2, p)
    W_l, W_r = torch.cat([waves, o], -1), torch.cat([o, torch.eye(p)[:2]], -1)
    share = frequency_distribution(W_l, W_r, torch.ones(1, 2), slice(0, p))
    torch.testing.assert_close(share[0, [1, p // 2]], torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize("vocab", [6, 7])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("d", [1, 4, 20])
def test_power_is_that_of_all_eigenvectors(vocab, side, d):
    given = weights(d, vocab)
    block = slice(side * vocab, (side + 1) * vocab)
    values, vectors = torch.linalg.eigh(interaction_matrices(*given))
    coefficients = fourier_basis(vocab) @ vectors[:, block]
    expected = fold((coefficients**2 * values[:, None, :] ** 2).sum(-1))
    for route in (frequency_power, _frequency_power_narrow, _frequency_power_wide):
        torch.testing.assert_close(route(*given, block), expected)


def test_the_published_form_is_the_sum_over_four_eigenvectors():
    given = weights(5)
    values, vectors = torch.linalg.eigh(interaction_matrices(*given))
    for r in range(5):
        top = sorted(range(14), key=lambda i: -abs(values[r, i]))[:4]
        expected = sum(abs(values[r, i]) * torch.fft.rfft(vectors[r, :7, i]).abs() for i in top)
        torch.testing.assert_close(frequency_amplitude_top4(*given, A)[r], expected)


@pytest.mark.parametrize("positions", [1, 2, 3])
def test_visible_entries_are_those_that_some_input_touches(positions):
    vocab = 4
    inputs = torch.cartesian_prod(*[torch.arange(vocab)] * positions).reshape(-1, positions)
    x = torch.nn.functional.one_hot(inputs, vocab).flatten(1)
    assert torch.equal(visible_mask(positions, vocab), torch.einsum("ni,nj->ij", x, x) > 0)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("positions", [2, 3])
def test_inner_products_are_those_of_the_matrices(part, positions):
    models = [weights(d, 4, positions, seed=d) for d in (1, 2, 9, 5)]
    others = [weights(d, 4, positions, seed=10 + d) for d in (3, 8)]
    mask = visible_mask(positions, 4)
    mask = {"whole": torch.ones_like(mask), "visible": mask, "invisible": ~mask}[part]
    B, C = (torch.stack([interaction_matrices(*w) * mask for w in ms]).flatten(1) for ms in (models, others))
    torch.testing.assert_close(inner_products(models, models, positions, part), B @ B.mT)
    torch.testing.assert_close(inner_products(models, others, positions, part), B @ C.mT)


def test_an_inner_product_does_not_know_the_other_models():
    models = [weights(d, seed=d) for d in (3, 1, 4, 1, 5, 9, 2)]
    whole = inner_products(models, models, 2, "visible")
    for some in ([2], [6, 2], [0, 2, 5, 6]):
        mine = [models[i] for i in some]
        assert torch.equal(inner_products(mine, mine, 2, "visible"), whole[some][:, some])
        assert torch.equal(inner_products(models, mine, 2, "visible"), whole[:, some])


def test_squared_norms_are_those_of_the_matrices():
    given = weights(6, lead=(2, 3))
    B, mask = interaction_matrices(*given), visible_mask(2, 7)
    expected = torch.stack([(B * m).square().sum((-2, -1)) for m in (torch.ones_like(mask), mask, ~mask)], -2)
    torch.testing.assert_close(squared_norms(*given, 2), expected)


def test_an_unknown_part_names_the_known_ones():
    with pytest.raises(UnknownName, match="invisible"):
        inner_products([weights(2)], [weights(2)], 2, "invisble")
    with pytest.raises(UnknownName, match="invisible"):
        kernel(*[weights(2)[0]] * 4, 2, "invisble")
