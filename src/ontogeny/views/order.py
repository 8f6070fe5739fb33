"""Runs in the order of what varied, and what to call them on an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.thinning import evenly_thinned
from ontogeny.views.theme import sign_of


def in_order(data: xr.Dataset, by: str, axis: str = "run") -> xr.Dataset:
    """Sorted along ``axis`` by what varied, then by seed."""
    end = axis.removeprefix("run")
    keys = [key for key in (f"seed{end}", f"{by}{end}") if key in data.coords]
    if f"{by}{end}" not in keys:
        raise UnknownName("coordinate on runs", f"{by}{end}", map(str, data.coords))
    order = np.lexsort([data[key].values for key in keys])
    return data.isel({axis: order})


def one_each(data: xr.Dataset, by: str) -> xr.Dataset:
    """The first run (lowest seed) of every value of what varied, in order."""
    ordered = in_order(data, by)
    _, first = np.unique(ordered[by].values, return_index=True)
    return ordered.isel(run=first)


def labels(data: xr.Dataset, by: str, axis: str = "run") -> tuple[str, ...]:
    """ "d = 38", or "d = 38, seed 1" where several runs share the width; the run's name is added if that is not enough."""
    end = axis.removeprefix("run")
    values = data[f"{by}{end}"].values
    several = len(np.unique(values)) < len(values) and f"seed{end}" in data.coords
    seeds: np.ndarray = data[f"seed{end}"].values if several else np.full(len(values), None)
    if by == "run":
        return tuple(map(str, values))
    names = tuple(
        f"{sign_of(by)} = {v}" + (f", seed {s}" if several else "")
        for v, s in zip(values, seeds, strict=True)
    )
    if len(set(names)) == len(names):
        return names
    return tuple(f"{name} ({run})" for name, run in zip(names, data[axis].values, strict=True))


def block_ticks(values: Sequence[Any] | np.ndarray, most: int = 9) -> tuple[list[int], list[str]]:
    """Which runs carry an axis label when they stand side by side: the middle one of each value's block, at most ``most``."""
    unique, first, size = np.unique(np.asarray(values), return_index=True, return_counts=True)
    chosen = evenly_thinned(len(unique), most)
    return [int(first[i] + (size[i] - 1) // 2) for i in chosen], [str(unique[i]) for i in chosen]


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column, or the index of that name."""
    if name in frame.columns:
        return frame[name]
    if name in frame.index.names:
        return frame.index.get_level_values(name).to_series(index=frame.index)
    raise UnknownName("column", name, map(str, frame.columns))
