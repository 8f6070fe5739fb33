"""Which of many shares stand out: two stated rules, each for shares (…, item) that are not negative."""

from __future__ import annotations

import torch
from torch import Tensor


def above_mean(shares: Tensor, times: float) -> Tensor:
    """Items whose share exceeds ``times`` the mean share: bool (…, item)."""
    return shares > times * shares.mean(-1, keepdim=True)


def elbow(shares: Tensor) -> Tensor:
    """Items before the elbow of the sorted shares: bool (…, item).

    The elbow is the point of the falling curve that lies furthest below the straight line from its first to its last point
    (Satopää et al. 2011, "Kneedle"); everything before it is selected. A flat curve has no elbow and selects nothing.
    """
    ordered, order = shares.sort(-1, descending=True)
    n = shares.shape[-1]
    along = torch.arange(n, device=shares.device) / max(n - 1, 1)
    line = ordered[..., :1] + (ordered[..., -1:] - ordered[..., :1]) * along
    depth = line - ordered
    place = torch.where(depth.amax(-1) > 0, depth.argmax(-1), 0)
    selected = torch.arange(n, device=shares.device) < place.unsqueeze(-1)
    return torch.zeros_like(selected).scatter(-1, order, selected)
