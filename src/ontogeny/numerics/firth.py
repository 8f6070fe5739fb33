"""Logistic regression that stays finite when all succeed on one side and none on the other."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from ontogeny.numerics.resampling import Array


def firth_logistic(x: ArrayLike, successes: ArrayLike, trials: ArrayLike, *, steps: int = 60) -> Array:
    """Intercept and slope of logit P = a + b x by Firth's penalised likelihood: counts (..., D) → (..., 2).

    Solves Xᵀ(k − nπ + h(½ − π)) = 0, h the leverages, by Fisher scoring with steps halved until the penalised
    likelihood rises (Firth 1993). The penalty is Jeffreys's prior: it removes the first-order bias and pulls
    probabilities towards ½ by about half a run.
    """
    x, k, n = (np.asarray(v, dtype=float) for v in (x, successes, trials))
    centre, spread = x.mean(), x.std() or 1.0
    design = np.stack([np.ones_like(x), (x - centre) / spread], -1)  # (D, 2)
    beta = np.zeros((*k.shape[:-1], 2))

    def information(beta: Array) -> tuple[Array, Array]:
        p = scipy.special.expit(beta @ design.T)
        return p, np.einsum("...d,di,dj->...ij", n * p * (1 - p), design, design) + 1e-10 * np.eye(2)

    def objective(beta: Array) -> Array:
        eta = beta @ design.T
        likelihood = (k * scipy.special.log_expit(eta) + (n - k) * scipy.special.log_expit(-eta)).sum(-1)
        return np.asarray(likelihood + 0.5 * np.linalg.slogdet(information(beta)[1])[1])

    best = objective(beta)
    length = np.ones(k.shape[:-1])
    for _ in range(steps):
        p, info = information(beta)
        leverage = n * p * (1 - p) * np.einsum("di,...ij,dj->...d", design, np.linalg.inv(info), design)
        score = (k - n * p + leverage * (0.5 - p)) @ design
        step = np.linalg.solve(info, score[..., None])[..., 0]
        step *= np.minimum(1.0, 3.0 / np.maximum(np.abs(step).max(-1, keepdims=True), 1e-12))
        proposed = beta + length[..., None] * step
        value = objective(proposed)
        rises = value >= best - 1e-12
        beta = np.where(rises[..., None], proposed, beta)
        best = np.where(rises, value, best)
        length = np.where(rises, np.minimum(1.0, 2 * length), length / 2)
        if np.abs(step).max(initial=0.0) < 1e-9:
            break
    slope = beta[..., 1] / spread
    return np.stack([beta[..., 0] - slope * centre, slope], -1)
