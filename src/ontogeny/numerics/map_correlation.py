"""How alike maps over the same inputs are: of several runs by rank, over what is known in both; of units by their shape."""

from __future__ import annotations

from typing import Any

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


def most_alike(one: np.ndarray, others: np.ndarray, but: int = -1, count: int = 6) -> dict[str, Any]:
    """The ``others`` (unit, …) whose values correlate most with ``one`` (…), by |r|: ``units``, and ``r`` with its sign.

    ``but``: a unit that is left out, itself. What is constant correlates with nothing.
    """
    own, flat = one.reshape(-1).astype(float), others.reshape(len(others), -1).astype(float)
    own, flat = own - own.mean(), flat - flat.mean(1, keepdims=True)
    length = np.sqrt((own @ own) * np.einsum("ui,ui->u", flat, flat))
    r = np.divide(flat @ own, length, out=np.zeros(len(flat)), where=length > 0)
    order = [int(i) for i in np.argsort(-np.abs(r), kind="stable") if i != but][:count]
    return {"units": order, "r": [round(float(r[i]), 3) for i in order]}
