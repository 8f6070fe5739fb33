"""Power laws of times that may be censored, fitted by maximum likelihood.

    log T = β₀ + Σ_j β_j log x_j + σ ε,   ε normal

A run that ended without the event says only that T is longer. Leaving such runs out makes every law too flat; counting their
budget as their time does as well.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ontogeny.numerics.resampling import Array


def censored_fit(design: ArrayLike, logs: ArrayLike, happened: ArrayLike) -> tuple[Array, float]:
    """Coefficients (term,) and σ of ``logs`` (run,) = ``design`` (run, term) · β + σ ε, where runs without the event are beyond.

    ℓ = Σ_happened [log h − ½ (h y − x·γ)²] + Σ_censored log Φ(x·γ − h y),  γ = β / σ, h = 1 / σ: concave in (γ, log h) near and (γ, h)
    everywhere (Olsen 1978), so whatever is found is the only maximum. Without censoring: least squares.

    NaN where the runs that had the event do not tell the terms apart.
    """
    X, y, came = np.asarray(design, dtype=float), np.asarray(logs, dtype=float), np.asarray(happened, bool)
    terms = X.shape[1]
    unknown = np.full(terms, np.nan)
    if came.sum() <= terms or np.linalg.matrix_rank(X[came]) < terms:
        return unknown, np.nan
    start, *_ = np.linalg.lstsq(X[came], y[came], rcond=None)
    scale = float((y[came] - X[came] @ start).std())
    if came.all() or scale == 0:
        return start, scale

    def loss(given: Array) -> tuple[float, Array]:
        gamma, h = given[:-1], np.exp(given[-1])
        at = X @ gamma - h * y
        tail = scipy.special.log_ndtr(at[~came])
        # φ / Φ, the derivative of log Φ
        slope = np.exp(-0.5 * at[~came] ** 2 - 0.5 * np.log(2 * np.pi) - tail)
        pull = np.where(came, -at, 0.0)
        pull[~came] = slope
        value = came.sum() * given[-1] - 0.5 * (at[came] ** 2).sum() + tail.sum()
        return -value, -np.append(pull @ X, came.sum() - h * (pull @ y))

    begin = np.append(start / scale, -np.log(scale))
    found = scipy.optimize.minimize(loss, begin, jac=True, method="BFGS", options={"gtol": 1e-6})
    if not np.isfinite(found.fun):
        return unknown, np.nan
    sigma = float(np.exp(-found.x[-1]))
    return found.x[:-1] * sigma, sigma


def law(logx: Array, logs: Array, happened: NDArray[np.bool_]) -> tuple[Array, float]:
    """(β₀ where all settings are at their means, exponent of every setting), σ. ``logx`` (run, setting), its means taken off."""
    return censored_fit(np.column_stack([np.ones(len(logx)), logx]), logs, happened)


def at_levels(axis: int, logx: Array, logs: Array, happened: NDArray[np.bool_], levels: Array) -> Array:
    """log T at each of the ``levels`` of one setting, the others at their means: (level,), no law assumed of this setting.

    NaN at a level at which nothing happened: its time is beyond every number.
    """
    member = np.isclose(logx[:, [axis]], levels)
    known = (member & happened[:, None]).any(0)
    used = member[:, known].any(1)
    others = np.delete(logx, axis, 1)
    found = np.full(len(levels), np.nan)
    if known.any():
        design = np.column_stack([member[used][:, known].astype(float), others[used]])
        found[known] = censored_fit(design, logs[used], happened[used])[0][: known.sum()]
    return found


def beyond(axis: int, level: float, logx: Array, logs: Array, happened: NDArray[np.bool_]) -> float:
    """log of (time at one level of a setting) over (what the law of all other levels says of it)."""
    there = np.isclose(logx[:, axis], level)
    design = np.column_stack([np.ones(len(logx)), logx, there])
    return float(censored_fit(design, logs, happened)[0][-1]) if happened[there].any() else np.inf


def bends(logx: Array, logs: Array, happened: NDArray[np.bool_]) -> Array:
    """By how much every exponent changes while its setting grows e-fold: (setting,). 0 if the law is one."""
    design = np.column_stack([np.ones(len(logx)), logx, logx**2])
    return 2 * censored_fit(design, logs, happened)[0][-logx.shape[1] :]
