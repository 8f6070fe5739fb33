"""Times to an event that may not have come yet: Kaplan–Meier curves, what they say of median and mean, and whether settings differ.

A run that ends without the event is *censored*: the event comes later than that, or never. Leaving such runs out, or counting
their budget as their time, makes slow settings look fast.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ontogeny.numerics.resampling import Array, permutation_p


@dataclass(frozen=True)
class Waiting:
    """The share of runs still waiting, S(t) = P(T > t), as a staircase that falls at ``time``.

    ``time``, ``share``, ``low``, ``high`` (event time,), beginning with (0, 1, 1, 1); ``median`` and its interval are infinite
    where fewer than half had the event, or may have had; ``mean`` is the mean of min(T, ``horizon``).
    """

    time: Array
    share: Array
    low: Array
    high: Array
    n: int
    events: int
    median: float
    median_interval: tuple[float, float]
    horizon: float
    mean: float
    mean_interval: tuple[float, float]


def waiting(
    time: ArrayLike, happened: ArrayLike, horizon: float | None = None, level: float = 0.95
) -> Waiting:
    """How long do these runs wait for an event?

    ``time`` (run,) is when it happened, or how far the run came without; ``happened`` (run,) says which. S by Kaplan and
    Meier, its band by log(−log S) (SciPy's); the median's interval is where the band holds ½ (Brookmeyer and Crowley 1982); the mean up
    to ``horizon`` (∫ S, the largest time unless given) with Greenwood's variance, n/(n − 1) and Student's t, so that without
    censoring it is the usual interval of a mean.

    How it misleads: censoring must say nothing of the event. A budget does not; stopping runs that look hopeless does.
    """
    when, came = np.asarray(time, dtype=float), np.asarray(happened, dtype=bool)
    horizon = float(when.max(initial=0.0)) if horizon is None else horizon
    n, events = len(when), int(came.sum())
    if not events:
        one, inf = np.ones(1), (math.inf, math.inf)
        return Waiting(
            np.zeros(1), one, one, one, n, 0, math.inf, inf, horizon, horizon, (math.nan, math.nan)
        )
    curve = scipy.stats.ecdf(scipy.stats.CensoredData(uncensored=when[came], right=when[~came])).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # at S = 1 and S = 0 there is no band
        band: Any = curve.confidence_interval(level, method="log-log")
    falls = np.isin(curve.quantiles, when[came])
    at = np.append(0.0, curve.quantiles[falls])
    share = np.append(1.0, curve.probabilities[falls])
    # At S = 0 the band is not defined; what it was before still holds.
    low = np.append(1.0, np.where(share[1:] > 0, band.low.probabilities[falls], 0.0))
    high = np.append(1.0, band.high.probabilities[falls])
    high = np.where(np.isnan(high), np.roll(high, 1), high)
    median, between = _passes_half(at, share), (_passes_half(at, low), _passes_half(at, high))
    mean, around = _mean(when, came, at, share, horizon, level)
    return Waiting(at, share, low, high, n, events, median, between, horizon, mean, around)


def _passes_half(at: Array, share: Array) -> float:
    """The first time at which a falling share is at most ½."""
    below = share <= 0.5
    return float(at[below.argmax()]) if below.any() else math.inf


def _mean(
    when: Array, came: NDArray[np.bool_], at: Array, share: Array, horizon: float, level: float
) -> tuple[float, tuple[float, float]]:
    """∫₀^horizon S dt, with Var = Σ_j (∫_{t_j}^horizon S dt)² d_j / n_j (n_j − d_j)."""
    area = share * np.diff(np.append(np.minimum(at, horizon), horizon))
    mean, n = float(area.sum()), len(when)
    if n < 2:
        return mean, (math.nan, math.nan)
    after = area[::-1].cumsum()[::-1][1:]  # from each event on
    events = np.array([(came & (when == t)).sum() for t in at[1:]])
    risk = np.array([(when >= t).sum() for t in at[1:]])
    left = risk - events
    terms = np.divide(after**2 * events, risk * left, out=np.zeros_like(after), where=left > 0)
    half = float(scipy.stats.t.ppf((1 + level) / 2, n - 1) * math.sqrt(terms.sum() * n / (n - 1)))
    return mean, (max(0.0, mean - half), min(horizon, mean + half))


@dataclass(frozen=True)
class Difference:
    """Do groups wait differently? ``excess`` (group,): events observed minus expected if they did not, the log-rank numerator.

    ``p`` is of any difference; ``p_trend`` of one that rises or falls with the group's place, two-sided; ``trend`` > 0:
    later groups have their events earlier.
    """

    groups: Array
    excess: Array
    p: float
    trend: float
    p_trend: float


def logrank(
    time: ArrayLike,
    happened: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    draws: int = 1999,
    seed: int = 0,
) -> Difference:
    """Do groups of runs, ordered by ``group`` (run,), have their events at different times?

        a_i = happened_i − Λ(time_i),    excess_g = Σ_{i in g} a_i = O_g − E_g
        any difference: Σ_g excess_g² / n_g;    trend: Σ_g rank(g) · excess_g

    Λ is the Nelson–Aalen estimate of everybody in the run's stratum, so runs are compared within ``strata`` (another factor held
    fixed). p from permuting groups among the runs of one stratum and one block: with ``blocks`` the seed, runs of a seed that is
    trained in every group are compared with one another, and what is particular to the seed does not count as evidence. Exact
    for every number of seeds, where the usual chi-squared is not, and SciPy's test knows two groups and no strata.

    How it misleads: a difference in shape with curves that cross may cancel. p cannot be smaller than 1/(1 + draws).
    """
    when, came = np.asarray(time, dtype=float), np.asarray(happened, dtype=bool)
    stratum, block = _codes(strata, len(when)), _codes(blocks, len(when))
    groups, place = np.unique(np.asarray(group, dtype=float), return_inverse=True)
    scores = np.empty(len(when))
    for one in np.unique(stratum):
        here = stratum == one
        scores[here] = came[here] - _cumulative_hazard(when[here], came[here])
    among = _codes(np.stack([stratum, block], 1), len(when))
    member = np.eye(len(groups))
    excess = scores @ member[place]
    null = np.stack([scores @ member[p] for p in _permuted(place, among, draws, seed)])
    sizes, rank = np.bincount(place), np.arange(len(groups))
    return Difference(
        groups,
        excess,
        p=float(permutation_p(excess**2 @ (1 / sizes), null**2 @ (1 / sizes))),
        trend=float(excess @ rank),
        p_trend=float(permutation_p(excess @ rank, null @ rank, "two-sided")),
    )


def _codes(values: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if values is None:
        return np.zeros(n, dtype=np.int64)
    return np.unique(np.asarray(values), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _cumulative_hazard(when: Array, came: NDArray[np.bool_]) -> Array:
    """Λ(t_i) = Σ_{t_j ≤ t_i} d_j / n_j, Nelson and Aalen's: (run,)."""
    _, place = np.unique(when, return_inverse=True)
    deaths = np.bincount(place, came)
    risk = np.bincount(place)[::-1].cumsum()[::-1]
    return np.asarray((deaths / risk).cumsum()[place])


