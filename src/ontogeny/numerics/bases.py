"""Samples × units reduced to what comparisons need: centred, compressed, or as an orthonormal basis of the column space."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def centre(x: Tensor) -> Tensor:
    """C(x): (…, n, d) without its column means, which are added up in float64."""
    return x - x.mean(-2, keepdim=True, dtype=torch.float64).to(x.dtype)


def compress(x: Tensor) -> Tensor:
    """(n, d) with d > n as (n, n) with the same inner products of rows: x = RᵀQᵀ, and Qᵀ is a rotation. Others as they are."""
    return torch.linalg.qr(x.mT, mode="r")[1].mT if x.shape[-1] > x.shape[-2] else x


class Basis(NamedTuple):
    """x = U S Vᵀ with the directions that are beyond rounding, largest first."""

    u: Tensor  # (n, k), orthonormal columns
    s: Tensor  # (k)
    v: Tensor  # (d, k)


def basis(x: Tensor) -> Basis:
    """Thin SVD of (n, d) in float64. A direction counts if s > max(n, d) ε s₁, ε the rounding of the dtype that ``x`` came in."""
    rounding = torch.finfo(x.dtype).eps * max(x.shape[-2:])
    wide = x.shape[-1] > x.shape[-2]
    q, r = torch.linalg.qr((x.mT if wide else x).double())
    a, s, bt = torch.linalg.svd(r, full_matrices=False)
    kept = s > rounding * s[..., :1]
    k = int(kept.sum())
    long, short = (q @ a)[:, :k], bt.mT[:, :k]
    return Basis(short, s[:k], long) if wide else Basis(long, s[:k], short)


def canonical_correlations(x: Tensor, y: Tensor) -> Tensor:
    """Singular values of UxᵀUy of two orthonormal bases (n, k), (n, l): (min(k, l)), largest first, in [0, 1]."""
    return torch.linalg.svdvals((x.mT @ y).double()).clamp(0, 1)


def nuclear(x: Tensor, y: Tensor) -> Tensor:
    """‖xᵀy‖_*: what the best rotation of one onto the other can make of their inner product."""
    return torch.linalg.svdvals((x.mT @ y).double()).sum(-1)
