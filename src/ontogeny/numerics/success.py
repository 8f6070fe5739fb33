"""The success curve P(reach | d): a logistic in log d, the d at which half succeed, and whether success is monotone at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

from ontogeny.errors import UserError
from ontogeny.numerics.resampling import Array, percentile_interval, permutation_p

Scale = Literal["log", "linear"]
FEW_SEEDS = 8  # below this the bootstrap over seeds alone is too narrow to be believed


@dataclass(frozen=True)
class SuccessCurve:
    """logit P(reach | d) = intercept + slope · x, x = log d (or d), and what the runs leave open about it.

    ``d``, ``trials``, ``successes``, ``probability``, ``low``, ``high`` (D,): the settings tried, the counts, the
    fitted curve and its pointwise band. ``draws`` (B, 2): intercept and slope of every bootstrap draw, for
    predictions.
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
    level: float

    def at(self, d: ArrayLike) -> Array:
        """P(reach | d), for d of any shape."""
        return np.asarray(special.expit(self.intercept + self.slope * _x(d, self.scale)))

    def draws_at(self, d: ArrayLike) -> Array:
        """P(reach | d) under every bootstrap draw: (B, *d.shape)."""
        x = _x(d, self.scale)
        column = (slice(None), *(None,) * x.ndim)
        return np.asarray(special.expit(self.draws[:, 0][column] + self.draws[:, 1][column] * x))


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

    Fit by Firth's penalised likelihood ℓ(β) + ½ ln det I(β), which is finite under separation (all succeed above some
    d, none below), where maximum likelihood has an infinite slope. d₅₀ = exp(−intercept/slope).

    Uncertainty: resample whole seeds (*expanded* percentiles: t with S − 1 degrees of freedom and √(S/(S−1)),
    Hesterberg 2015). With one seed: runs drawn from the fitted curve, which assumes that they are independent and
    that the curve is true. With fewer than 8 seeds: the wider of the two. ``interval_kind`` says which it was.

    How it misleads: d₅₀ outside the range of d is an extrapolation; it is +inf if nothing succeeded and 0 if
    everything did, with an interval that excludes nothing. A logistic can be fitted to success that comes and goes:
    look at :func:`monotone_p` first. Runs censored before their budget must be left out by the caller, whether or not
    they had succeeded.
    """
    widths, trials, wins = _tabulate(d, reached, seed)
    x, n, k = _x(widths, scale), trials.sum(0), wins.sum(0)
    intercept, slope = firth_logistic(x, k, n)
    fitted = special.expit(intercept + slope * x)
    seeds = len(trials)
    generator = np.random.default_rng(random_seed)

    sets, kinds = [], []
    if seeds >= 2:
        weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws).astype(float)
        sets.append((firth_logistic(x, weights @ wins, weights @ trials), _expanded(level, seeds)))
        kinds.append("bootstrap over seeds")
    if seeds < FEW_SEEDS:
        again = generator.binomial(n.astype(int), fitted, size=(draws, len(x))).astype(float)
        sets.append((firth_logistic(x, again, np.broadcast_to(n, again.shape)), level))
        kinds.append("runs drawn from the fitted curve")

    d50s, bands = [], []
    for coefficients, at_level in sets:
        a, b = coefficients[..., 0, None], coefficients[..., 1, None]
        d50s.append(percentile_interval(_d50(coefficients, x, scale), at_level))
        tails = [(1 - at_level) / 2, (1 + at_level) / 2]
        bands.append(np.quantile(special.expit(a + b * x), tails, axis=0))
    return SuccessCurve(
        intercept=float(intercept),
        slope=float(slope),
        scale=scale,
        d50=_edge(k, n, float(_d50(np.array([intercept, slope]), x, scale)), scale),
        d50_interval=_anywhere(scale)
        if k.sum() == 0 or (k == n).all()
        else (min(low for low, _ in d50s), max(high for _, high in d50s)),
        interval_kind=f"{level:.0%} interval of d50, {' or '.join(kinds)}{', the wider' * (len(kinds) > 1)}",
        d=widths,
        trials=n,
        successes=k,
        probability=fitted,
        low=np.min([band[0] for band in bands], axis=0),
        high=np.max([band[1] for band in bands], axis=0),
        draws=np.concatenate([coefficients for coefficients, _ in sets]),
        n_seeds=seeds,
        level=level,
    )


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
        p = special.expit(beta @ design.T)
        return p, np.einsum("...d,di,dj->...ij", n * p * (1 - p), design, design) + 1e-10 * np.eye(2)

    def objective(beta: Array) -> Array:
        eta = beta @ design.T
        likelihood = (k * special.log_expit(eta) + (n - k) * special.log_expit(-eta)).sum(-1)
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
    logistic = special.expit(intercept + slope * x)
    isotonic = optimize.isotonic_regression(k / n, weights=n).x
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
    rising = np.clip(optimize.isotonic_regression(k / n, weights=n).x, 0, 1)
    return 2 * float(_likelihood(k, n, k / n) - _likelihood(k, n, rising))


def _likelihood(k: Array, n: Array, p: Array) -> float:
    return float((special.xlogy(k, p) + special.xlog1py(n - k, -p)).sum())


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


def _expanded(level: float, units: int) -> float:
    """Level at which percentiles of ``units`` resampled units have Student's width."""
    t = stats.t.ppf((1 + level) / 2, units - 1) * math.sqrt(units / (units - 1))
    return float(2 * stats.norm.cdf(t) - 1)
