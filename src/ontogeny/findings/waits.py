"""When something happened in the log of a run, or how long it was seen without."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ontogeny.findings.reading import budgets, need


def waits(
    runs: pd.DataFrame,
    metrics: pd.DataFrame,
    metric: str = "test_accuracy",
    at_least: float = 0.99,
    stays: bool = True,
    since: str = "",
) -> pd.DataFrame:
    """``runs`` with ``time`` (until the event, or how long the run was seen without it; NaN where it never began) and ``happened``."""
    need(metrics, "run", "step", metric, *([since] if since else []), of="metrics")
    logged = metrics.sort_values("step")
    when = runs["run"].map(reached(logged, metric, at_least, stays)).to_numpy(dtype=float)
    end = runs["run"].map(logged.groupby("run")["step"].max()).to_numpy(dtype=float)
    lost = (need(runs, "status", of="runs")["status"] == "diverged").to_numpy()
    if lost.any():
        end = np.where(lost, np.fmax(end, budgets(runs, "step")), end)
    begin = np.zeros(len(runs))
    if since:
        begin = runs["run"].map(reached(logged, since, at_least, False)).to_numpy(dtype=float)
    happened = ~np.isnan(when)
    time = np.maximum(np.where(happened, when, end) - begin, 0.0)
    return runs.assign(time=time, happened=happened)


def reached(metrics: pd.DataFrame, metric: str, at_least: float, stays: bool) -> pd.Series:
    """Run → the first step at which (or, ``stays``, from which to the end of its log) the metric is at least this."""
    there = metrics[metric] >= at_least
    if stays:
        missed = metrics[~there].groupby("run")["step"].max()
        there &= metrics["step"] > metrics["run"].map(missed).fillna(-math.inf)
    return metrics[there].groupby("run")["step"].min()
