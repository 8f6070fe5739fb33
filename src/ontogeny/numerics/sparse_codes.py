"""What turns pre-activations into sparse codes, and the pseudo-gradients of jumps. Pre-activations: (…, example, atom)."""

from __future__ import annotations

import torch
from torch import Tensor


def top_k(pre: Tensor, k: int) -> Tensor:
    """The k largest of max(pre, 0) of every example (Gao et al. 2024)."""
    values, index = pre.relu().topk(k, -1)
    return torch.zeros_like(pre).scatter(-1, index, values)


def batch_top_k(pre: Tensor, k: int) -> Tensor:
    """The k · n largest of max(pre, 0) over the n examples of a batch (Bussmann et al. 2024)."""
    flat = pre.relu().flatten(-2)
    values, index = flat.topk(k * pre.shape[-2], -1)
    return torch.zeros_like(flat).scatter(-1, index, values).view_as(pre)


def gated(pre: Tensor, b_gate: Tensor, r_mag: Tensor, b_mag: Tensor) -> Tensor:
    """1[pre + b_gate > 0] · max(pre · exp(r_mag) + b_mag, 0): which are active, and how much, apart (Rajamanoharan et al. 2024a)."""
    return (pre + b_gate > 0) * (pre * r_mag.exp() + b_mag).relu()


def jump_relu(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    """pre · 1[pre > θ]; d/dpre = 1[pre > θ], d/dθ = −(θ/ε) · 1[|pre − θ| < ε/2], the kernel's estimate of the jump's gradient
    (Rajamanoharan et al. 2024b)."""
    ramp = _ramp(pre, threshold, bandwidth)
    return pre * (pre > threshold) + threshold.detach() * (ramp - ramp.detach())


def jump_count(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    """How many atoms are above their threshold, (…, example); d/dθ = −(1/ε) · 1[|pre − θ| < ε/2] of each, d/dpre = 0."""
    ramp = _ramp(pre, threshold, bandwidth)
    return ((pre.detach() > threshold) + ramp - ramp.detach()).sum(-1)


def _ramp(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    return ((pre.detach() - threshold) / bandwidth + 0.5).clamp(0, 1)
