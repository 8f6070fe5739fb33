"""At which scale a map over two numbers varies: waves by length, slopes, and what survives a smaller drawing of it.

Maps are (…, a, b, map). Sampling along one axis is a matrix; a small map is S m Sᵀ.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from ontogeny.numerics.fourier import fold, fourier_basis, frequency_of_row


def by_frequencies(power: Tensor) -> Tensor:
    """C² (…, harmonic, harmonic, map) by the frequency along a and that along b: (…, frequency, frequency, map)."""
    return fold(fold(power, axis=-2), axis=-3)


def coarse(p: int, radius: float) -> Tensor:
    """Pairs of frequencies within ``radius`` of the spectrum's width, √(j² + k²) ≤ radius · p, the constant left out: (j, k)."""
    k = torch.arange(p // 2 + 1).double()
    inside = torch.hypot(k[:, None], k) <= radius * p
    inside[0, 0] = False
    return inside


def units_up_to_sign(p: int) -> list[int]:
    """Units of Z_p, of u and −u one, 1 first."""
    return [u for u in range(1, p // 2 + 1) if math.gcd(u, p) == 1] or [1]


@cache
def relabellings(p: int) -> Tensor:
    """Where each frequency goes when every number is multiplied by a unit of Z_p, ± being one: (unit, frequency), 1 first."""
    k = torch.arange(p // 2 + 1)
    moved = torch.tensor(units_up_to_sign(p))[:, None] * k % p
    return torch.minimum(moved, p - moved)


def alias(frequency: Tensor, size: int) -> Tensor:
    """The frequency that a wave seems to have when ``size`` points of a period are looked at: |k − size · round(k / size)|."""
    return (frequency - size * torch.round(frequency / size)).abs()


@cache
def shrink(p: int, size: int, antialias: bool) -> Tensor:
    """Bilinear down-sampling of p points to ``size``, each point's weights a row: (size, p)."""
    return _resized(p, size, antialias)


@cache
def grow(size: int, p: int) -> Tensor:
    """Bilinear up-sampling of ``size`` points to p: (p, size)."""
    return _resized(size, p, False)


def _resized(of: int, to: int, antialias: bool) -> Tensor:
    eye = torch.eye(of, dtype=torch.float64)[None, None]
    return torch.nn.functional.interpolate(
        eye, size=(to, of), mode="bilinear", align_corners=False, antialias=antialias
    )[0, 0]


@cache
def band(p: int, size: int) -> Tensor:
    """Projection on the frequencies that ``size`` points can tell apart, k < size / 2: (p, p)."""
    F = fourier_basis(p)[2 * frequency_of_row(p) < size]
    return torch.einsum("ha,hb->ab", F, F)


def both_ways(matrix: Tensor, maps: Tensor) -> Tensor:
    """S m Sᵀ: (to, from), (…, a, b, map) → (…, to, to, map)."""
    S = matrix.to(maps)
    half = torch.einsum("xa,...abm->...xbm", S, maps)
    return torch.einsum("yb,...xbm->...xym", S, half)


def steepness(maps: Tensor) -> Tensor:
    """Mean of |∂a m| and |∂b m|, forward differences within the table: (…, map)."""
    along_a = maps.diff(dim=-3).abs().mean((-3, -2))
    along_b = maps.diff(dim=-2).abs().mean((-3, -2))
    return (along_a + along_b) / 2
