"""Could each row of a published table be one more of our seeds at that setting?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.judging import judge
from ontogeny.findings.reading import at_budget, need, seeds_of
from ontogeny.findings.verdicts import Published
from ontogeny.numerics.resampling import permutation_p, wilson_interval


@finding(kind="per_setting", reads=("runs", "published", "metrics?"))
def per_setting(
    data: Mapping[str, Any],
    *,
    by: str = "d_hidden",
    seed: str = "seed",
    metric: str = "validation_accuracy",
    published_metric: str | None = None,
    budget: float | None = None,
    clock: str = "epoch",
    rounding: float = 0.0005,
    resolution: float | None = None,
    bounds: tuple[float, ...] = (0.0, 1.0),
    each: bool = True,
    min_n: int = 3,
    level: float = 0.95,
    draws: int = 9999,
    text: str = "",
) -> list[Finding]:
    """How many of the published values lie where one new seed of ours would?

    First the summary, then (``each``) one finding a setting: the published value against x̄ ± t s √(1 + 1/n) of our
    seeds at that setting, widened by ``rounding`` (half a unit of its last digit). The summary is judged by an exact
    binomial test: if the published values are seeds like ours, each falls inside with probability ``level``. A
    second, distribution-free look is in its details: which of the n + 1 values of a setting was the published one is
    drawn at random, and the mean difference compared (``p_shift``, two-sided).

    How it misleads: both tests take the settings as independent, and settings that share one data split are not (a
    lucky split lifts them all): the p-values are then too small. Few seeds make wide intervals, which agree with
    anything: read the mean width beside the share. Accuracies piled up at 1.0 are not normal; settings where all of
    our seeds are equal cannot be told and are not counted.
    """
    column = published_metric or metric
    table = need(data["published"], by, column, of="published").dropna(subset=[column])
    runs = need(at_budget(data["runs"], data.get("metrics"), metric, budget, clock), by, of="runs")
    limits = (float(bounds[0]), float(bounds[1]))
    settings, rows, ours, theirs = [], [], [], []
    for setting, value in zip(table[by], table[column].astype(float), strict=True):
        here = runs[runs[by] == setting]
        mine = here.groupby(seeds_of(here, seed))[metric].mean().dropna().to_numpy(dtype=float)
        told = Published(value, rounding)
        said = judge(mine, published=[told], resolution=resolution, bounds=limits, level=level)
        settings.append(float(setting))
        rows.append(
            Finding.judged(
                f"{metric} at {by} = {setting:g}",
                said,
                evidence={"ours": "runs", "theirs": "published"},
                values=tuple(mine),
            )
        )
        if len(mine) >= min_n and np.ptp(mine) > 0:
            ours.append(mine)
            theirs.append((value, bool(said.published[0].inside)))
    if not rows:
        raise UserError(f"'published' has no rows with '{column}'.")
    summary = _summary(settings, rows, ours, theirs, by, metric, level, draws, text)
    return [summary, *rows] if each else [summary]


def _summary(
    settings: list[float],
    rows: list[Finding],
    ours: list[np.ndarray],
    theirs: list[tuple[float, bool]],
    by: str,
    metric: str,
    level: float,
    draws: int,
    text: str,
) -> Finding:
    inside, counted = sum(fits for _, fits in theirs), len(theirs)
    table = {
        by: settings,
        "published": [row.published[0].value for row in rows],
        "mean": [row.value for row in rows],
        "low": [row.interval[0] if row.interval else math.nan for row in rows],
        "high": [row.interval[1] if row.interval else math.nan for row in rows],
        "n": [row.n for row in rows],
        "verdict": [row.verdict for row in rows],
    }
    claim = (
        text or f"the published {metric} of {len(rows)} settings are what one more seed of ours would give"
    )
    if not counted:
        why = (
            f"no setting has enough seeds that differ (most seeds at a setting: {max(row.n for row in rows)})"
        )
        return Finding(claim, verdict="too few seeds", why=why, details={"settings": table})
    p = float(stats.binom.cdf(inside, counted, level))
    shift, p_shift = _shift(ours, [value for value, _ in theirs], draws)
    width = float(np.mean([row.interval[1] - row.interval[0] for row in rows if row.interval]))
    judged: Verdict = "not as published" if p < 1 - level else "as published"
    return Finding(
        claim=claim,
        value=inside / counted,
        units="share inside",
        interval=wilson_interval(inside, counted, level),
        interval_kind="confidence",
        interval_of="the share of settings, taken as independent",
        n=min(len(mine) for mine in ours),
        verdict=judged,
        why=f"{inside} of {counted} published values lie inside the {level:.0%} prediction interval of one new seed (mean width "
        f"{width:.3g}), {level * counted:.1f} are expected; P(so few) = {p:.2g}",
        evidence={"ours": "runs", "theirs": "published"},
        details={
            "inside": inside,
            "counted": counted,
            "not_counted": len(rows) - counted,
            "p_so_few_inside": p,
            "mean_difference": shift,
            "p_shift": p_shift,
            "settings": table,
        },
    )


def _shift(ours: list[np.ndarray], theirs: list[float], draws: int) -> tuple[float, float]:
    """Mean of published − mean of ours, and its p when any of the n + 1 values of a setting might be the published one."""
    generator = np.random.default_rng(0)
    observed, null = 0.0, np.zeros(draws)
    for mine, value in zip(ours, theirs, strict=True):
        pool = np.append(mine, value)
        differences = pool - (pool.sum() - pool) / len(mine)
        observed += differences[-1]
        null += generator.choice(differences, draws)
    return observed / len(ours), float(permutation_p(observed, null, "two-sided"))
