"""Where does success set in as a setting grows, is it monotone, and could published successes be one more of our seeds?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.judging import judge_probability
from ontogeny.findings.reading import budgets as allowed
from ontogeny.findings.reading import fair, need, seeds_of
from ontogeny.findings.verdicts import LEVEL, Published
from ontogeny.numerics.resampling import poisson_binomial, two_tails, wilson_interval
from ontogeny.numerics.success import SuccessCurve, fit_success, monotone_p

if TYPE_CHECKING:
    import pandas as pd


@finding(kind="success_by", reads=("runs", "metrics"))
def success_by(
    data: Mapping[str, Any],
    *,
    by: str = "d_hidden",
    metric: str = "validation_accuracy",
    target: float = 1.0,
    budgets: tuple[float, ...] = (),
    claims: tuple[Mapping[str, Any], ...] = (),
) -> list[Finding]:
    """At which ``by`` do half of the runs reach ``metric`` ≥ ``target`` within a budget?

    For each budget: d₅₀ of a logistic P(reach | by) with its interval, whether success is monotone, and a verdict on
    each published claim of that budget. A run reached within a budget if its first logged ``metric`` ≥ ``target``
    came at an epoch ≤ budget; only runs that were allowed the whole budget count (a stopped run that had less says
    nothing fair about more).

    A claim is a table with ``text``, optionally a ``key`` by which an answer can speak of it, ``budget``, ``at_least`` and
    ``at_most`` (the settings it speaks of), and one of ``reached = "all"`` or a number (how many of those settings, one run
    each) or ``first`` (the smallest that reached). It is judged by the probability of that event for one new seed, which is
    easier or harder as a whole as our seeds are, averaged over all that our runs leave open
    (:func:`~ontogeny.numerics.success.fit_success`). "All" is as published from ½ on; for a number or a first the probability
    is twice the smaller tail, and what is not excluded is as published. Claims that contradict each other are judged each on
    its own.

    How it misleads: d₅₀ belongs to a budget and to a target; accuracy 1.0 on a held-out part is not accuracy 1.0 on
    all examples. Where success comes and goes (small p of the monotone test) d₅₀ describes a trend and the claims'
    probabilities are those of the trend. Below 8 seeds the interval leans on how much seeds differ elsewhere.
    """
    runs, metrics = data["runs"], data["metrics"]
    need(runs, "run", by, of="runs")
    first = first_reached(metrics, metric, target)
    found: list[Finding] = []
    for budget in budgets or (float(np.min(allowed(runs, "epoch"), initial=math.inf)),):
        part = runs[fair(runs, budget)]
        title = f"within {budget:,g} epochs"
        mine = [c for c in claims if c.get("budget", budget) == budget]
        if part[by].nunique() < 2:
            why = f"{len(part)} of {len(runs)} runs were allowed {budget:g} epochs and ended"
            found.append(
                Finding(f"{by} at which half of the runs reach {_said(metric, target)} {title}", why=why)
            )
            found += [
                Finding(c["text"], verdict="too few seeds", why=why, key=c.get("key", "")) for c in mine
            ]
            continue
        reached = (part["run"].map(first) <= budget).to_numpy()
        x, seeds = part[by].to_numpy(dtype=float), seeds_of(part)
        curve = fit_success(x, reached, seeds, level=LEVEL)
        found.append(_onset(curve, by, metric, target, budget, title, x, reached, seeds))
        if 0 < reached.sum() < len(reached):
            found.append(_monotone(x, reached, seeds, curve, by, title))
        found += [_judge(claim, curve, x, reached, seeds, title) for claim in mine]
    return found


def first_reached(metrics: pd.DataFrame, metric: str, target: float) -> dict[Any, float]:
    """Run → the epoch at which its metric first stood at the target. Runs that never did are not in it."""
    need(metrics, "run", "epoch", metric, of="metrics")
    there = metrics[metrics[metric] >= target]
    return {run: float(at) for run, at in there.groupby("run")["epoch"].min().items()}


def _said(metric: str, target: float) -> str:
    """ "100 % validation accuracy", "validation loss 0.1"."""
    words = metric.replace("_", " ")
    return (
        f"{target:.0%} {words}".replace("%", " %", 1) if words.endswith("accuracy") else f"{words} {target:g}"
    )


def _onset(
    curve: SuccessCurve,
    by: str,
    metric: str,
    target: float,
    budget: float,
    title: str,
    x: Any,
    reached: Any,
    seeds: Any,
) -> Finding:
    k, n = int(reached.sum()), len(reached)
    inside = curve.d[0] <= curve.d50 <= curve.d[-1]
    each = [reached[seeds == s].mean() for s in np.unique(seeds)]
    counts = zip(curve.successes.astype(int), curve.trials.astype(int), strict=True)
    wilson = [wilson_interval(int(won), int(tried), curve.level) for won, tried in counts]
    return Finding(
        claim=f"{by} at which half of the runs reach {_said(metric, target)} {title}",
        value=curve.d50,
        units=by,
        interval=curve.d50_interval,
        interval_kind="confidence",
        interval_of=curve.interval_kind,
        n=curve.n_seeds,
        why=f"{k} of {n} runs reached it"
        + (
            ""
            if inside
            else f"; the onset is outside {curve.d[0]:g}–{curve.d[-1]:g} and its place an extrapolation"
        ),
        evidence={"outcomes": "runs", "curves": "metrics"},
        details={
            "share_reached_by_seed": each,
            "intercept": curve.intercept,
            "slope": curve.slope,
            "scale": curve.scale,
            "seed_sd_logits": curve.seed_sd,
            "table": {
                "budget": [budget] * len(curve.d),
                by: curve.d,
                "reached": curve.successes,
                "n": curve.trials,
                "low": [low for low, _ in wilson],
                "high": [high for _, high in wilson],
                "fitted": curve.probability,
                "fitted_low": curve.low,
                "fitted_high": curve.high,
                "d50": [curve.d50] * len(curve.d),
            },
        },
    )


def _monotone(x: Any, reached: Any, seeds: Any, curve: SuccessCurve, by: str, title: str) -> Finding:
    p = monotone_p(x, reached, seeds, scale=curve.scale)
    beyond = p < 1 - LEVEL
    return Finding(
        claim=f"success {title} {'comes and goes with' if beyond else 'is compatible with rising steadily in'} {by}",
        value=p,
        units="p-value",
        key="monotone",
        n=curve.n_seeds,
        why=f"the best rising curve fits worse than one probability per {by} by "
        f"{'more' if beyond else 'no more'} than chance (p = {p:.2g})",
        evidence={"outcomes": "runs"},
    )


def _judge(
    claim: Mapping[str, Any],
    curve: SuccessCurve,
    x: Any,
    reached: Any,
    seeds: Any,
    title: str,
) -> Finding:
    low, high = claim.get("at_least", -math.inf), claim.get("at_most", math.inf)
    widths = curve.d[(curve.d >= low) & (curve.d <= high)]
    if not len(widths):
        raise UserError(
            f"The claim '{claim.get('text')}' speaks of settings from {low} to {high}; tried: {curve.d.tolist()}."
        )
    here = (x >= low) & (x <= high)
    each = [reached[here & (seeds == s)].mean() for s in np.unique(seeds[here])]
    p = curve.draws_at(widths)  # (B, settings)
    published: float
    if claim.get("reached") == "all":
        probability, published, what = float(p.prod(-1).mean()), 1.0, "share that reached"
        value = float(reached[here].mean())
    elif "reached" in claim:
        law = poisson_binomial(p).mean(0)
        published, what = float(claim["reached"]), "expected number that reach, one run a setting"
        probability, value = two_tails(law, int(claim["reached"])), float(law @ np.arange(len(law)))
    elif "first" in claim:
        before = np.cumprod(np.concatenate([np.ones((len(p), 1)), 1 - p], -1), -1)
        law = (np.concatenate([p, np.ones((len(p), 1))], -1) * before).mean(0)  # last: none reached
        place = int(np.searchsorted(widths, claim["first"]))
        if place == len(widths) or widths[place] != claim["first"]:
            raise UserError(
                f"The claim '{claim.get('text')}': {claim['first']} is not among {widths.tolist()}."
            )
        published, what = float(claim["first"]), "median of the first that reaches"
        probability, value = (
            two_tails(law, place),
            float([*widths, math.inf][int(np.searchsorted(law.cumsum(), 0.5))]),
        )
    else:
        raise UserError(
            f"The claim '{claim.get('text')}' needs reached = 'all', reached = a number, or first = a setting."
        )
    said = judge_probability(probability, curve.n_seeds, level=LEVEL)
    judged = said.verdict
    if claim.get("reached") == "all" and judged == "as published" and probability < 0.5:
        judged = "compatible, varies by seed"  # a count is a value, and not excluded is as published; "all" is more
    k, n = int(reached[here].sum()), int(here.sum())
    wilson = wilson_interval(k, n, LEVEL)
    return Finding(
        claim=claim["text"],
        key=claim.get("key", ""),
        value=value,
        units=what,
        interval=wilson if claim.get("reached") == "all" else None,
        interval_kind="confidence" if claim.get("reached") == "all" else "",
        interval_of="the share of runs",
        n=curve.n_seeds,
        published=(Published(published),),
        verdict=judged,
        why=f"{k} of our {n} such runs reached it {title}; {said.why}",
        evidence={"outcomes": "runs"},
        values=tuple(float(v) for v in each),
        details={"predictive_probability": probability, "share_reached_wilson": wilson},
    )
