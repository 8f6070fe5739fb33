"""Where one new seed lies, given some: prediction intervals for values that are bounded, skewed, counted, or all equal.

Up to 38 seeds the interval is Student's, on a scale on which a bounded quantity is nearer to normal; from 39 on (for 95 %)
it is the distribution-free one between order statistics, which needs no scale.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from ontogeny.numerics.resampling import Array

MOST_SEEDS = 1000  # beyond this nobody will train, and "more than" is all that is said


@dataclass(frozen=True)
class Scale:
    """Log odds between two bounds, logarithm from one bound, or the value itself; ``start`` is added at each bound.

    y = ln((x − low + start) / (high − x + start)). The start makes values at the bound finite, and what is nearer to it
    than ``start`` as good as at it: a large one makes the scale linear.
    """

    low: float = -math.inf
    high: float = math.inf
    start: float = 0.0

    def to(self, x: ArrayLike) -> Array:
        x = np.asarray(x, dtype=float)
        below = np.log(x - self.low + self.start) if math.isfinite(self.low) else 0.0
        above = np.log(self.high - x + self.start) if math.isfinite(self.high) else 0.0
        return np.asarray(below - above if self.bounded else x)

    def back(self, y: float) -> float:
        """The inverse of :meth:`to`, cut to the bounds."""
        if not self.bounded:
            return float(y)
        e = math.exp(min(max(y, -700.0), 700.0))
        if not math.isfinite(self.high):
            x = e + self.low - self.start
        elif not math.isfinite(self.low):
            x = self.high + self.start - 1 / e
        else:
            x = (e * (self.high + self.start) + self.low - self.start) / (1 + e)
        return min(max(x, self.low), self.high)

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.low) or math.isfinite(self.high)

    @classmethod
    def of(cls, values: ArrayLike, bounds: tuple[float, float], start: float = 0.0) -> Scale:
        """The scale of a quantity with these bounds. A value at a bound needs a start: a hundredth of what there is to span."""
        x = np.asarray(values, dtype=float)
        low, high = (float(b) for b in bounds)
        at_bound = bool((x <= low).any() or (x >= high).any())
        if at_bound and not start:
            span = high - low if math.isfinite(high - low) else float(np.ptp(x))
            start = 0.01 * span or 1.0
        return cls(low, high, start)


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of ``n`` seeds on a scale, and where a new one lies with probability ``level``."""

    values: Array  # (seed,), finite, not all equal
    scale: Scale
    level: float

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def by_rank(self) -> bool:
        """Whether there are enough seeds for an interval without any assumption on the distribution."""
        return self.n >= seeds_for_ranks(self.level)

    def interval(self) -> tuple[float, float]:
        """x₍r₎ to x₍n+1−r₎ with r = ⌊(n+1)(1−level)/2⌋ ≥ 1; before that ȳ ± t s √(1 + 1/n) on the scale, and back."""
        if self.by_rank:
            ordered = np.sort(self.values)
            r = math.floor((self.n + 1) * (1 - self.level) / 2 + 1e-9)
            return float(ordered[r - 1]), float(ordered[self.n - r])
        return self._ends(self._reach(self.n))

    def with_seeds(self, n: int) -> float:
        """How wide Student's interval would be with ``n`` seeds of this mean and spread."""
        low, high = self._ends(self._reach(n))
        return high - low

    def at_least_wide(self, n: int | None = None, sure: float = 0.95) -> float:
        """How wide the interval stays with any number of seeds, the standard deviation taken at its lower bound (χ², ``sure``)."""
        n = self.n if n is None else n
        least = math.sqrt((n - 1) / scipy.stats.chi2.ppf(sure, n - 1))
        low, high = self._ends(least * scipy.stats.norm.ppf((1 + self.level) / 2))
        return high - low

    def seeds_for(self, width: float) -> int:
        """How many seeds would say whether a new one lies within ``width``: at which the interval is no wider, or surely wider."""
        shrinks = self._ends(scipy.stats.norm.ppf((1 + self.level) / 2))
        narrow = shrinks[1] - shrinks[0] < width
        seeds = range(self.n + 1, MOST_SEEDS)  # both widths go one way with n
        decided = (
            (lambda n: self.with_seeds(n) <= width) if narrow else (lambda n: self.at_least_wide(n) > width)
        )
        return self.n + 1 + bisect.bisect_left(seeds, True, key=decided)

    def _reach(self, n: int) -> float:
        return float(scipy.stats.t.ppf((1 + self.level) / 2, n - 1) * math.sqrt(1 + 1 / n))

    def _ends(self, times: float) -> tuple[float, float]:
        y = self.scale.to(self.values)
        half = times * y.std(ddof=1)
        return self.scale.back(y.mean() - half), self.scale.back(y.mean() + half)


def seeds_for_ranks(level: float = 0.95) -> int:
    """From how many seeds smallest and largest hold a new one with probability ``level``: (n−1)/(n+1) ≥ level, 39 for .95."""
    return math.ceil(2 / (1 - level) - 1 - 1e-9)


def every_seed_bound(n: int, sure: float = 0.95) -> float:
    """The share of seeds that is excluded from below when n of n do it: (1 − sure)^(1/n); .55 for 5 of 5, .79 for 13 of 13."""
    return float((1 - sure) ** (1 / n)) if n else 0.0


def share_interval(yes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Where the share of all seeds lies, given k of n: Clopper and Pearson's, whose coverage is at least ``level``."""
    if not n:
        return 0.0, 1.0
    interval = scipy.stats.binomtest(yes, n).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def next_one(yes: int, n: int) -> float:
    """Predictive probability that the next seed does it, given k of n: (k + ½)/(n + 1), Jeffreys's prior."""
    return (yes + 0.5) / (n + 1)


def seeds_to_exclude(yes: int, level: float = 0.95) -> int:
    """From how many seeds, ``yes`` of which do it, one more that does is improbable: (k + ½)/(n + 1) < 1 − level; 10 for none."""
    n = math.floor((yes + 0.5) / (1 - level) - 1 + 1e-9) + 1
    return n
