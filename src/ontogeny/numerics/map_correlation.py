"""Rank correlation of maps that several runs have of the same inputs, over what is known in both."""

from __future__ import annotations

import numpy as np
import scipy

from ontogeny.numerics.resampling import pair_mean


def correlations(maps: np.ndarray) -> np.ndarray:
    """Spearman's correlation between runs, (run, run), over what is known in both; NaN where one of them is constant."""
    flat = maps.reshape(len(maps), -1)
    if np.isfinite(flat).all():
        with np.errstate(divide="ignore", invalid="ignore"):
            out = np.atleast_2d(np.corrcoef(scipy.stats.rankdata(flat, axis=1)))
        np.fill_diagonal(out, 1.0)
        return out
    out = np.eye(len(flat))
    for i in range(len(flat)):
        for j in range(i):
            out[i, j] = out[j, i] = spearman(flat[i], flat[j])
    return out


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation over what is known in both; NaN for fewer than three of these, or where one is constant."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 3 or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        return float("nan")
    return float(scipy.stats.spearmanr(x[known], y[known]).statistic)


def shuffled_means(maps: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """The mean correlation between runs when chance made it: (draw,)."""
    everyone = np.arange(len(maps))
    return np.array([pair_mean(correlations(shuffled(maps, rng)), everyone) for _ in range(draws)])


def shuffled(maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The known values of every run in random places among themselves."""
    out = maps.copy()
    for one in out:
        known = np.isfinite(one)
        one[known] = rng.permutation(one[known])
    return out
