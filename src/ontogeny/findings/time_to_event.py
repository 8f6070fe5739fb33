"""How long do runs wait for an event that need not come within their budget, and in which settings is it sooner?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.judging import judge_mean
from ontogeny.findings.reading import need, seeds_of
from ontogeny.findings.verdicts import Judgement, Published, Verdict
from ontogeny.findings.waits import waits
from ontogeny.numerics.resampling import mean_interval
from ontogeny.numerics.survival import Waiting, logrank, sooner, waiting

DRAWS = 1999  # permutations
DIRECTIONS = ("sooner", "later")


@finding(kind="time_to_event", reads=("metrics", "runs"))
def time_to_event(
    data: Mapping[str, Any],
    *,
    event: str = "grokked",
    metric: str = "test_accuracy",
    at_least: float = 0.99,
    stays: bool = True,
    since: str = "",
    settings: tuple[str, ...] = (),
) -> list[Finding]:
    """How long do runs wait until ``metric`` is (and ``stays``) at least this, in every setting, those counted that never get
    there?

    ``since`` a metric that must first have reached the same threshold, from which waiting is counted (``train_accuracy``: the
    delay after memorising); else from step 0. Times are those of the log. The value is the share of a seed's runs that got
    there within their budget, on average over seeds. For every one of the ``settings`` (names of what varied) Kaplan and
    Meier's median and mean up to the longest budget stand in the table, with their intervals
    (:func:`~ontogeny.numerics.survival.waiting`).

    A run that ended without the event is censored at its end, one that diverged at its budget; a run that never reached
    ``since`` has not begun to wait, and is said.

    How it misleads: "stays" reads to the end of the log, so a training that stops at the first crossing cannot know it. A median
    over few seeds has a wide interval, and none above where half did not get there.
    """
    runs = waits(data["runs"], data["metrics"], metric, at_least, stays, since)
    need(runs, *settings, of="runs")
    begun = runs.dropna(subset=["time"])
    if begun.empty:
        raise UserError(
            f"None of {len(runs)} runs reached {since} ≥ {at_least:g}, so none waits for {event}."
        )
    horizon = float(begun["time"].max())
    curves = {key: waiting(g["time"], g["happened"], horizon) for key, g in grouped(begun, settings)}
    each = begun.assign(seed=seeds_of(begun)).groupby("seed")["happened"].mean()
    values = each.to_numpy(dtype=float)
    came, absent = int(begun["happened"].sum()), len(runs) - len(begun)
    known = sorted(c.median for c in curves.values() if math.isfinite(c.median))
    halves = f"in {len(known)} of {len(curves)} settings half of them"
    resolution = _resolution(data["metrics"])
    why = [
        f"{came} of {len(begun)} runs within their budget",
        f"{halves}, by step {known[0]:,.0f} to {known[-1]:,.0f}" if known else halves,
        f"seen to within {resolution:g} steps",
        *([f"{absent} runs never reached {since} ≥ {at_least:g} and are not in it"] if absent else []),
    ]
    return [
        Finding.judged(
            f"{event}: {metric} {'stays' if stays else 'is'} at least {at_least:g}"
            + (f", counted from {since}" if since else ""),
            Judgement(
                why="; ".join(why),
                value=float(values.mean()),
                interval=_within_one(mean_interval(values)) if np.ptp(values) else None,
                interval_kind="confidence" if np.ptp(values) else "",
                n=len(values),
            ),
            units="share of runs",
            seeds=tuple(each.index.tolist()),
            values=tuple(values),
            evidence={"times": "metrics"},
            details={"table": _table(event, begun, curves, settings), "horizon": horizon},
        )
    ]


@finding(kind="sooner_with", reads=("metrics", "runs"))
def sooner_with(
    data: Mapping[str, Any],
    *,
    by: str = "",
    within: tuple[str, ...] = (),
    metric: str = "test_accuracy",
    at_least: float = 0.99,
    stays: bool = True,
    since: str = "",
    published: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Does more of ``by`` bring an event sooner, everything else the same?

    Of two runs of one seed that differ in ``by`` alone: how often does the one with more of it get there first? One share a seed,
    and the verdict is on their average against one half (:func:`~ontogeny.findings.judging.judge_mean`); ``published``: who said
    "sooner" or "later". Beside it a log-rank test stratified by ``within``, of any difference and of a trend, with p from
    permuting the settings of each seed (:func:`~ontogeny.numerics.survival.logrank`). Runs that never get there count: they are
    later than all that do. The event is as in :func:`time_to_event`.

    How it misleads: "sooner on the whole" may hide a turn: too much weight decay stops learning altogether. See the medians.
    """
    told = dict(published or {})
    if wrong := [word for word in told.values() if word not in DIRECTIONS]:
        raise UserError(f'published says {wrong[0]!r} of {by}; it can say "sooner" or "later".')
    if len(set(told.values())) > 1:
        raise UserError(f"{' and '.join(told)} say opposite things of {by}; make a claim of each.")
    runs = waits(data["runs"], data["metrics"], metric, at_least, stays, since)
    runs = need(runs, by, *within, of="runs").dropna(subset=["time"])
    strata = runs.groupby(list(within)).ngroup().to_numpy() if within else None
    blocks = seeds_of(runs)
    given = (runs["time"].to_numpy(), runs["happened"].to_numpy(), runs[by].to_numpy(dtype=float))
    shares, seeds, pairs = sooner(*given, blocks=blocks, strata=strata)
    test = logrank(*given, strata=strata, blocks=blocks, draws=DRAWS)
    direction = next(iter(told.values()), "sooner")
    low, high = (0.5, None) if direction == "sooner" else (None, 0.5)
    said = judge_mean(shares, at_least=low, at_most=high, published=bool(told))
    words = f"{pairs} pairs in which at least one got there; log-rank p = {test.p:.2g}, of a trend {test.p_trend:.2g}"
    found = Finding.judged(
        f"with more {by.replace('_', ' ')} it comes {direction}",
        replace(said, why=f"{said.why}; {words}", published=_told(told, said.verdict)),
        units="share of pairs",
        seeds=tuple(seeds.tolist()),
        values=tuple(shares),
        evidence={"times": "metrics"},
        details={
            "statement": True,
            "pairs": pairs,
            "p": test.p,
            "p_trend": test.p_trend,
            "excess": dict(zip(test.groups.tolist(), test.excess.tolist(), strict=True)),
        },
    )
    return [found]


