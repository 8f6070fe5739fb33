"""One number of a study: its mean and spread over seeds, beside what was published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.base import Finding, finding, verdict
from ontogeny.findings.reading import need, variable
from ontogeny.numerics.resampling import mean_interval, prediction_interval


@finding(kind="value", reads=("{source}",))
def value(
    data: Mapping[str, Any],
    *,
    source: str = "runs",
    name: str = "validation_accuracy",
    where: Mapping[str, Any] | None = None,
    reduce: str = "mean",
    seed: str = "seed",
    text: str = "",
    units: str = "",
    published: float | None = None,
    again: float | None = None,
    rounding: float = 0.0,
    resolution: float | None = None,
    bounds: tuple[float, ...] = (-math.inf, math.inf),
    min_n: int = 3,
    level: float = 0.95,
) -> list[Finding]:
    """What is this number, how much does it vary from seed to seed, and could the published one be one more seed?

    ``source`` is ``runs``, ``metrics`` or ``lens:NAME@final``, ``name`` a column or variable of it, ``where`` picks
    rows or ticks (``{d_hidden = 64, split = "all"}``), ``reduce`` (mean, median, min, max, sum, std, first, last)
    makes one number of what remains for a run; several runs of one seed are averaged. ``again`` is a second published
    value (another run of the same study, say), judged as a finding of its own. The interval is the prediction
    interval for one new seed; that of the mean is in the details.

    How it misleads: see :func:`~ontogeny.findings.base.verdict`. Among 25 such rows one or two disagree by chance at
    the 95 % level.
    """
    runs = _per_run(data[source], source, name, dict(where or {}), reduce, seed)
    values = runs.groupby("seed")["value"].mean().dropna().to_numpy(dtype=float)
    limits = (float(bounds[0]), float(bounds[1]))
    n = len(values)
    claim = text or f"{name} of {source}" + "".join(f", {k} = {v}" for k, v in (where or {}).items())
    known = data[source]
    if not units and not isinstance(known, pd.DataFrame):
        units = known[name].attrs.get("units", "1")
    found = []
    for number, label in ((published, ""), (again, " (second published value)")):
        if label and number is None:
            continue
        judged, why = verdict(
            number, values, level=level, min_n=min_n, rounding=rounding, resolution=resolution, bounds=limits
        )
        found.append(
            Finding(
                claim=claim + label,
                value=float(values.mean()) if n else math.nan,
                units=units or "1",
                interval=prediction_interval(values, level, bounds=limits) if n >= 2 else None,
                interval_kind=f"{level:.0%} prediction interval for one new seed" if n >= 2 else "",
                n=n,
                published=number,
                verdict=judged,
                why=why,
                evidence={"values": source},
                values=tuple(values),
                details={
                    "sd": float(values.std(ddof=1)) if n >= 2 else math.nan,
                    "mean_interval": mean_interval(values, level),
                },
            )
        )
    return found


def _per_run(
    data: Any, source: str, name: str, where: dict[str, Any], reduce: str, seed: str
) -> pd.DataFrame:
    """Columns ``seed`` and ``value``, one row a run. Without seeds every run is its own."""
    if reduce not in REDUCTIONS:
        raise UnknownName("reduction", reduce, REDUCTIONS)
    if isinstance(data, pd.DataFrame):
        rows = need(data, "run", name, *where, of=source)
        for column, wanted in where.items():
            rows = rows[rows[column] == wanted]
        if rows.empty:
            raise UserError(f"No row of '{source}' has {where}.")
        grouped = rows.groupby("run")
        return pd.DataFrame(
            {
                "seed": grouped[seed].first() if seed in rows else list(grouped.groups),
                "value": grouped[name].agg(lambda one: REDUCTIONS[reduce](one.to_numpy(dtype=float))),
            }
        )
    chosen = variable(data, name, source)
    for axis, wanted in where.items():
        if axis not in chosen.coords:
            raise UnknownName(f"coordinate of '{source}'", axis, map(str, chosen.coords))
        hit = np.atleast_1d(chosen[axis].values == wanted)
        if not hit.any():
            raise UserError(
                f"'{source}' has no {axis} = {wanted!r}; there is {chosen[axis].values.tolist()}."
            )
        if chosen[axis].ndim:
            chosen = chosen.isel({chosen[axis].dims[0]: hit})
    if "run" not in chosen.dims:
        raise UserError(f"'{name}' of '{source}' has the axes {chosen.dims}; a value over seeds needs 'run'.")
    flat = chosen.transpose("run", ...).values.reshape(chosen.sizes["run"], -1).astype(float)
    seeds = chosen[seed].values if seed in chosen.coords else chosen["run"].values
    return pd.DataFrame({"seed": seeds, "value": [REDUCTIONS[reduce](row) for row in flat]})


REDUCTIONS: dict[str, Any] = {
    "mean": np.nanmean,
    "median": np.nanmedian,
    "min": np.nanmin,
    "max": np.nanmax,
    "sum": np.nansum,
    "std": np.nanstd,
    "first": lambda row: row[0],
    "last": lambda row: row[-1],
}
