"""Permutation p-values, jackknife, prediction and binomial intervals: uncertainty over sampling units.

The sampling unit is what another laboratory would draw anew: a seed, a trained model, a document. Pairs of models are
not units: M models make M(M−1)/2 pairs, and an interval over pairs is narrower than the truth by a factor that grows
with √M.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ontogeny.errors import UserError

Array = NDArray[np.float64]
Alternative = Literal["greater", "less", "two-sided"]


def permutation_p(observed: ArrayLike, null: ArrayLike, alternative: Alternative = "greater") -> Array:
    """How often does chance do at least as well: p = (1 + #{null ≥ observed}) / (1 + B).

    ``observed`` (...), ``null`` (B, ...) → (...). The observed arrangement counts as one of the permutations, so p is
    never 0 and the test has its size for every B (Phipson & Smyth 2010). Two-sided: twice the smaller side, at most
    1.

    How it misleads: its smallest value is 1/(1+B); ten shuffles cannot give p < .09. Ties within a rounding error
    count as reached.
    """
    seen, drawn = np.asarray(observed, dtype=float), np.asarray(null, dtype=float)
    if drawn.ndim != seen.ndim + 1:
        raise UserError(
            f"The null needs one leading axis of draws: observed {seen.shape}, null {drawn.shape}."
        )
    slack = 1e-12 * np.maximum(1.0, np.abs(seen))
    draws = len(drawn) + 1
    upper = (1 + (drawn >= seen - slack).sum(0)) / draws
    lower = (1 + (drawn <= seen + slack).sum(0)) / draws
    if alternative == "two-sided":
        return np.minimum(1.0, 2 * np.minimum(upper, lower))
    return np.asarray(upper if alternative == "greater" else lower)


def jackknife_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    n: int,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[float, float]:
    """Interval of ``statistic(indices of the units kept)`` over ``n`` sampling units (seeds): each left out in turn.

    θ̂ ± t √((n − 1)/n Σ(θ₋ᵢ − θ̄)²), Student's t with n − 1 degrees of freedom, cut to ``bounds``. A unit goes with all that belongs to it,
    so values within it may depend on one another as they like; pairs of a unit with itself are as in the whole. For a mean it is exactly
    :func:`mean_interval`. Chosen over the bootstrap because seeds are few: percentiles of 3 resampled seeds are too narrow by half.

    How it misleads: it asks for a smooth statistic (a mean, a correlation; not a median or a maximum). NaN for fewer than two units, or where the
    statistic is undefined without one of them.
    """
    if n < 2:
        return math.nan, math.nan
    units = np.arange(n)
    without = np.array([statistic(np.delete(units, i)) for i in units], dtype=float)
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * math.sqrt((n - 1) * without.var())
    middle = float(statistic(units))
    return float(np.clip(middle - half, *bounds)), float(np.clip(middle + half, *bounds))


def pair_mean(values: Array, chosen: NDArray[np.int64], others: NDArray[np.int64] | None = None) -> float:
    """Mean of ``values`` (M, M) over pairs of different models: ``chosen`` among themselves, or with ``others``."""
    others = chosen if others is None else others
    block = values[np.ix_(chosen, others)]
    counts = (chosen[:, None] != others[None, :]) & np.isfinite(block)
    return float(block[counts].mean()) if counts.any() else math.nan


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Where the mean over all seeds lies: x̄ ± t s/√n, Student's t with n − 1 degrees of freedom.

    It shrinks to nothing with more seeds, so a single published run is *not* to be compared with it: see
    :func:`prediction_interval`.
    """
    return _student(values, level, lambda n: 1 / n)


def prediction_interval(
    values: ArrayLike, level: float = 0.95, *, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, float]:
    """Where one new seed lies: x̄ ± t s √(1 + 1/n), cut to ``bounds`` ([0, 1] for an accuracy).

    Covers with exactly ``level`` if seeds are independent and normal. How it misleads: for values piled up at a bound
    (many runs at accuracy 1.0) the coverage is approximate, and n equal values give a width of 0, which is not
    certainty. Cutting to bounds that no value can pass never loses coverage.
    """
    low, high = _student(values, level, lambda n: 1 + 1 / n)
    return float(np.clip(low, *bounds)), float(np.clip(high, *bounds))


def _student(values: ArrayLike, level: float, variance: Callable[[int], float]) -> tuple[float, float]:
    data = np.asarray(values, dtype=float)
    n = len(data)
    if n < 2:
        return math.nan, math.nan
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * data.std(ddof=1) * math.sqrt(variance(n))
    return float(data.mean() - half), float(data.mean() + half)


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Where a proportion lies, given k of n (Wilson 1927). Sensible at k = 0 and k = n, where the normal interval has width 0.

    Trials must be independent: 64 widths trained on one split are not 64 trials of anything.
    """
    if trials == 0:
        return 0.0, 1.0
    interval = scipy.stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def predictive_count(successes: int, trials: int, new_trials: int = 1) -> Array:
    """P(0 … m successes in m new trials | k of n), beta-binomial with Jeffreys's prior: (new_trials + 1,).

    With m = 1 the last entry is (k + ½)/(n + 1), the probability that a single new trial succeeds. With few trials it
    stays near ½: three of three says 0.875, not 1.
    """
    law = scipy.stats.betabinom(new_trials, successes + 0.5, trials - successes + 0.5)
    return np.asarray(law.pmf(np.arange(new_trials + 1)), dtype=float)


def poisson_binomial(probability: ArrayLike) -> Array:
    """P(0 … m successes) of m independent trials with their own probabilities: (..., m) → (..., m + 1), by convolution."""
    p = np.asarray(probability, dtype=float)
    law = np.zeros((*p.shape[:-1], p.shape[-1] + 1))
    law[..., 0] = 1
    for i in range(p.shape[-1]):
        one = p[..., i, None]
        law[..., 1:] = law[..., 1:] * (1 - one) + law[..., :-1] * one
        law[..., 0] *= 1 - one[..., 0]
    return law


def two_tails(law: ArrayLike, at: int) -> float:
    """How improbable is a value at least as far out: twice the smaller tail of a discrete law, the value counted in both, at most 1."""
    p = np.asarray(law, dtype=float)
    return float(min(1.0, 2 * min(p[: at + 1].sum(), p[at:].sum())))


def benjamini_hochberg(p: ArrayLike) -> Array:
    """Adjusted p-values: rejecting those ≤ q keeps the expected share of false discoveries ≤ q (SciPy's).

    Holds for independent or positively dependent tests. It is about a *family*: leaving members out makes it meaningless.
    """
    return np.asarray(scipy.stats.false_discovery_control(np.asarray(p, dtype=float), method="bh"))


def percentile_interval(values: Array, level: float) -> tuple[float, float]:
    """Equal-tailed quantiles that are themselves draws, so that infinite draws are allowed."""
    if not len(values):
        return math.nan, math.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(low), float(high)
