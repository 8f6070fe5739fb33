"""Walks through the weights around a point, and how many directions the loss lets them go: the local learning coefficient.

    w ← w − ε/2 (n β ∇L(w) + γ (w − w*)) + √ε ξ,   ξ ~ N(0, 1)

visits w in proportion to exp(−n β L(w) − γ/2 ‖w − w*‖²) as ε → 0. Walks stand along a leading axis, so all of them are one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log

import numpy as np
import torch
from torch import Tensor

from ontogeny.numerics.random import Key

Loss = Callable[[dict[str, Tensor]], Tensor]


def walk(
    loss: Loss,
    centre: Mapping[str, Tensor],
    *,
    heat: float,
    pull: float,
    step_size: float,
    chains: int,
    burn: int,
    draws: int,
    key: Key,
) -> Tensor:
    """L at every place visited after the first ``burn``: (chain, draw), float64. ``heat`` = n β, ``pull`` = γ.

    ``loss({name: (chain, …)})`` → (chain,). Every walk begins at the centre and has noise of its own.
    """
    start = {name: w.detach().expand(chains, *w.shape) for name, w in centre.items()}
    here = {name: w.clone() for name, w in start.items()}
    noise = key.generator("noise")
    seen = []
    for _ in range(burn + draws):
        moving = {name: w.detach().requires_grad_() for name, w in here.items()}
        with torch.enable_grad():
            value = loss(moving)
            slopes = torch.autograd.grad(value.sum(), list(moving.values()), allow_unused=True)
        seen.append(value.detach().double().cpu())
        for (name, w), slope in zip(here.items(), slopes, strict=True):
            drift = pull * (w - start[name]) + (0 if slope is None else heat * slope)
            xi = torch.randn(w.shape, generator=noise, dtype=torch.float64).to(w)
            here[name] = w - step_size / 2 * drift + step_size**0.5 * xi
    return torch.stack(seen[burn:], -1)


def heat_of(n: int) -> float:
    """n β at β = 1 / log n, where the coefficient is read off one temperature (Watanabe 2013)."""
    return n / log(n)


def between_chains(traces: np.ndarray) -> float:
    """R̂ of traces (chain, draw), each cut in two: √(variance over variance within). 1 when walks have forgotten where they began.

    Above 1.1 they have not. NaN of traces that do not vary. Source: Gelman et al., Bayesian Data Analysis, 3rd ed., 11.4.
    """
    half = traces.shape[1] // 2
    parts = np.concatenate([traces[:, :half], traces[:, half : 2 * half]])
    within = parts.var(1, ddof=1).mean()
    total = (half - 1) / half * within + parts.mean(1).var(ddof=1)
    return float(np.sqrt(total / within)) if within > 0 else float("nan")
