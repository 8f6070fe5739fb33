"""One number a run, from whatever a finding reads; which runs count; and what the spread over seeds says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.reading import need, variable

PART = ("name", "where", "reduce")


def per_run(
    data: Any,
    source: str,
    name: str,
    where: Mapping[str, Any] | None = None,
    reduce: str = "mean",
    *,
    seed: str = "seed",
    minus: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Columns ``run``, ``seed`` and ``value``, one row a run. Without seeds every run is its own.

    ``where`` picks rows or ticks, by one value or by any of several; ``reduce`` makes one number of what remains.
    ``minus`` says what is taken off: another ``name``, ``where`` or ``reduce``, each as above unless given.
    """
    runs = _one(data, source, name, dict(where or {}), reduce, seed)
    if minus:
        for key in minus:
            if key not in PART:
                raise UnknownName("part of 'minus'", key, PART)
        part = {"name": name, "where": where, "reduce": reduce, **minus}
        other = _one(data, source, part["name"], dict(part["where"] or {}), part["reduce"], seed)
        runs["value"] = runs["value"] - other.set_index("run")["value"].reindex(runs["run"]).to_numpy()
    return runs


def among(
    runs: pd.DataFrame,
    data: Mapping[str, Any],
    source: str,
    having: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
) -> tuple[pd.DataFrame, str]:
    """The runs of which ``having`` is true, and how many of how many they are, in words.

    ``having``: ``{name, at_least | at_most | equals, where, reduce}`` of ``source``, as ``{name = "all_accuracy", at_least = 1.0}``, or
    several, of which all must be true; ``of = "runs"`` asks the table of runs whatever the source.
    """
    conditions = [having] if isinstance(having, Mapping) else list(having or ())
    chosen, said = runs, []
    for condition in conditions:
        asked = {"of": source, "reduce": "mean", "where": None, **condition}
        if data.get(asked["of"]) is None:
            raise UserError(f"'having' asks '{asked['of']}' for '{asked.get('name')}', and it is not there.")
        found = per_run(data[asked["of"]], asked["of"], asked["name"], asked["where"], asked["reduce"])
        values = found.set_index("run")["value"].reindex(chosen["run"]).to_numpy(dtype=float)
        true, words = meets(values, condition)
        chosen = chosen[true == 1]
        ticks = "".join(f", {axis} = {tick}" for axis, tick in (asked["where"] or {}).items())
        said.append(f"{asked['name']}{ticks} {words}")
    return chosen, f"the {len(chosen)} of {len(runs)} runs with {' and '.join(said)}" if said else ""


def meets(values: np.ndarray, condition: Mapping[str, Any]) -> tuple[np.ndarray, str]:
    """1 where the condition holds, 0 where not, NaN where the value is missing; and the condition in words."""
    tests: list[tuple[np.ndarray, str]] = []
    if (low := condition.get("at_least")) is not None:
        tests.append((values >= low, f"≥ {low:g}"))
    if (high := condition.get("at_most")) is not None:
        tests.append((values <= high, f"≤ {high:g}"))
    if (equal := condition.get("equals")) is not None:
        tests.append((values == equal, f"= {equal:g}"))
    if not tests:
        raise UserError("Say when the statement holds: at_least, at_most or equals.")
    true = np.logical_and.reduce([test for test, _ in tests]).astype(float)
    return np.where(np.isnan(values), np.nan, true), " and ".join(words for _, words in tests)


def _one(data: Any, source: str, name: str, where: dict[str, Any], reduce: str, seed: str) -> pd.DataFrame:
    if reduce not in REDUCTIONS:
        raise UnknownName("reduction", reduce, REDUCTIONS)
    number = REDUCTIONS[reduce]
    if isinstance(data, pd.DataFrame):
        rows = need(data, "run", name, *where, of=source)
        for column, wanted in where.items():
            rows = rows[rows[column].isin(np.atleast_1d(wanted))]
        if rows.empty:
            raise UserError(f"No row of '{source}' has {where}.")
        grouped = rows.groupby("run", sort=False)
        seeds = (
            grouped[seed].first() if seed in rows else pd.Series(list(grouped.groups), list(grouped.groups))
        )
        values = grouped[name].agg(lambda one: number(one.to_numpy(dtype=float)))
        return pd.DataFrame(
            {"run": values.index, "seed": seeds.reindex(values.index).to_numpy(), "value": values.to_numpy()}
        )
    chosen = variable(data, name, source)
    for axis, wanted in where.items():
        if axis not in chosen.coords:
            raise UnknownName(f"coordinate of '{source}'", axis, map(str, chosen.coords))
        ticks = np.atleast_1d(chosen[axis].values)
        asked = np.atleast_1d(np.asarray(wanted))
        if gone := [one for one in asked.tolist() if not (ticks == one).any()]:
            raise UserError(f"'{source}' has no {axis} = {gone[0]!r}; there is {ticks.tolist()}.")
        if chosen[axis].ndim:
            chosen = chosen.isel({chosen[axis].dims[0]: np.isin(ticks, asked)})
    if "run" not in chosen.dims:
        raise UserError(f"'{name}' of '{source}' has the axes {chosen.dims}; a value over seeds needs 'run'.")
    flat = chosen.transpose("run", ...).values.reshape(chosen.sizes["run"], -1).astype(float)
    names = chosen["run"].values
    whose = chosen[seed].values if seed in chosen.coords else names
    return pd.DataFrame({"run": names, "seed": whose, "value": [number(row) for row in flat]})


def _known(of: Any) -> Any:
    """A reduction of what is not missing; NaN, without a warning, where nothing is left."""
    return lambda row: of(row[~np.isnan(row)]) if np.isfinite(row).any() else np.nan


REDUCTIONS: dict[str, Any] = {
    "mean": _known(np.mean),
    "size": _known(lambda row: np.abs(row).mean()),
    "median": _known(np.median),
    "min": _known(np.min),
    "max": _known(np.max),
    "sum": _known(np.sum),
    "std": _known(np.std),
    "place of max": lambda row: float(np.nanargmax(row)) if np.isfinite(row).any() else np.nan,
    "first": lambda row: row[0],
    "last": lambda row: row[-1],
}
