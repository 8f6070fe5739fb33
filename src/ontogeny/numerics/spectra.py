"""Singular values of matrices, and two counts of how many of them matter."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.numerics.eigen import shared_out


def singular_values(matrix: Tensor) -> Tensor:
    """(…, row, column) → (…, component), largest first."""
    lead, size = matrix.shape[:-2], matrix.shape[-2:]
    values = torch.cat(shared_out(torch.linalg.svdvals, matrix.reshape(-1, *size)))
    return values.reshape(*lead, min(size))


def participation_ratio(s: Tensor) -> Tensor:
    """(Σ s²)² / Σ s⁴ of singular values (…, component): from 1 (one direction) to their number (all equal); NaN for a zero
    matrix.

    The squares are the variances; elsewhere the ratio is taken of s itself, (Σ s)² / Σ s², which is larger.
    """
    energy = s.square() / s.amax(-1, keepdim=True).square()  # scaled, so that fourth powers do not underflow
    return energy.sum(-1).square() / energy.square().sum(-1)


def entropy_rank(s: Tensor) -> Tensor:
    """exp(−Σ q ln q) with q = s / Σ s: the effective rank of Roy & Vetterli (2007); NaN for a zero matrix."""
    q = s / s.sum(-1, keepdim=True)
    return torch.special.entr(q).sum(-1).exp()


def strongest_first(shares: Tensor) -> Tensor:
    """Shares of frequencies 0, 1, … (…, frequency) sorted without the constant: (…, rank), largest first.

    Rank 1 is whatever frequency is strongest here, not one and the same everywhere.
    """
    return shares[..., 1:].sort(-1, descending=True).values
