"""Groups of rows, and whether they are there: k-means, agreement of groupings, stability over bootstrap beside a null."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist
from torch import Tensor

Array = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]
STARTS = 4  # of k-means; the tightest is taken
TIED = 0.03  # of two stabilities: less apart, and the one with more groups says more
WHOLE = ("count", "stability", "p")  # of what is said of groups, what is said of all of them
FEWEST = 8  # units that vary, of which groups are looked for
CLOUDS = 19  # Gaussian ones that groups are held against


@dataclass(frozen=True)
class Grouping:
    """``of`` (row,), groups by decreasing size; ``centres`` (group, feature); ``stability`` over bootstrap samples; ``p`` of one Gaussian cloud."""

    of: Labels
    centres: Array
    stability: float
    p: float

    @property
    def count(self) -> int:
        return len(self.centres)


def k_means(x: Array, count: int, seed: int = 0) -> tuple[Labels, Array]:
    """Group of every row and the groups' means, largest group first: least squares, the best of four starts (k-means++)."""
    best: tuple[float, Any, Any] | None = None
    for start in range(STARTS):
        draw = np.random.default_rng([seed, start])
        centres, of = kmeans2(x, count, minit="++", rng=draw)
        loss = float(np.square(x - centres[of]).sum())
        if best is None or loss < best[0]:
            best = (loss, of, centres)
    assert best is not None
    _, of, centres = best
    order = np.argsort(-np.bincount(of, minlength=count), kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    return place[of], centres[order]


def adjusted_rand(first: Labels, second: Labels) -> float:
    """Agreement of two groupings of the same things: 1 the same, 0 on average by chance (Hubert & Arabie 1985)."""
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)

    def pairs(n: Array) -> float:
        return float((n * (n - 1) / 2).sum())

    together, rows, columns = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    chance = rows * columns / pairs(np.array([len(first)]))
    most = (rows + columns) / 2
    return 1.0 if most == chance else (together - chance) / (most - chance)


def stability(x: Array, count: int, draws: int, seed: int = 0) -> float:
    """Do other samples of the same rows give the same groups? Mean adjusted Rand index, over bootstrap samples, between the groups of all rows and the
    groups to whose means, found in a sample, they lie nearest.
    """
    whole, _ = k_means(x, count, seed)
    return float(np.mean([adjusted_rand(whole, other) for other in _resampled(x, count, draws, seed)]))


def _resampled(x: Array, count: int, draws: int, seed: int) -> Iterator[Labels]:
    for draw in range(draws):
        rows = np.random.default_rng([seed, draw, 1]).integers(len(x), size=len(x))
        _, centres = k_means(x[rows], count, seed + draw)
        yield cdist(x, centres, "sqeuclidean").argmin(1)


def group(x: Array, count: int = 0, most: int = 8, draws: int = 10, seed: int = 0) -> Grouping:
    """Groups of rows (n, d). ``count`` 0: the largest number, 2 to ``most``, that is about as stable (within .03) as the most stable one; and one group where
    p > .05, that is, where one cloud falls into as tight parts.

    p = (1 + #{Gaussian clouds of the same covariances whose k-means are as tight}) / 20, tightness being Σ |x − centre|² / Σ |x − mean|².
    """
    stable = {
        k: stability(x, k, draws, seed) for k in ([count] if count else range(2, min(most, len(x) // 4) + 1))
    }
    k = max((k for k, s in stable.items() if s >= max(stable.values()) - TIED), default=1)
    of, centres = k_means(x, k, seed)
    p = _p_of_one_cloud(x, of, centres, seed) if k > 1 else 1.0
    found = stable.get(k, 1.0)
    if not count and not p <= 0.05:
        of, centres = np.zeros(len(x), np.int64), x.mean(0, keepdims=True)
    return Grouping(of, centres, found, p)


def _p_of_one_cloud(x: Array, of: Labels, centres: Array, seed: int) -> float:
    """Whether one Gaussian cloud would fall into parts as tight as these groups (Liu, Hayes, Nobel & Marron 2008, of k groups)."""

    def tightness(z: Array, of: Labels, centres: Array) -> float:
        return float(np.square(z - centres[of]).sum() / np.square(z - z.mean(0)).sum())

    centred, n = x - x.mean(0), len(x)
    clouds = (
        np.random.default_rng([seed, i, 2]).normal(size=(n, n)) @ centred / n**0.5 for i in range(CLOUDS)
    )
    ours, k = tightness(x, of, centres), len(centres)
    return (1 + sum(tightness(cloud, *k_means(cloud, k, seed)) <= ours for cloud in clouds)) / (1 + CLOUDS)


def grouped(vectors: Tensor, count: int = 0, draws: int = 10, seed: int = 0) -> dict[str, Tensor]:
    """Groups of units (…, unit, feature): ``cluster``, ``representative`` (1 for the one nearest to its group's mean), ``distance`` from it, each (…, unit);
    ``count``, ``stability``, ``p``, each (…). A unit with a missing feature belongs to none: NaN, as all are where fewer than 8 have theirs.
    """
    lead = vectors.shape[:-2]
    flat = vectors.reshape(-1, *vectors.shape[-2:])
    by_unit = {
        name: vectors.new_full(flat.shape[:2], torch.nan)
        for name in ("cluster", "representative", "distance")
    }
    whole = {name: vectors.new_full(flat.shape[:1], torch.nan) for name in WHOLE}
    for i, rows in enumerate(flat.cpu()):
        alive = rows.isfinite().all(-1)
        if int(alive.sum()) < FEWEST:
            continue
        x = rows[alive].numpy()
        groups = group(x, count, draws=draws, seed=seed)
        far = np.linalg.norm(x - groups.centres[groups.of], axis=1)
        typical = np.zeros(len(x))
        for g in range(groups.count):
            typical[np.flatnonzero(groups.of == g)[far[groups.of == g].argmin()]] = 1
        for name, values in (("cluster", groups.of), ("representative", typical), ("distance", far)):
            by_unit[name][i, alive] = torch.as_tensor(values).to(by_unit[name])
        for name in WHOLE:
            whole[name][i] = float(getattr(groups, name))
    return {name: x.reshape(*lead, -1) for name, x in by_unit.items()} | {
        name: x.reshape(lead) for name, x in whole.items()
    }
