"""Functions of two numbers below p in the 2-D Fourier basis, and how much of them belongs to one frequency.

Maps are (…, a, b, map): the grid in front of the units, as activations come. The frequency block of k is the 3 × 3 block
{1, cos k, sin k}² without its constant: everything that depends on a and b through frequency k alone, such as cos w_k a,
cos w_k(a + b) = cos w_k a cos w_k b − sin w_k a sin w_k b, or products of these.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.numerics.fourier import fold, fourier_basis


def harmonics_2d(maps: Tensor) -> Tensor:
    """Coefficients C = F m Fᵀ of maps (…, a, b, map): (…, harmonic, harmonic, map). Σ C² = Σ m²."""
    basis = fourier_basis(maps.shape[-2], maps.dtype, maps.device)
    half = torch.einsum("ha,...abm->...hbm", basis, maps)
    return torch.einsum("gb,...hbm->...hgm", basis, half)


def block_energy(power: Tensor) -> Tensor:
    """Energy in the block of each frequency from C²: (…, harmonic, harmonic, map) → (…, frequency, map); the constant is left
    out.

    Blocks are disjoint but do not cover everything: terms that mix two frequencies, cos w_j a cos w_k b, are in none.
    """
    p = power.shape[-2]
    alone = power[..., 0, :, :] + power[..., :, 0, :]  # depends on one of the two numbers only
    alone[..., 0, :] = 0
    rows = torch.arange(p, device=power.device)
    partner = ((rows + 1) ^ 1) - 1  # cos k is row 2k − 1, sin k is row 2k
    has_partner = (rows > 0) & (partner < p)
    same = power[..., rows, rows, :]
    mixed = power[..., rows, partner.clamp(0, p - 1), :] * has_partner[:, None]
    both = same + mixed
    both[..., 0, :] = 0
    return fold(alone + both, axis=-2)


def block_share(maps: Tensor) -> Tensor:
    """Share of the energy about the mean of maps (…, a, b, map) in the block of each frequency: (…, frequency, map).

    A constant map has no energy to share: NaN.
    """
    return shares_of(harmonics_2d(maps).square())


def shares_of(power: Tensor) -> Tensor:
    """:func:`block_share` from C²."""
    return shares(block_energy(power), centred_energy(power))


def centred_energy(power: Tensor) -> Tensor:
    """Σ (m − mean)² of each map from its C²: (…, map); exactly 0 where only rounding noise is left."""
    constant = power[..., 0, 0, :]
    energy = power[..., 1:, :, :].sum((-3, -2)) + power[..., 0, 1:, :].sum(-2)
    noise = (power.shape[-2] * torch.finfo(power.dtype).eps) ** 2
    return torch.where(energy > noise * (energy + constant), energy, 0)


def shares(energy: Tensor, total: Tensor) -> Tensor:
    """``energy`` (…, frequency, map) over ``total`` (…, map); NaN where there is none."""
    return torch.where(total.unsqueeze(-2) > 0, energy / total.unsqueeze(-2), torch.nan)
