"""Effective ranks: how many eigenvalues of a symmetric matrix count, by energy λ² or by magnitude |λ|.

Eigenvalues are (…, component); zeros after the last do not matter. NaN for a zero matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor


def energy(eigenvalues: Tensor) -> Tensor:
    """λ²/Σλ² along the last axis."""
    return (eigenvalues / eigenvalues.norm(dim=-1, keepdim=True)).square()


def entropy_rank(eigenvalues: Tensor) -> Tensor:
    """exp(−Σ p ln p), p = λ²/Σλ²: n for n equal |λ|."""
    return torch.special.entr(energy(eigenvalues)).sum(-1).exp()


def ratio_rank(eigenvalues: Tensor) -> Tensor:
    """Σ|λ| / max|λ|: n for n equal |λ|; heavier on the tail than the entropy form."""
    magnitude = eigenvalues.abs()
    return magnitude.sum(-1) / magnitude.amax(-1)


def cumulative_share(eigenvalues: Tensor) -> Tensor:
    """Σ_{i ≤ n} λᵢ² / Σλ² for eigenvalues by |λ| descending: share of energy in the first n components."""
    return energy(eigenvalues).cumsum(-1)


def components_for(eigenvalues: Tensor, share: float = 0.99) -> Tensor:
    """The smallest number of components that hold ``share`` of Σλ², for eigenvalues by |λ| descending.

    A rounding of 1e−6 is allowed for, so that the whole of n equal eigenvalues needs n components and no more.
    """
    cumulative = cumulative_share(eigenvalues.double())
    count = (cumulative < share - 1e-6).sum(-1).to(eigenvalues.dtype) + 1
    return torch.where(cumulative.isnan().any(-1), torch.nan, count)
