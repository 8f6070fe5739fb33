"""A rising curve of yes and no in which every seed is a little easier or harder than the next: what the runs leave open.

    logit P(reach | d, seed s) = intercept + slope · x + u_s,   u_s ~ N(0, τ²)

Runs of one seed share what the seed decides (the split, the beginning), so 64 widths of two seeds are two draws of u, not 128 of
anything. With few seeds the data hardly speak of τ; a prior then does, and says so.
"""

from __future__ import annotations

import numpy as np
import scipy

from ontogeny.numerics.resampling import Array

TAU = 1.5  # scale of the half-normal prior on τ, in logits
REACH = 8.0  # logits about the fitted curve in which a seed may lie


def posterior_draws(
    x: Array, wins: Array, trials: Array, fitted: Array, *, draws: int = 1000, random_seed: int = 0
) -> Array:
    """Intercept, slope and τ given the runs: (draws, 3). ``wins`` and ``trials`` are (S, D), ``fitted`` the curve (2,) to look around.

    Prior: Jeffreys's on intercept and slope (the one of :func:`~ontogeny.numerics.firth.firth_logistic`, proper under separation) and
    half-normal on τ. The posterior is summed on a grid, so nothing has to converge: the likelihood of a seed depends on
    its u through intercept + u alone, and integrating over u is a product with a Gaussian matrix along the intercepts.

    The intercept is that of the seed in the middle (u = 0). The curve passes ½ at the same d for it and for the mean over seeds; the
    slope of the mean is smaller, by about √(1 + 0.35 τ²).
    """
    centre = np.clip(-fitted[0] / fitted[1], x.min(), x.max()) if fitted[1] else x.mean()
    away = x - centre
    p = scipy.special.expit(fitted[0] + fitted[1] * x)
    spread = np.sqrt(
        np.linalg.inv(_information(away, trials.sum(0) * p * (1 - p)) + 1e-6 * np.eye(2)).diagonal()
    )
    level = fitted[0] + fitted[1] * centre
    logits = level + np.linspace(-1, 1, 181) * (REACH + 6 * min(spread[0], 2.0))  # (A,) at the centre
    slopes = np.linspace(fitted[1] - 6 * spread[1], 1.6 * max(fitted[1], 0) + 8 * spread[1], 41)  # (B,)
    taus = np.arange(0, 4.01, 0.25)

    eta = logits[:, None] + slopes[:, None, None] * away  # (B, A, D)
    linear = wins.sum(1)[:, None, None] * logits + (wins @ away)[:, None, None] * slopes[:, None]  # (S, B, A)
    small = np.exp(-np.abs(eta))
    likelihood = linear - np.moveaxis((np.maximum(eta, 0) + np.log1p(small)) @ trials.T, -1, 0)
    weight = small / (1 + small) ** 2 * trials.sum(0)
    prior = 0.5 * np.linalg.slogdet(_information(away, weight) + 1e-12 * np.eye(2))[1]  # (B, A)

    top = likelihood.max(-1, keepdims=True)
    scaled, step = np.exp(likelihood - top), logits[1] - logits[0]
    log = np.empty((len(taus), *prior.shape))
    for i, tau in enumerate(taus):
        over_u = scaled
        if tau:
            kernel = (
                np.exp(-0.5 * ((logits[:, None] - logits) / tau) ** 2) * step / (tau * np.sqrt(2 * np.pi))
            )
            over_u = scaled @ kernel
        log[i] = (np.log(over_u + 1e-300) + top).sum(0) + prior - 0.5 * (tau / TAU) ** 2
    mass = np.exp(log - log.max())
    mass[0] /= 2  # a grid that begins at 0: trapezoid
    total = mass.cumsum()
    generator = np.random.default_rng(random_seed)
    at = (generator.permutation(draws) + generator.random(draws)) / draws * total[-1]
    tau, slope, logit = np.unravel_index(np.searchsorted(total, at).clip(max=mass.size - 1), mass.shape)
    jitter = generator.uniform(-0.5, 0.5, (2, draws))
    b = slopes[slope] + jitter[0] * (slopes[1] - slopes[0])
    a = logits[logit] + jitter[1] * step
    return np.stack([a - b * centre, b, taus[tau]], -1)


def _information(x: Array, weight: Array) -> Array:
    """Fisher's information about intercept and slope: weights (…, D) → (…, 2, 2)."""
    design = np.stack([np.ones_like(x), x], -1)
    squares = (design[:, :, None] * design[:, None]).reshape(len(x), 4)
    return np.asarray(weight @ squares).reshape(*weight.shape[:-1], 2, 2)
