"""Are models that solve the task completely alike, more than models that do not and models that were never trained?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.judging import LEAST
from ontogeny.findings.reading import along_runs, of_each_run, pair_matrix, seed_grid, seeds_of
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.matched import seed_orders
from ontogeny.numerics.resampling import Array, jackknife_interval, pair_mean, permutation_p


@finding(
    kind="similarity_among_perfect",
    reads=("measure:{measure}", "measure:{measure}@initial?", "runs"),
    stated=True,
)
def similarity_among_perfect(
    data: Mapping[str, Any],
    *,
    measure: str = "activation_similarity",
    metric: str = "all_accuracy",
    by: str = "d_hidden",
    high: float | None = None,
    text: str = "",
) -> list[Finding]:
    """Is similarity high among all perfect models, beyond that among imperfect and among untrained ones?

    Perfect: ``metric`` is 1. The value is the mean over pairs of perfect models; intervals leave out each seed in turn
    (:func:`~ontogeny.numerics.resampling.jackknife_interval`). Held against: ``high``; the mean among untrained models, if
    ``measure:NAME@initial`` is there; the mean among imperfect ones; and which models are called perfect, taken from another seed at
    the same ``by`` (two-sided p, which a mere effect of ``by`` or of the seed cannot produce; it needs 5 seeds).

    "As published": the interval lies above ``high`` and above the untrained, of which one at least must be there (without either nobody has
    said what high is), perfect models are more alike than imperfect ones, and, where some settings have both, than the
    labels of other seeds make them. "In part": high, but no higher than among imperfect ones or under other labels. "Not as published":
    the interval lies below ``high`` or the untrained. "All": the smallest pair and the 5 % quantile are in the details; a high mean with a low minimum is not "all".

    How it misleads: perfect models are mostly wide, so width alone can make them alike: read p at equal settings. Raw logits
    share a large common part (the mean over classes, the answer's peak); their cosine is high for any two models that
    answer rightly.
    """
    source = f"measure:{measure}"
    pairs, initial = data[source], data.get(f"{source}@initial")
    sign = -1.0 if pairs.attrs.get("kind") in ("distance", "divergence") else 1.0
    matrix = sign * pair_matrix(pairs, "value", source)
    untrained = math.nan
    if initial is not None:
        start = sign * pair_matrix(initial, "value", f"{source}@initial")
        untrained = pair_mean(start, np.arange(len(start)))
    accuracy = of_each_run(pairs, data["runs"], metric, "runs").astype(float)
    is_perfect = np.isfinite(accuracy) & (accuracy >= 1)
    widths = along_runs(pairs, by, source) if by in pairs.coords else np.zeros(len(accuracy))
    seeds = seeds_of(pairs)
    claim = text or f"{measure} is high among all perfect models"
    claim += f" (above {high:g})" if high is not None else ""
    evidence = {"pairs": source, "labels": "runs"}
    chosen, rest = np.flatnonzero(is_perfect), np.flatnonzero(~is_perfect)
    names = np.unique(seeds[chosen])
    few = [len(chosen) < 2, len(names) < LEAST]
    if any(few):
        why = f"{len(chosen)} of {len(is_perfect)} models are perfect ({metric} ≥ 1), of {len(names)} seeds; {LEAST} seeds are the least"
        return [Finding(claim, verdict="too few seeds", why=why, n=len(names), evidence=evidence)]

    def kept(models: np.ndarray, units: np.ndarray) -> np.ndarray:
        return np.asarray(models[np.isin(seeds[models], names[units])])

    def among(units: np.ndarray) -> float:
        return pair_mean(matrix, kept(chosen, units))

    def beyond(units: np.ndarray) -> float:
        return among(units) - pair_mean(matrix, kept(rest, units))

    everyone = np.arange(len(names))
    mean = among(everyone)
    low, top = jackknife_interval(among, len(names), level=LEVEL)
    more = jackknife_interval(beyond, len(names), level=LEVEL) if len(rest) > 1 else (math.nan, math.nan)
    p, surplus = _against_labels_of_other_seeds(matrix, is_perfect, *seed_grid(widths, seeds))
    bars = {"the threshold": math.nan if high is None else sign * high, "untrained models": untrained}
    bars = {name: bar for name, bar in bars.items() if np.isfinite(bar)}
    judged: Verdict = "too few seeds" if bars else ""
    if bars and top < max(bars.values()):
        judged = "not as published"
    elif bars and low > max(bars.values()):
        beyond_width = math.isnan(p) or (p < 1 - LEVEL and surplus > 0)
        if beyond_width and not more[0] <= 0:
            judged = "as published"
        elif len(np.unique(seeds)) >= 5:  # fewer have no two-sided p below .05
            judged = "in part"
    imperfect = pair_mean(matrix, rest)
    said = [f"mean {sign * mean:.3g} among {len(chosen)} perfect models of {len(names)} seeds"]
    said += [
        f"{sign * bar:.3g} is {name}" if name == "the threshold" else f"{sign * bar:.3g} among {name}"
        for name, bar in bars.items()
    ]
    said += [f"{sign * imperfect:.3g} among imperfect ones"] if len(rest) > 1 else []
    said += [_within(p, surplus * sign, by, sign)]
    said += [] if bars else ["neither a threshold nor untrained models say what is high"]
    block = matrix[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), 1)]
    return [
        Finding(
            claim=claim,
            value=sign * mean,
            interval=(low, top) if sign > 0 else (-top, -low),
            interval_kind="confidence",
            interval_of="the mean over pairs, seeds left out in turn",
            n=len(names),
            verdict=judged,
            why="; ".join(said),
            evidence=evidence,
            values=tuple(sign * pair_mean(matrix, kept(chosen, np.array([i]))) for i in everyone),
            details={
                "models": len(chosen),
                "p_at_equal_settings": p,
                "beyond_labels_of_other_seeds": sign * surplus,
                "imperfect": sign * imperfect,
                "beyond_imperfect": more if sign > 0 else (-more[1], -more[0]),
                "perfect_with_imperfect": sign * pair_mean(matrix, chosen, rest) if len(rest) else math.nan,
                "untrained": sign * untrained,
                "least_alike_pair": float(sign * block.min()),
                "quantile_05": float(sign * np.quantile(block, 0.05)),
                "high": high,
            },
        )
    ]


def _within(p: float, surplus: float, by: str, sign: float) -> str:
    if math.isnan(p):
        return f"no {by} has perfect and imperfect models"
    which = "more" if sign * surplus > 0 else "less"
    return f"at equal {by} {which} alike than under the labels of other seeds by {abs(surplus):.2g} (two-sided p = {p:.2g})"


def _against_labels_of_other_seeds(
    matrix: Array, labels: np.ndarray, settings: np.ndarray, place: np.ndarray
) -> tuple[float, float]:
    """Two-sided p, and the surplus of the mean among labelled models, when each seed wears another's labels; NaN if all seeds' are equal."""
    worn = labels[place].astype(float)  # (seed, setting)
    if len(place) < 2 or not len(settings) or not np.ptp(worn, axis=0).any():
        return math.nan, math.nan
    rows = place.ravel()
    square = matrix[np.ix_(rows, rows)]
    square = np.where(np.eye(len(rows), dtype=bool) | ~np.isfinite(square), 0.0, square)

    def means(orders: np.ndarray) -> Array:
        drawn = worn[orders].reshape(len(orders), -1)
        pairs = worn.sum() * (worn.sum() - 1)
        return np.asarray(np.einsum("bi,bi->b", drawn @ square, drawn) / pairs)

    seen = means(np.arange(len(place))[None])[0]
    null = means(seed_orders(len(place)))
    return float(permutation_p(seen, null, "two-sided")), float(seen - null.mean())
