"""The basis against its definition, and two spellings of power that must agree."""

import math

import pytest
import torch

from ontogeny.numerics.fourier import (
    fold,
    fourier_basis,
    frequency_of_row,
    harmonic_names,
    power_by_frequency,
)

PERIODS = [2, 3, 4, 7, 64, 113]


@pytest.mark.parametrize("p", PERIODS)
def test_the_basis_is_orthonormal_and_has_p_rows(p):
    basis = fourier_basis(p)
    assert basis.shape == (p, p)
    torch.testing.assert_close(basis @ basis.mT, torch.eye(p, dtype=basis.dtype), atol=1e-12, rtol=0)


@pytest.mark.parametrize("p", PERIODS)
def test_every_row_is_the_function_its_name_says(p):
    n = torch.arange(p).double()
    for row, name, k in zip(fourier_basis(p), harmonic_names(p), frequency_of_row(p).tolist(), strict=True):
        if name == "constant":
            wave = torch.ones(p).double()
        else:
            kind, frequency = name.split()
            assert int(frequency) == k
            wave = getattr(torch, kind)(2 * math.pi * k * n / p)
        torch.testing.assert_close(row, wave / wave.norm(), atol=1e-10, rtol=0)


def test_an_even_period_ends_with_one_cosine():
    assert harmonic_names(6) == ["constant", "cos 1", "sin 1", "cos 2", "sin 2", "cos 3"]
    assert harmonic_names(5)[-1] == "sin 2"


@pytest.mark.parametrize("p", PERIODS)
@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_power_by_fft_equals_power_by_basis(p, axis):
    x = torch.randn(p, p, dtype=torch.float64)
    coefficients = torch.tensordot(fourier_basis(p), x.movedim(axis, 0), dims=1).movedim(0, axis)
    power = power_by_frequency(x, axis)
    torch.testing.assert_close(power, fold(coefficients**2, axis))
    torch.testing.assert_close(power.sum(axis), x.square().sum(axis))
