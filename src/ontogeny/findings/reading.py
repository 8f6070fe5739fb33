"""What findings read, in the forms they need: columns that are there, one value a run, one matrix over runs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.errors import UnknownName, UserError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from ontogeny.numerics.resampling import Array


def need(frame: pd.DataFrame, *columns: str, of: str) -> pd.DataFrame:
    """The frame, if it has these columns."""
    for column in columns:
        if column not in frame.columns:
            raise UnknownName(f"column of '{of}'", column, map(str, frame.columns))
    return frame


def variable(data: xr.Dataset, name: str, of: str) -> xr.DataArray:
    if name not in data:
        raise UnknownName(f"variable of '{of}'", name, map(str, data.data_vars))
    return data[name]


def along_runs(data: Any, coordinate: str, of: str) -> np.ndarray:
    """A coordinate with one value a run (``d_hidden``, ``seed``): (run,)."""
    if coordinate not in data.coords:
        raise UnknownName(f"coordinate of '{of}'", coordinate, map(str, data.coords))
    return np.asarray(data[coordinate].transpose("run").values)


def pair_matrix(data: xr.Dataset, name: str, of: str) -> Array:
    """A measure's values as a symmetric (run, run) matrix. An asymmetric measure counts with the mean of its directions."""
    values = variable(data, name, of).transpose("run", "run_other").values.astype(float)
    if values.shape[0] != values.shape[1]:
        raise UserError(
            f"'{of}' compares {values.shape[0]} runs with {values.shape[1]} others; a square is needed."
        )
    return np.asarray((values + values.T) / 2)


def of_each_run(data: xr.DataArray, values: Any, column: str, of: str) -> np.ndarray:
    """One value a run from the frame ``values`` (column ``run``), in the order of the array's runs: (run,)."""
    frame = need(values, "run", column, of=of).drop_duplicates("run").set_index("run")[column]
    return np.asarray(frame.reindex(data["run"].values).values)


def at_budget(
    runs: pd.DataFrame, metrics: pd.DataFrame | None, column: str, budget: float | None, clock: str = "epoch"
) -> pd.DataFrame:
    """``runs`` with ``column`` as it stood at the end of a budget; runs that were not allowed it are left out.

    Without a budget: the last value. A run that stopped by its rule keeps the value it stopped with. Reading a longer
    run at an earlier epoch makes it comparable with a published shorter one (exact if the metric was logged there;
    otherwise the last one logged before).
    """
    if budget is None:
        return need(runs, column, of="runs")
    allowed = runs[fair(runs, budget, clock)]
    if metrics is None:
        raise UserError(f"Reading '{column}' at {clock} {budget:g} needs 'metrics'.")
    within = need(metrics, "run", clock, column, of="metrics").dropna(subset=[column])
    within = within[within[clock] <= budget].sort_values(clock)
    last = within.groupby("run")[column].last()
    out: pd.DataFrame = allowed.assign(**{column: allowed["run"].map(last).astype(float)})
    return out


def fair(runs: pd.DataFrame, budget: float, clock: str = "epoch") -> np.ndarray:
    """Which runs say something about a budget: those that were *allowed* it and came to their end, whatever the end was.

    A run allowed 600 epochs that reached its target at 400 says nothing fair about 2,000: its fellows that had not
    are censored, and keeping the winners alone would bias. A run still under way is left out for the same reason.
    Divergence is an end.
    """
    need(runs, "status", clock, of="runs")
    ended = runs["status"].isin(("done", "stopped", "diverged")).to_numpy()
    return np.asarray((budgets(runs, clock) >= budget) & ended)


def budgets(runs: pd.DataFrame, clock: str = "epoch") -> np.ndarray:
    """What every run was allowed: the column ``budget_epochs`` (for ``epoch``).

    Where it is missing, a run that used its budget up tells it, and the others are taken to have been allowed as much
    as the longest.
    """
    column = f"budget_{clock}s"
    if column in runs and runs[column].notna().any():  # runs of older stores, and recorded ones, do not say
        return runs[column].to_numpy(dtype=float)
    used = need(runs, clock, "status", of="runs")[clock].to_numpy(dtype=float)
    longest = np.nanmax(used, initial=0.0)
    return np.where((runs["status"] == "done").to_numpy(), used, longest)


def seeds_of(data: Any) -> np.ndarray:
    """The seed of every row of a frame or every run of an array; one and the same if seeds were not varied."""
    if "seed" in getattr(data, "columns", ()):
        return np.asarray(data["seed"].to_numpy())
    if "seed" in getattr(data, "coords", ()):
        return np.asarray(data["seed"].values)
    return np.zeros(len(data) if hasattr(data, "columns") else data.sizes["run"], dtype=int)


def seed_grid(settings: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The settings that every seed has (D,), and which run stands there: (seed, D). Of several such runs the first."""
    names = np.unique(seeds)
    shared = functools.reduce(np.intersect1d, [settings[seeds == s] for s in names], np.unique(settings))
    place = [[np.flatnonzero((seeds == s) & (settings == d))[0] for d in shared] for s in names]
    return shared, np.array(place, dtype=np.int64).reshape(len(names), len(shared))
