"""The point with the least sum of distances to a sample."""

from __future__ import annotations

import torch
from torch import Tensor


def geometric_median(rows: Tensor, tolerance: float = 1e-6, most: int = 200) -> Tensor:
    """argmin_m Σ_i ‖x_i − m‖ of rows (example, feature), by Weiszfeld's iteration from the mean.

    Unlike the mean it is moved little by a few far rows. A step divides by distances, which are kept from 0 by the smallest number that
    the precision tells from the largest distance, so a median that is itself a row is found as well as any other.
    """
    x = rows.double()
    median = x.mean(0)
    for _ in range(most):
        distance = torch.linalg.vector_norm(x - median, dim=-1)
        weight = 1 / distance.clamp_min(torch.finfo(x.dtype).eps * distance.max().clamp_min(1e-30))
        new = (weight[:, None] * x).sum(0) / weight.sum()
        moved = torch.linalg.vector_norm(new - median)
        median = new
        if moved <= tolerance * distance.mean():
            break
    return median.to(rows.dtype)
