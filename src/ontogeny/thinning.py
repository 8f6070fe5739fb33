"""A few of many, in order: what a page, a picture or a comparison can hold."""

from __future__ import annotations

import numpy as np


def log_thinned(count: int, points: int) -> np.ndarray:
    """Indices of at most ``points`` of ``count`` items, evenly spaced in the logarithm; the first and the last are kept."""
    if count <= points:
        return np.arange(count)
    return np.unique(np.round(np.geomspace(1, count, points)).astype(int) - 1)


def evenly_thinned(count: int, points: int) -> np.ndarray:
    """Indices of at most ``points`` of ``count`` items, evenly spaced; the first and the last are kept."""
    if count <= points:
        return np.arange(count)
    return np.unique(np.round(np.linspace(0, count - 1, points)).astype(int))
