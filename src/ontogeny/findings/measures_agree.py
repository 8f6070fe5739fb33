"""Do the measures of a study tell one story about which models are alike?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.comparing.agreement import BY_K, as_distances
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.reading import along_runs, seed_grid, seeds_of
from ontogeny.needs import parse
from ontogeny.numerics.agreement import K, correlations, neighbourhoods, stress
from ontogeny.numerics.matched import Matched, matched_agreement

MEASURES = ("measure:tn_similarity", "measure:activation_similarity", "measure:js_divergence")


@finding(kind="agreement", reads=MEASURES)
def measures_agree(
    data: Mapping[str, Any],
    *,
    by: str = "d_hidden",
) -> list[Finding]:
    """Do three measures agree on which models are alike, beyond what the setting ``by`` alone explains?

    For every two measures: the rank correlation of the distances among the models of one seed, once each pair of settings has its
    mean over seeds taken away and each model its own effect; p by putting seeds beside other seeds
    (:func:`~ontogeny.numerics.matched.matched_agreement`). The value is a correlation between −1 and 1. In the details the plain rank
    correlation within seeds and between different seeds (which is what settings explain), and the overlap of
    neighbourhoods by k with its chance level.

    High: the same pairs of models are oddly far apart under both. It misleads where it is low: two measures may agree on all that the
    setting decides and differ on the rest, which is noise in part. Fewer than 4 seeds cannot tell: they have too few orders for any p < .05.
    """
    found = []
    words = {parse(m).keyword: m for m in MEASURES}
    for one, other in itertools.combinations(words, 2):
        x, y = (as_distances(data[words[which]]) for which in (one, other))
        whole = measured(x) & measured(y)
        x, y, of = x[np.ix_(whole, whole)], y[np.ix_(whole, whole)], data[words[one]].isel(run=whole)
        pair = f"{_in_words(one)} and {_in_words(other)}"
        if len(x) < 3:
            why = f"{len(x)} of {len(whole)} models can be compared at all; the others have no distances"
            found.append(
                Finding(claim=f"{pair} agree on which models are alike, beyond what {by} explains", why=why)
            )
            continue
        _, place = seed_grid(along_runs(of, by, words[one]), seeds_of(of))
        near = neighbourhoods(x, y, K)
        table = {"pair": [pair] * len(K), "k": list(K), **{name: near[name].tolist() for name in BY_K}}
        plain = correlations(x, y)
        if place.shape[1] < 4:
            within = Matched(math.nan, math.nan, math.nan, math.nan, len(place))
        else:
            squares = (np.stack([m[np.ix_(rows, rows)] for rows in place]) for m in (x, y))
            within = matched_agreement(*squares)
        found.append(
            Finding(
                claim=f"{pair} {_said(within)} on which models are alike, beyond what {by} explains",
                value=within.r,
                units="rank correlation",
                n=len(place),
                why=_why(within, by, plain["spearman"]) + _left_out(whole),
                evidence={"distances": words[one], "other distances": words[other]},
                details={
                    "table": table,
                    "p": within.p,
                    "same_seed": within.same_seed,
                    "other_seed": within.other_seed,
                    **plain,
                    **{name: stress(x, y)[name] for name in ("stress", "stress_unscaled")},
                },
            )
        )
    return found


def measured(distances: np.ndarray) -> np.ndarray:
    """Which models have a distance to any other: not those that diverged, whose weights are no numbers."""
    return np.asarray(np.isfinite(np.where(np.eye(len(distances), dtype=bool), np.nan, distances)).any(1))


def _left_out(whole: np.ndarray) -> str:
    gone = int((~whole).sum())
    return f"; {gone} of {len(whole)} models have no distances and are left out" if gone else ""


def _said(within: Matched) -> str:
    return "agree" if within.p < 0.05 else "are not shown to agree"


def _why(within: Matched, by: str, plain: float) -> str:
    if math.isnan(within.r):
        return f"over all pairs the distances correlate at {plain:.2f}; how much of it {by} explains takes 2 seeds with 4 settings in common"
    text = (
        f"the distances correlate at {within.same_seed:.2f} within seeds and at {within.other_seed:.2f} with those of other seeds at the "
        f"same {by}; of what {by} leaves open {within.r:.2f} is shared (p = {within.p:.2g})"
    )
    return text + f", and {within.seeds} seeds are too few to tell it from chance" * (within.seeds < 4)


def _in_words(measure: str) -> str:
    return measure.replace("_", " ")
