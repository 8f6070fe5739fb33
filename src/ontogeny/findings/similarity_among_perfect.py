"""Are models that solve the task completely alike, more than models that do not and models that were never trained?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import along_runs, pair_matrix, per_run
from ontogeny.numerics.resampling import Array, bootstrap_interval, pair_mean, permutation_p


@finding(
    kind="similarity_among_perfect",
    reads=("measure:{measure}", "measure:{measure}@initial?", "runs"),
)
def similarity_among_perfect(
    data: Mapping[str, Any],
    *,
    measure: str = "activation_similarity",
    variables: tuple[str, ...] = ("value",),
    metric: str = "all_accuracy",
    perfect: float = 1.0,
    by: str = "d_hidden",
    high: float | None = None,
    min_n: int = 5,
    level: float = 0.95,
    draws: int = 1999,
    text: str = "",
) -> list[Finding]:
    """Is similarity high among all perfect models, beyond that among imperfect and among untrained ones?

    Perfect: ``metric`` ≥ ``perfect``. For every one of ``variables`` (raw and centred logits, say) the mean over
    pairs of distinct perfect models, with a bootstrap over *models*. Nulls: which models are called perfect is
    permuted (p); permuted among models of one ``by`` only (p within, which a mere effect of ``by`` cannot produce);
    pairs of imperfect models; pairs of untrained models, if ``measure:NAME@initial`` is there.

    "Agrees": both p < 1 − level (the second where a setting has both kinds), and the interval lies above the mean
    among untrained models and above ``high``, of which one at least must be there: without either nobody has said what
    high is. "Disagrees": the interval lies below one of them. "All": the smallest pair and the 5 % quantile are in the
    details; a high mean with a low minimum is not "all".

    How it misleads: perfect models are mostly wide, so width alone can make them alike: read p within. Raw logits
    share a large common part (the mean over classes, the answer's peak); their cosine is high for any two models that
    answer rightly. Models of one seed share their split and may share their beginning.
    """
    source = f"measure:{measure}"
    pairs, initial = data[source], data.get(f"{source}@initial")
    accuracy = per_run(pairs, data["runs"], metric, "runs").astype(float)
    is_perfect = np.isfinite(accuracy) & (accuracy >= perfect)
    widths = along_runs(pairs, by, source) if by in pairs.coords else np.zeros(len(accuracy))
    distance = -1.0 if pairs.attrs.get("kind") in ("distance", "divergence") else 1.0
    found = []
    for name in variables:
        matrix = distance * pair_matrix(pairs, name, source)
        untrained = math.nan
        if initial is not None and name in initial:
            start = distance * pair_matrix(initial, name, f"{source}@initial")
            untrained = pair_mean(start, np.arange(len(start)))
        claim = text or f"{measure} is high among all perfect models"
        claim += f" ({name})" if len(variables) > 1 else ""
        found.append(
            _one(
                matrix,
                is_perfect,
                widths,
                untrained,
                distance,
                claim,
                source,
                metric,
                high,
                min_n,
                level,
                draws,
            )
        )
    return found


def _one(
    matrix: Array,
    is_perfect: np.ndarray,
    widths: np.ndarray,
    untrained: float,
    sign: float,
    claim: str,
    source: str,
    metric: str,
    high: float | None,
    min_n: int,
    level: float,
    draws: int,
) -> Finding:
    chosen, rest = np.flatnonzero(is_perfect), np.flatnonzero(~is_perfect)
    evidence, n = {"pairs": source, "labels": "runs"}, len(chosen)
    if n < max(min_n, 2):
        why = f"{n} of {len(is_perfect)} models are perfect ({metric}), and {max(min_n, 2)} are the least for a verdict"
        return Finding(claim, verdict="too few seeds", why=why, n=n, n_unit="models", evidence=evidence)
    mean = pair_mean(matrix, chosen)
    low, high_end = bootstrap_interval(
        lambda index: pair_mean(matrix, chosen[index]), n, level=level, draws=draws
    )
    block = matrix[np.ix_(chosen, chosen)][np.triu_indices(n, 1)]
    p, p_within = (_p(matrix, is_perfect, strata, draws) for strata in (np.zeros(len(widths)), widths))
    imperfect = pair_mean(matrix, rest) if len(rest) > 1 else math.nan
    floor = np.nanmax(
        [untrained if np.isfinite(untrained) else -math.inf, -math.inf if high is None else sign * high]
    )
    judged: Verdict = "too few seeds"
    beyond_chance = p < 1 - level and not p_within >= 1 - level  # NaN within: nothing to hold it against
    if beyond_chance and low > floor > -math.inf:
        judged = "as published"
    elif high_end < floor:
        judged = "not as published"
    nulls = f"{sign * imperfect:.3g} among imperfect"
    nulls += f", {sign * untrained:.3g} among untrained models" if np.isfinite(untrained) else " models"
    within = "no setting has both kinds" if math.isnan(p_within) else f"p = {p_within:.2g} within settings"
    if floor == -math.inf:
        within += "; neither a threshold nor untrained models say what is high"
    return Finding(
        claim=claim,
        value=sign * mean,
        interval=(low, high_end) if sign > 0 else (-high_end, -low),
        interval_kind="confidence",
        interval_of="the mean over pairs, models resampled",
        n=n,
        n_unit="models",
        verdict=judged,
        why=f"mean {sign * mean:.3g} among {n} perfect models, {nulls}; permuted labels do as well with p = {p:.2g} ({within})",
        evidence=evidence,
        values=tuple(float(sign * np.delete(matrix[i, chosen], k).mean()) for k, i in enumerate(chosen)),
        details={
            "p_value": p,
            "p_within_settings": p_within,
            "imperfect": sign * imperfect,
            "perfect_with_imperfect": sign * pair_mean(matrix, chosen, rest) if len(rest) else math.nan,
            "untrained": sign * untrained,
            "least_alike_pair": float(sign * block.min()),
            "quantile_05": float(sign * np.quantile(block, 0.05)),
            "high": high,
        },
    )


def _p(matrix: Array, labels: np.ndarray, strata: np.ndarray, draws: int) -> float:
    """p of the mean among labelled models when labels are permuted within strata; NaN if no stratum has both kinds."""
    groups = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    groups = [g for g in groups if 0 < labels[g].sum() < len(g)]
    if not groups:
        return math.nan
    generator = np.random.default_rng(0)
    drawn = np.tile(labels.astype(float), (draws, 1))
    for group in groups:
        drawn[:, group] = generator.permuted(drawn[:, group], axis=1)
    off = np.where(np.eye(len(labels), dtype=bool) | ~np.isfinite(matrix), 0.0, matrix)
    pairs = labels.sum() * (labels.sum() - 1)
    null = np.einsum("bi,ij,bj->b", drawn, off, drawn, optimize=True) / pairs
    observed = labels.astype(float) @ off @ labels.astype(float) / pairs
    return float(permutation_p(observed, null))
