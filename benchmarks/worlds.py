"""Worlds whose truth is known, for the calibration of verdicts: values of seeds, successes, paths of models, blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

Draw = Callable[[np.random.Generator, int], np.ndarray]

#: What a seed's number may be distributed like → (draws, standard deviation, what the verdict is told of it).
NUMBERS: dict[str, tuple[Draw, float, dict[str, Any]]] = {
    "normal": (lambda r, n: r.normal(size=n), 1.0, {}),
    "heavy tails (Student's t, 3 df)": (lambda r, n: r.standard_t(3, n), math.sqrt(3), {}),
    "skewed (lognormal), bound 0 told": (
        lambda r, n: np.exp(r.normal(size=n)),
        math.sqrt((math.e - 1) * math.e),
        {"bounds": (0.0, math.inf)},
    ),
    "skewed (lognormal), no bound told": (
        lambda r, n: np.exp(r.normal(size=n)),
        math.sqrt((math.e - 1) * math.e),
        {},
    ),
    "accuracies near 1 (beta 8, 1)": (lambda r, n: r.beta(8, 1, n), 0.0994, {"bounds": (0.0, 1.0)}),
    "accuracies, 6 in 10 exactly 1": (
        lambda r, n: np.where(r.random(n) < 0.6, 1.0, r.beta(8, 2, n)),
        0.1243,
        {"bounds": (0.0, 1.0)},
    ),
    "two kinds of seed, 1 : 1": (lambda r, n: (r.random(n) < 0.5) + r.normal(0, 0.1, n), 0.51, {}),
    "two kinds of seed, 1 : 3": (lambda r, n: (r.random(n) < 0.25) + r.normal(0, 0.1, n), 0.4444, {}),
    "counts (Poisson, mean 4)": (
        lambda r, n: r.poisson(4, n).astype(float),
        2.0,
        {"bounds": (0.0, math.inf), "discrete": True},
    ),
}


def successes(
    seeds: int, tau: float, rng: np.random.Generator, *, widths: int = 64, d50: float = 20, slope: float = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Width, outcome and seed of every run; seeds are easier or harder as a whole, by ``tau`` logits."""
    d = np.arange(1, widths + 1)
    p = special.expit(slope * np.log(d / d50) + rng.normal(0, tau, (seeds, 1)))
    reached = rng.random(p.shape) < p
    return (
        np.broadcast_to(d, p.shape).ravel(),
        reached.ravel(),
        np.repeat(np.arange(seeds), widths),
    )


def smooth(rng: np.random.Generator, models: int = 24) -> np.ndarray:
    """Models on a path through ten dimensions that turns slowly."""
    k, t = np.arange(1, 6), np.arange(models) / models
    coefficients = rng.normal(size=(2, 10, 5)) / k
    waves = np.stack([np.cos(np.pi * np.outer(k, t)), np.sin(np.pi * np.outer(k, t))])
    return np.einsum("wxk,wkn->nx", coefficients, waves)


def radius(rng: np.random.Generator, models: int = 24) -> np.ndarray:
    """Unrelated models whose distance from the origin grows with the setting."""
    return rng.normal(size=(models, 10)) * np.linspace(0.1, 1, models)[:, None]


def walk(rng: np.random.Generator, models: int = 24) -> np.ndarray:
    """Models that each lie one random step from the one before."""
    return rng.normal(size=(models, 10)).cumsum(0)


PATHS = {"smooth paths": smooth, "a radius that grows with d": radius, "random walks": walk}


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def two_measures(
    path: str, seeds: int, rng: np.random.Generator, shared: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (seed, model, model) under two measures, of points of which the second shares the part ``shared`` with the
    first."""
    one, other = ([PATHS[path](rng) for _ in range(seeds)] for _ in range(2))
    mixed = [shared * a + math.sqrt(1 - shared**2) * b for a, b in zip(one, other, strict=True)]
    return np.stack(list(map(distances, one))), np.stack(list(map(distances, mixed)))


def in_blocks(d: np.ndarray, edges: tuple[float, ...] = (8, 16), over: float = 0.0) -> np.ndarray:
    """1 for pairs of settings in one block, 0 across an edge; in between where edges are softened ``over`` several settings."""
    if not over:
        side = np.digitize(d, edges)
        return (side[:, None] == side).astype(float)
    place = sum(np.clip((d - edge + over / 2) / over, 0, 1) for edge in edges)
    return 1 - np.minimum(np.abs(np.subtract.outer(place, place)), 1)


def similarities(
    of_settings: np.ndarray, seeds: int, rng: np.random.Generator, noise: float = 0.04
) -> np.ndarray:
    """(seed, D, D): similarity of settings, with noise of its own in each seed."""
    error = rng.normal(0, noise, (seeds, *of_settings.shape))
    return of_settings + (error + error.swapaxes(-1, -2)) / 2