def _permuted(
    place: NDArray[np.int64], among: NDArray[np.int64], draws: int, seed: int
) -> list[NDArray[np.int64]]:
    """``place`` (run,) shuffled among runs that share their value of ``among``."""
    rng = np.random.default_rng(seed)
    home = np.argsort(among, kind="stable")
    shuffled = []
    for _ in range(draws):
        one = np.empty_like(place)
        one[home] = place[np.lexsort((rng.random(len(place)), among))]
        shuffled.append(one)
    return shuffled


def sooner(
    time: ArrayLike,
    happened: ArrayLike,
    group: ArrayLike,
    *,
    blocks: ArrayLike,
    strata: ArrayLike | None = None,
) -> tuple[Array, NDArray[Any], int]:
    """Of two runs of one seed that differ in their group alone, how often does the higher group have its event first?

    Pairs within a stratum and a block (a seed) that tell: one had its event before the other's event or end; ties count half.
    (share of every block that has such pairs, those blocks, number of pairs.) Blocks are independent, pairs are not: an
    interval is to be taken over blocks.

    How it misleads: pairs in which neither had the event tell nothing and are not in it.
    """
    when, came = np.asarray(time, dtype=float), np.asarray(happened, dtype=bool)
    order, stratum = np.asarray(group, dtype=float), _codes(strata, len(when))
    names, block = np.unique(np.asarray(blocks), return_inverse=True)
    first = came[:, None] & (when[:, None] < when[None, :])
    tie = (came[:, None] & came[None, :]) & (when[:, None] == when[None, :])
    alike = (stratum[:, None] == stratum[None, :]) & (block[:, None] == block[None, :])
    told = alike & (order[:, None] > order[None, :]) & (first | first.T | tie)
    pairs = np.bincount(block, told.sum(1))
    won = np.bincount(block, ((first + 0.5 * tie) * told).sum(1))
    there = pairs > 0
    return won[there] / pairs[there], names[there], int(pairs.sum())
