"""Pearson correlation of many units with many variables at once. What does not vary has no correlation: NaN, never 0."""

from __future__ import annotations

import torch
from torch import Tensor


def constant(x: Tensor, dim: int = -2) -> Tensor:
    """Where ``x`` does not vary along ``dim`` beyond rounding: max − min ≤ 16 ε · max |x|."""
    spread = x.amax(dim) - x.amin(dim)
    return spread <= 16 * torch.finfo(x.dtype).eps * x.abs().amax(dim)


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """r of every column of ``x`` (…, sample, unit) with every column of ``y`` (…, sample, variable): (…, unit, variable).

    Equation: r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²), in float64.
    """

    def standard(z: Tensor) -> Tensor:
        centred = z.double() - z.double().mean(-2, keepdim=True)
        centred = centred / centred.norm(dim=-2, keepdim=True)
        return centred.masked_fill(constant(z).unsqueeze(-2), torch.nan)

    return (standard(x).mT @ standard(y)).clamp(-1, 1)
