"""Could a published table of one run a setting be one more of our seeds?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.judging import judge
from ontogeny.findings.reading import at_budget, need, seeds_of
from ontogeny.findings.verdicts import LEVEL, Judgement, Published

BOUNDS = (0.0, 1.0)
ROUNDING = 0.0005  # of values published with three digits


@finding(kind="per_setting", reads=("runs", "published", "metrics?"))
def per_setting(
    data: Mapping[str, Any],
    *,
    by: str = "d_hidden",
    metric: str = "validation_accuracy",
    budget: float | None = None,
    each: bool = True,
    text: str = "",
) -> list[Finding]:
    """How many of the published values lie where one new seed of ours would?

    First the summary, then (``each``) one finding a setting: the published share against the prediction interval of a new seed at that
    setting, widened by half a unit of its last digit. The table is one draw, not as many as it has rows: what its
    seed decides shows in all of them. So the summary treats each of our seeds as if it had been published: the
    share of its values that lie inside the intervals of the other seeds, and its mean over settings. The published table is judged by
    both, each against where a new seed would lie (half the error each); one that fits better than any of ours is no evidence against.

    How it misleads: few seeds make wide intervals, which agree with anything: read the mean width beside the share. Settings that some
    of our seeds lack are not counted.
    """
    table = need(data["published"], by, metric, of="published").dropna(subset=[metric])
    if table.empty:
        raise UserError(f"'published' has no rows with '{metric}'.")
    runs = need(at_budget(data["runs"], data.get("metrics"), metric, budget), by, of="runs")
    runs = runs.assign(seed=seeds_of(runs))
    ours = runs.pivot_table(index="seed", columns=by, values=metric, aggfunc="mean").reindex(
        columns=table[by]
    )
    values, theirs = (
        ours.to_numpy(dtype=float),
        table[metric].to_numpy(dtype=float),
    )  # (seed, setting), (setting,)
    said = [
        _judged(mine[np.isfinite(mine)], one, ROUNDING) for mine, one in zip(values.T, theirs, strict=True)
    ]
    rows = [
        Finding.judged(
            f"{metric} at {by} = {setting:g}",
            one,
            values=tuple(mine),
            evidence={"ours": "runs", "theirs": "published"},
        )
        for setting, mine, one in zip(table[by], values.T, said, strict=True)
    ]
    claim = (
        text or f"the published {metric} of {len(rows)} settings are what one more seed of ours would give"
    )
    summary = _summary(claim, values, theirs, said, ROUNDING)
    details = {
        by: table[by].to_numpy(dtype=float),
        "published": theirs,
        "verdict": [one.verdict for one in said],
    }
    details |= {"mean": [one.value for one in said], "n": [one.n for one in said]}
    details |= {
        end: [one.interval[k] if one.interval else math.nan for one in said]
        for k, end in enumerate(("low", "high"))
    }
    summary.details["settings"] = details  # type: ignore[index]
    return [summary, *rows] if each else [summary]


def _judged(ours: np.ndarray, theirs: float, rounding: float) -> Judgement:
    return judge(ours, published=[Published(theirs, ROUNDING)], bounds=BOUNDS, level=LEVEL)


def _summary(
    claim: str, values: np.ndarray, theirs: np.ndarray, said: list[Judgement], rounding: float
) -> Finding:
    whole = np.isfinite(values).all(0)
    values, theirs = values[:, whole], theirs[whole]
    seeds, counted = values.shape
    evidence = {"ours": "runs", "theirs": "published"}
    if seeds < 4 or not counted:
        why = f"{seeds} seeds have {counted} of these settings in common; 4 are the least, as 3 judge each one that is left out"
        return Finding(
            claim, verdict="too few seeds", why=why, n=seeds, needed=4, evidence=evidence, details={}
        )
    inside = share_inside(values, theirs, ROUNDING)
    own = np.array([share_inside(np.delete(values, i, 0), one, ROUNDING) for i, one in enumerate(values)])
    half = 1 - (1 - LEVEL) / 2
    fits = judge(
        own, published=[Published(min(inside, float(own.max())), 0.5 / counted)], bounds=BOUNDS, level=half
    )
    means = judge(
        values.mean(1), published=[Published(float(theirs.mean()), ROUNDING)], bounds=BOUNDS, level=half
    )
    worse = (
        fits
        if fits.verdict in ("not as published", "too few seeds") and means.verdict != "not as published"
        else means
    )
    width = float(np.mean([one.interval[1] - one.interval[0] for one in said if one.interval]))
    return Finding(
        claim=claim,
        value=inside,
        units="share inside",
        interval=fits.interval,
        interval_kind="prediction",
        interval_of="the share of a seed of ours that is judged by the others",
        n=seeds,
        verdict=worse.verdict,
        why=f"{round(inside * counted)} of {counted} published values lie where a new seed would (intervals {width:.3g} wide on average); of our own "
        f"seeds, left out in turn, {own.min() * counted:.0f} to {own.max() * counted:.0f} do; their mean is {theirs.mean():.4g}, ours "
        f"{values.mean():.4g} ({values.mean(1).min():.4g} to {values.mean(1).max():.4g} by seed)",
        values=tuple(own),
        evidence=evidence,
        details={
            "inside": round(inside * counted),
            "counted": counted,
            "not_counted": len(said) - counted,
            "mean_difference": float(theirs.mean() - values.mean()),
            "by_share": fits.verdict,
            "by_mean": means.verdict,
        },
    )


def share_inside(values: np.ndarray, one: np.ndarray, rounding: float) -> float:
    """Of the values of one table (setting,), the share that lies where a new seed would, given ours (seed, setting)."""
    said = [
        _judged(mine, x, ROUNDING).verdict != "not as published"
        for mine, x in zip(values.T, one, strict=True)
    ]
    return float(np.mean(said))
