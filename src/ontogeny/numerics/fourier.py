"""The real Fourier basis of functions on Z_p, and power by frequency.

Frequency k means k cycles over the period; 0 is the constant; it runs to ⌊p/2⌋. Rows of the basis, all of unit norm: the
constant, then cos k, sin k for k = 1, 2, …; for even p the last is cos p/2 alone (its sine vanishes at every integer). p rows
in all.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def frequency_of_row(p: int) -> Tensor:
    """The frequency of each row of the basis: (p,) integers 0, 1, 1, 2, 2, …"""
    return (torch.arange(p) + 1) // 2


def harmonic_names(p: int) -> list[str]:
    """The name of each row of the basis: "constant", "cos 1", "sin 1", …"""
    return ["constant", *(f"{'cos' if row % 2 else 'sin'} {(row + 1) // 2}" for row in range(1, p))]


def fourier_basis(p: int, dtype: torch.dtype = torch.float64, device: torch.device | None = None) -> Tensor:
    """Orthonormal rows over Z_p: F (p, p) with F Fᵀ = 1; coefficients of a function x (…, p) are x Fᵀ.

    Computed in float64 and rounded once; the angle k·n is reduced modulo p before it is scaled, so rows stay orthogonal at any p.
    """
    k = frequency_of_row(p)
    angle = 2 * math.pi * (k[:, None] * torch.arange(p) % p).double() / p
    is_sine = (torch.arange(p) % 2 == 0) & (k > 0)
    basis = torch.where(is_sine[:, None], angle.sin(), angle.cos())
    paired = (k > 0) & (2 * k != p)  # frequencies with a cosine and a sine
    scale = (torch.where(paired, 2.0, 1.0).double() / p).sqrt()
    return (basis * scale[:, None]).to(dtype=dtype, device=device)


def fold(power: Tensor, axis: int = -1) -> Tensor:
    """Sum what belongs to the rows of the basis by frequency: p entries along ``axis`` become ⌊p/2⌋ + 1."""
    p = power.shape[axis]
    shape = list(power.shape)
    shape[axis] = p // 2 + 1
    return power.new_zeros(shape).index_add(axis, frequency_of_row(p).to(power.device), power)


def power_by_frequency(x: Tensor, axis: int = -1) -> Tensor:
    """How much of ‖x‖² along ``axis`` (p entries) lies at each frequency 0 … ⌊p/2⌋; sums to ‖x‖².

    Equation: (F x)², summed over the cosine and the sine of a frequency, by real FFT.
    """
    p = x.shape[axis]
    power = torch.fft.rfft(x, dim=axis).abs().square() / p
    frequency = torch.arange(p // 2 + 1, device=x.device)
    weight = torch.where((frequency > 0) & (2 * frequency != p), 2.0, 1.0).to(power)
    return power * weight.reshape(-1, *[1] * (-1 - axis if axis < 0 else x.ndim - 1 - axis))
