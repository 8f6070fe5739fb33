"""What happened in the logs of runs, one row a run: at the resolution of the log, which is finer than that of the checkpoints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.errors import UserError

CALM = 2.0  # times the least loss so far: below it a burst is over
NORM = "weight_norm"
COLUMNS = (
    "memorised", "first_right", "grokked", "delay", "slingshots", "first_slingshot", "slingshots_before", "slingshot_height",
    "slingshot_lag", "rebound", "norm_start", "norm_memorised", "norm_peak", "norm_peak_step", "norm_grokked", "norm_end",
)  # fmt: skip


def log_events(
    metrics: pd.DataFrame, *, accuracy: float = 0.99, burst: float = 10.0, floor: float = 1e-9
) -> pd.DataFrame:
    """When was a run's training set memorised, when did it grok, how often did its training loss burst, and how large were its weights then?

    memorised: first logged step with training accuracy ≥ ``accuracy``; first_right, grokked: the first at which, and from which to the end, held-out
    accuracy is; delay = grokked − memorised. A slingshot, or burst, begins once the training set is memorised where the training loss is above ``burst``
    times its least value so far (which counts as ``floor`` nats if it is below), and is over at twice that value: slingshots are counted,
    first_slingshot is where one first begins, slingshots_before those begun by the step of first_right (all of them, where that never comes), slingshot_height the largest
    loss over the least so far, slingshot_lag = first_right − the begin of the last one before it. rebound = last − least held-out loss. norm_… is ‖θ‖ at the
    first step, at memorised, where it is largest from then on (norm_peak_step), at grokked and at the last step.

    Units: steps, counts, nats, norm of weights. NaN for what did not happen, or was not logged; 0 slingshots of a run that never memorised are none seen: NaN.
    A burst shorter than the distance of logged steps may be missed. Source: slingshots, Thilak et al. 2022 (there seen in the norm of the last layer and
    the training loss; here in the training loss alone).
    """
    needed = ("run", "step", "train_loss", "train_accuracy")
    if gone := [name for name in needed if name not in metrics]:
        raise UserError(
            f"Events of a log need {', '.join(needed)}; this log has no {', '.join(gone)} (it has {', '.join(map(str, metrics.columns))})."
        )
    held = next((c.removesuffix("_accuracy") for c in map(str, metrics.columns) if _is_held_out(c)), "")
    logged = {"step", "epoch", NORM} | {c for c in metrics.columns if str(c).endswith(("_loss", "_accuracy"))}
    front = [
        c
        for c in metrics.columns
        if c not in logged and metrics.groupby("run")[c].nunique(dropna=False).max() == 1
    ]
    rows = []
    for _, table in metrics.groupby("run", sort=False):
        table = table.sort_values("step")
        here = {name: table[name].iloc[0] for name in front}
        rows.append(here | _of_one(table, held, accuracy, burst, floor))
    out = pd.DataFrame(rows, columns=[*front, *COLUMNS])
    out.attrs.update(metrics.attrs)
    return out


def _is_held_out(column: str) -> bool:
    return column.endswith("_accuracy") and not column.startswith(("train_", "all_"))


def _of_one(table: pd.DataFrame, held: str, accuracy: float, burst: float, floor: float) -> dict[str, float]:
    steps = table["step"].to_numpy(dtype=float)

    def column(name: str) -> Any:
        return table[name].to_numpy(dtype=float) if name in table else np.full(len(steps), math.nan)

    loss, norm = column("train_loss"), column(NORM)
    held_loss, right = column(f"{held}_loss"), column(f"{held}_accuracy") >= accuracy
    memorised = _first(steps, column("train_accuracy") >= accuracy)
    first_right, grokked = _first(steps, right), _first(steps, np.logical_and.accumulate(right[::-1])[::-1])
    found = {
        "memorised": memorised,
        "first_right": first_right,
        "grokked": grokked,
        "delay": grokked - memorised,
    }
    if not math.isnan(memorised):
        begun, height = bursts(loss, steps >= memorised, burst, floor)
        starts = steps[begun]
        before = starts[starts <= first_right] if not math.isnan(first_right) else starts
        found |= {
            "slingshots": len(starts),
            "first_slingshot": starts[0] if len(starts) else math.nan,
            "slingshots_before": len(before),
            "slingshot_height": height,
            "slingshot_lag": first_right - before[-1] if len(before) else math.nan,
        }
        after = np.where(steps >= memorised, norm, -math.inf)
        if np.isfinite(after).any():
            peak = int(np.nanargmax(after))
            found |= {"norm_peak": norm[peak], "norm_peak_step": steps[peak]}
    known = held_loss[np.isfinite(held_loss)]
    found["rebound"] = known[-1] - known.min() if len(known) else math.nan
    found |= {"norm_start": norm[0], "norm_end": norm[-1]}
    for name, step in (("norm_memorised", memorised), ("norm_grokked", grokked)):
        found[name] = norm[steps == step][0] if not math.isnan(step) else math.nan
    return {name: float(found.get(name, math.nan)) for name in COLUMNS}


def _first(steps: np.ndarray, there: np.ndarray) -> float:
    return float(steps[there.argmax()]) if there.any() else math.nan


def bursts(loss: np.ndarray, counted: np.ndarray, burst: float, floor: float) -> tuple[list[int], float]:
    """Places at which a burst begins, where it counts, and the largest loss over the least so far there."""
    least = np.maximum(np.fmin.accumulate(loss), floor)
    ratio = loss / least
    begun, within = [], False
    for i in np.flatnonzero(counted):
        if within:
            within = not ratio[i] <= CALM
        elif ratio[i] > burst:
            begun.append(int(i))
            within = True
    over = ratio[counted]
    return begun, float(np.nanmax(over)) if np.isfinite(over).any() else math.nan
