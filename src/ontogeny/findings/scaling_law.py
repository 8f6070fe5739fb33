"""By which power of every setting does a time, or a number, grow, and where does the law stop holding?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.claims import Chosen, Quantity
from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.judging import LEAST
from ontogeny.findings.per_run import by_seed, named, needed, populations, required
from ontogeny.findings.reading import need, seeds_of
from ontogeny.findings.verdicts import LEVEL
from ontogeny.findings.waits import waits
from ontogeny.numerics.power_law import at_levels, bends, beyond, law
from ontogeny.numerics.resampling import Array, mean_interval


def _reads(options: Mapping[str, Any]) -> tuple[str, ...]:
    return ("runs", *(needed(options) if options["quantity"] else ("metrics",)))


@finding(kind="scaling_law", reads=_reads)
def scaling_law(
    data: Mapping[str, Any],
    *,
    by: tuple[str, ...] = (),
    quantity: Quantity | None = None,
    of: tuple[Chosen, ...] | Chosen = (),
    metric: str = "test_accuracy",
    at_least: float = 0.99,
    stays: bool = True,
    since: str = "",
    what: str = "the time to grok",
    words: Mapping[str, str] | None = None,
) -> list[Finding]:
    """By which power of every setting in ``by`` does a time (or a ``quantity``) grow, and where does that stop?

    T ∝ Π_j x_j^β_j, fitted seed by seed with what is censored taken as censored (:mod:`~ontogeny.numerics.power_law`): one exponent a
    seed, and Student's interval over seeds for their mean. In simulation (5 seeds of 48 runs, up to half of them censored, normal or
    skewed noise) 94–97 % of 95 % intervals hold the truth. The event is that of :func:`~ontogeny.findings.time_to_event.time_to_event`;
    of a ``quantity`` (a number of frequencies) runs that have none or 0 are left out.

    ``words``: what the settings are called in a sentence. One finding a setting, and one on the whole. "Where does it stop" is asked
    three ways, in every seed: of both ends of a setting, how many times longer it takes there than the law of all other values says;
    between neighbouring values, which exponent holds there; and whether the exponent bends (its change while the setting grows e-fold). The whole "does not hold" where a bend excludes 0, the
    level shared among the settings; that none does proves nothing and has no verdict. Where nothing happened at an end, it is said.

    How it misleads: over a factor of two every smooth curve is a power law; an exponent is of the values that were tried, at the others'
    middle. The censored are taken to follow the law beyond the budget, so "never" looks like "late".
    """
    if not by:
        raise UserError('Say which settings the law is of: by = ["p", "d_model"].')
    called = {name: (words or {}).get(name, name.replace("_", " ")) for name in by}
    runs = _quantity(data, quantity, of) if quantity else _times(data, metric, at_least, stays, since)
    runs = need(runs, *by, of="runs").dropna(subset=["time", *by])
    runs = runs[runs["time"] > 0]
    for name in by:
        if (runs[name] <= 0).any() or runs[name].nunique() < 2:
            raise UserError(
                f"A power of '{name}' needs two values at least, and none of them 0; there is {sorted(runs[name].unique())}."
            )
    seeds = sorted(runs["seed"].unique())
    logx = np.log(runs[list(by)].to_numpy(dtype=float))
    middle = logx.mean(0)
    logx = logx - middle
    logs, came = np.log(runs["time"].to_numpy(dtype=float)), runs["happened"].to_numpy(dtype=bool)
    each = [(logx[here], logs[here], came[here]) for here in (runs["seed"].to_numpy() == s for s in seeds)]
    fits = [law(*one) for one in each]
    exponents = np.array([coefficients[1:] for coefficients, _ in fits])
    curved = np.array([bends(*one) if _curves(one[0]) else np.full(len(by), np.nan) for one in each])
    spread = law(logx, logs, came)[1]
    table: list[dict[str, Any]] = []
    found = []
    for j, name in enumerate(by):
        levels = np.unique(logx[:, j])
        effects = np.array([at_levels(j, *one, levels) for one in each])  # (seed, level)
        table += _rows(name, np.exp(levels + middle[j]), effects, [c for c, _ in fits], j, middle[j])
        ends = (
            {
                f"{np.exp(level + middle[j]):g}": _summary(np.array([beyond(j, level, *one) for one in each]))
                for level in (levels[0], levels[-1])
            }
            if len(levels) > 2
            else {}
        )
        local = np.diff(effects, axis=1) / np.diff(levels)
        steps = [
            {"from": float(np.exp(a + middle[j])), "to": float(np.exp(b + middle[j])), **_summary(one)}
            for a, b, one in zip(levels, levels[1:], local.T, strict=False)
        ]
        bend, power = _summary(curved[:, j]), _summary(exponents[:, j])
        interval = (power["low"], power["high"]) if power["n"] >= LEAST else None
        found.append(
            Finding(
                f"{what} goes with {called[name]} to the power",
                value=power["mean"],
                units="1",
                interval=interval,
                interval_kind="confidence" if interval else "",
                n=power["n"],
                key=name,
                seeds=tuple(seeds),
                values=tuple(exponents[:, j]),
                why="; ".join(_why(called[name], ends, steps, bend)),
                evidence={"times": quantity.reads if quantity else "metrics"},
                details={"ends": ends, "steps": steps, "bend": bend},
            )
        )
    frame = pd.DataFrame([{"of": what, **row} for row in table])
    whole = _whole(what, called, curved, spread, runs, seeds)
    whole.details["table"] = {str(c): frame[c].tolist() for c in frame}  # type: ignore[index]
    return [whole, *found]


def _whole(
    what: str, called: Mapping[str, str], curved: Array, spread: float, runs: pd.DataFrame, seeds: list[Any]
) -> Finding:
    share = 1 - (1 - LEVEL) / len(called)
    bent = []
    for name, values in zip(called, curved.T, strict=True):
        known = values[np.isfinite(values)]
        if len(known) >= LEAST:
            low, high = mean_interval(known, share)
            bent += [name] if low > 0 or high < 0 else []
    lost = len(runs) - int(runs["happened"].sum())
    why = [
        f"a run lies within a factor of {math.exp(spread):.2g} of the law in two of three cases",
        *(
            [f"{lost} of {len(runs)} runs had not got there at the end of their budget, and count as later"]
            if lost
            else []
        ),
        f"the exponent of {' and of '.join(called[name] for name in bent)} changes over the values tried"
        if bent
        else "no exponent is seen to change over the values tried",
    ]
    return Finding(
        f"{what} follows one power law of {', '.join(called.values())}",
        value=math.exp(spread),
        units="times",
        n=len(seeds),
        verdict="does not hold" if bent else "",
        why="; ".join(why),
        details={"bent": bent},
    )


def _times(data: Mapping[str, Any], metric: str, at_least: float, stays: bool, since: str) -> pd.DataFrame:
    runs = waits(data["runs"], data["metrics"], metric, at_least, stays, since)
    return runs.assign(seed=seeds_of(runs))


def _quantity(data: Mapping[str, Any], quantity: Quantity, of: tuple[Chosen, ...] | Chosen) -> pd.DataFrame:
    numbers = by_seed(data, required(quantity), populations(of)[0]).runs.set_index("run")["value"]
    runs = data["runs"]
    if numbers.empty:
        raise UserError(f"No run of the population has {named(quantity)}.")
    runs = runs.assign(time=runs["run"].map(numbers).astype(float), happened=True)
    return runs.assign(seed=seeds_of(runs))


def _curves(logx: Array) -> bool:
    """Whether every setting has the three values that a bend is seen from."""
    return all(len(np.unique(column)) > 2 for column in logx.T)


def _summary(values: Array) -> dict[str, Any]:
    """Mean over the seeds that have it, its interval, how many they are."""
    known = values[np.isfinite(values)]
    low, high = mean_interval(known) if len(known) >= LEAST else (math.nan, math.nan)
    mean = float(known.mean()) if len(known) else math.nan
    return {"mean": mean, "low": low, "high": high, "n": len(known)}


def _factors(logs: Array) -> dict[str, Any]:
    """The same of what the values are logarithms of."""
    return {key: math.exp(v) if key != "n" else v for key, v in _summary(logs).items()}


def _rows(
    name: str, levels: Array, effects: Array, fits: list[Array], j: int, middle: float
) -> Iterator[dict[str, Any]]:
    """Long, for pictures: the time at every level (``level``), by seed too (``seed``), and the law of every level (``law``)."""
    for k, x in enumerate(levels):
        at = {"setting": name, "x": x}
        yield {"row": "level", **at, **_factors(effects[:, k])}
        yield {
            "row": "law",
            **at,
            **_factors(np.array([c[0] + c[1 + j] * (math.log(x) - middle) for c in fits])),
        }
        known = effects[np.isfinite(effects[:, k]), k]
        yield from ({"row": "seed", **at, "mean": factor} for factor in np.exp(known).tolist())


def _why(
    name: str, ends: Mapping[str, Mapping[str, float]], steps: list[dict[str, Any]], bend: Mapping[str, float]
) -> Iterator[str]:
    told = [f"{s['mean']:.2g} from {s['from']:g} to {s['to']:g}" for s in steps if math.isfinite(s["mean"])]
    if len(steps) > 1 and told:
        yield "the exponent is " + ", ".join(told)
    for end, off in ends.items():
        factor = math.exp(off["mean"])
        between = (
            f" ({math.exp(off['low']):.2g} to {math.exp(off['high']):.2g})"
            if math.isfinite(off["low"])
            else ""
        )
        yield (
            f"at {end} it is {factor:.2g}{between} times what the law of the other values says"
            if off["n"]
            else f"at {end} no run got there"
        )
    if math.isfinite(bend["low"]) and (bend["low"] > 0 or bend["high"] < 0):
        yield f"it bends: its exponent changes by {bend['mean']:+.2g} ({bend['low']:+.2g} to {bend['high']:+.2g}) while {name} grows 2.7-fold"