def _told(told: Mapping[str, str], verdict: Verdict) -> tuple[Published, ...]:
    inside = {"as published": True, "not as published": False}.get(verdict)
    return tuple(Published(1.0, source=who, inside=inside) for who in told)


def grouped(runs: pd.DataFrame, settings: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Runs of every setting, in order."""
    if not settings:
        return [((), runs)]
    return [(key, group) for key, group in runs.groupby(list(settings), sort=True)]


def _table(
    event: str,
    runs: pd.DataFrame,
    curves: Mapping[tuple[Any, ...], Waiting],
    settings: Sequence[str],
) -> dict[str, list[Any]]:
    """Long, for pictures: a row a run (``run``), a setting (``setting``), and a step of a setting's staircase (``curve``)."""
    rows: list[dict[str, Any]] = [
        {"row": "run", **{s: one[s] for s in (*settings, *(["seed"] if "seed" in runs else []))}}
        | {"run": one["run"], "time": one["time"], "happened": bool(one["happened"])}
        for one in runs.to_dict("records")
    ]
    for key, curve in curves.items():
        here = dict(zip(settings, key, strict=True))
        (low, high), (least, most) = curve.median_interval, curve.mean_interval
        rows.append(
            {"row": "setting", **here, "n": curve.n, "events": curve.events, "median": curve.median}
            | {"low": low, "high": high, "mean": curve.mean, "mean_low": least, "mean_high": most}
        )
        staircase = zip(curve.time, curve.share, curve.low, curve.high, strict=True)
        rows += [
            {"row": "curve", **here, "time": t, "share": s, "low": a, "high": b} for t, s, a, b in staircase
        ]
    frame = pd.DataFrame([{"event": event, **row} for row in rows])
    return {str(name): frame[name].tolist() for name in frame}


def _resolution(metrics: pd.DataFrame) -> float:
    """The usual distance between two evaluations."""
    return float(metrics.sort_values("step").groupby("run")["step"].diff().median())


def _within_one(interval: tuple[float, float]) -> tuple[float, float]:
    return max(0.0, interval[0]), min(1.0, interval[1])
