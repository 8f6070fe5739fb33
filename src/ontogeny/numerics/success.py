"""The success curve P(reach | d): a logistic in log d, the d at which half succeed, and whether success is monotone at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from ontogeny.errors import UserError
from ontogeny.numerics.firth import firth_logistic
from ontogeny.numerics.resampling import Array, percentile_interval, permutation_p
from ontogeny.numerics.seed_effect import posterior_draws

Scale = Literal["log", "linear"]
FEW_SEEDS = 8  # below this the data say little of how much seeds differ, and the prior on it sets the width of the interval


@dataclass(frozen=True)
class SuccessCurve:
    """logit P(reach | d) = intercept + slope · x, x = log d (or d), and what the runs leave open about it.

    ``d``, ``trials``, ``successes``, ``probability``, ``low``, ``high`` (D,): the settings tried, the counts, the
    fitted curve and its pointwise band. ``draws`` (B, 2): intercept and slope of one new seed, drawn from what the runs
    leave open, for predictions. ``seed_sd``: by how many logits seeds differ (median of what is left open).
    """

    intercept: float
    slope: float
    scale: Scale
    d50: float
    d50_interval: tuple[float, float]
    interval_kind: str
    d: Array
    trials: Array
    successes: Array
    probability: Array
    low: Array
    high: Array
    draws: Array
    n_seeds: int
    seed_sd: float
    level: float

    def at(self, d: ArrayLike) -> Array:
        """P(reach | d), for d of any shape."""
        return np.asarray(scipy.special.expit(self.intercept + self.slope * _x(d, self.scale)))

    def draws_at(self, d: ArrayLike) -> Array:
        """P(reach | d) of one new seed, under every draw: (B, *d.shape)."""
        x = _x(d, self.scale)
        column = (slice(None), *(None,) * x.ndim)
        return np.asarray(scipy.special.expit(self.draws[:, 0][column] + self.draws[:, 1][column] * x))


def fit_success(
    d: ArrayLike,
    reached: ArrayLike,
    seed: ArrayLike,
    *,
    scale: Scale = "log",
    level: float = 0.95,
    draws: int = 1000,
    random_seed: int = 0,
) -> SuccessCurve:
    """At which d does success set in? One row a run: its ``d``, whether it ``reached`` the target, its ``seed``.

    Curve and d₅₀ = exp(−intercept/slope): Firth's penalised likelihood over all runs, finite under separation (all succeed above some
    d, none below), where maximum likelihood has an infinite slope. What they leave open: :mod:`ontogeny.numerics.seed_effect`, in
    which each seed is easier or harder as a whole. Resampling runs as if seeds did not matter covers the truth 37–60 % of the time where
    seeds differ by one logit; this does so 92 % of the time or more, with 1, 2, 3 and 8 seeds. Below 8 seeds that rests on the prior
    (seeds differ by a logit or two at most).

    How it misleads: d₅₀ outside the range of d is an extrapolation; it is +inf if nothing succeeded and 0 if
    everything did, with an interval that excludes nothing. A logistic can be fitted to success that comes and goes:
    look at :func:`monotone_p` first. Runs censored before their budget must be left out by the caller, whether or not
    they had succeeded.
    """
    widths, trials, wins = _tabulate(d, reached, seed)
    x, n, k = _x(widths, scale), trials.sum(0), wins.sum(0)
    fitted = firth_logistic(x, k, n)
    left = posterior_draws(x, wins, trials, fitted, draws=draws, random_seed=random_seed)
    over_seeds = scipy.special.expit((left[:, :1] + left[:, 1:2] * x) / np.sqrt(1 + 0.346 * left[:, 2:] ** 2))
    low, high = np.quantile(over_seeds, [(1 - level) / 2, (1 + level) / 2], axis=0)
    u = np.random.default_rng(random_seed).standard_normal(draws) * left[:, 2]
    edges = k.sum() == 0 or (k == n).all()
    return SuccessCurve(
        intercept=float(fitted[0]),
        slope=float(fitted[1]),
        scale=scale,
        d50=_edge(k, n, float(_d50(fitted, x, scale)), scale),
        d50_interval=_anywhere(scale) if edges else percentile_interval(_d50(left, x, scale), level),
        interval_kind="d50, where seeds differ as a whole"
        + (f"; with {len(trials)} of them, {FEW_SEEDS} wanted, it rests on how much they usually do")
        * (len(trials) < FEW_SEEDS),
        d=widths,
        trials=n,
        successes=k,
        probability=scipy.special.expit(fitted[0] + fitted[1] * x),
        low=low,
        high=high,
        draws=np.stack([left[:, 0] + u, left[:, 1]], -1),
        n_seeds=len(trials),
        seed_sd=float(np.median(left[:, 2])),
        level=level,
    )


def monotone_p(
    d: ArrayLike,
    reached: ArrayLike,
    seed: ArrayLike,
    *,
    scale: Scale = "log",
    draws: int = 499,
    random_seed: int = 0,
) -> float:
    """Does success come and go with d more than chance makes it? A small p says: not monotone.

    Statistic: 2 [ℓ(one probability a d) − ℓ(best non-decreasing probabilities)], the isotonic fit by
    pool-adjacent-violators. Null: runs drawn from the fitted logistic and, separately, from the isotonic fit; the
    larger p counts, so that neither shape is assumed.

    How it misleads: one run a d says little (a failure at d = 50 after a success at 49 is what any probability below
    1 gives). Runs of one seed share a data split, which may make them succeed together: over-dispersion between d's
    looks like non-monotony. A large p is not evidence that success *is* monotone.
    """
    widths, trials, wins = _tabulate(d, reached, seed)
    n, k = trials.sum(0), wins.sum(0)
    x = _x(widths, scale)
    intercept, slope = firth_logistic(x, k, n)
    logistic = scipy.special.expit(intercept + slope * x)
    isotonic = scipy.optimize.isotonic_regression(k / n, weights=n).x
    generator = np.random.default_rng(random_seed)
    observed = _violation(k, n)
    if observed == 0:
        return 1.0
    ps = []
    for law in (logistic, isotonic):
        again = generator.binomial(n.astype(int), np.clip(law, 0, 1), size=(draws, len(x)))
        ps.append(float(permutation_p(observed, [_violation(row, n) for row in again])))
    return max(ps)


def _violation(k: Array, n: Array) -> float:
    rising = np.clip(scipy.optimize.isotonic_regression(k / n, weights=n).x, 0, 1)
    return 2 * float(_likelihood(k, n, k / n) - _likelihood(k, n, rising))


def _likelihood(k: Array, n: Array, p: Array) -> float:
    return float((scipy.special.xlogy(k, p) + scipy.special.xlog1py(n - k, -p)).sum())


def _tabulate(d: ArrayLike, reached: ArrayLike, seed: ArrayLike) -> tuple[Array, Array, Array]:
    """Settings (D,), and trials and successes by seed: (S, D)."""
    d, reached, seed = np.asarray(d, dtype=float), np.asarray(reached), np.asarray(seed)
    if not len(d) == len(reached) == len(seed):
        raise UserError(f"One row a run: {len(d)} d, {len(reached)} outcomes, {len(seed)} seeds were given.")
    if not np.isin(reached, (0, 1)).all():
        raise UserError("Outcomes are 0 or 1: whether the run reached the target within its budget.")
    widths, column = np.unique(d, return_inverse=True)
    seeds, row = np.unique(seed, return_inverse=True)
    if len(widths) < 2:
        raise UserError(f"A success curve needs two settings or more; there is {widths.tolist()}.")
    trials, wins = np.zeros((2, len(seeds), len(widths)))
    np.add.at(trials, (row, column), 1)
    np.add.at(wins, (row, column), reached.astype(float))
    return widths, trials, wins


def _x(d: ArrayLike, scale: Scale) -> Array:
    values = np.asarray(d, dtype=float)
    if scale == "linear":
        return values
    if (values <= 0).any():
        raise UserError("A logistic in log d needs d > 0; use scale = 'linear'.")
    return np.asarray(np.log(values))


def _d50(coefficients: Array, x: Array, scale: Scale) -> Array:
    """Where the curve passes ½. A falling or flat curve has no onset: before the range or beyond it, by the level in its middle."""
    a, b = coefficients[..., 0], coefficients[..., 1]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        at = -a / b
        at = np.exp(at) if scale == "log" else at
    beyond = np.where(a + b * x.mean() < 0, math.inf, _anywhere(scale)[0])
    return np.asarray(np.where(b > 0, at, beyond))


def _edge(k: Array, n: Array, d50: float, scale: Scale) -> float:
    before, beyond = _anywhere(scale)
    return beyond if k.sum() == 0 else (before if (k == n).all() else d50)


def _anywhere(scale: Scale) -> tuple[float, float]:
    return (0.0 if scale == "log" else -math.inf), math.inf
