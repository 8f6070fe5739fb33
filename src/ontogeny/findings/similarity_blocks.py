"""Does the similarity of models fall into sharp blocks as a setting grows, or does it only fade with the distance between
settings?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import along_runs, pair_matrix, seed_grid, seeds_of
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.blocks import Gradient, SplitTest, injected_found, random_blocks, spans, split_test
from ontogeny.numerics.resampling import mean_interval

MOST, SMALLEST = 6, 3  # blocks, and settings in one
FOUND = 0.8  # share of injected blocks that must be found before their absence says anything


@finding(kind="similarity_blocks", reads=("measure:{measure}",), stated=True)
def similarity_blocks(
    data: Mapping[str, Any],
    *,
    measure: str = "tn_similarity",
    by: str = "d_hidden",
    clear: float = 0.05,
    text: str = "",
) -> list[Finding]:
    """Are models of one range of ``by`` more alike than their closeness in ``by`` makes them?

    For every seed, the matrix of its models ordered by ``by``. Blocks are found on one half of the seeds (contiguous,
    2 … 6 of 3 settings or more, maximising residual similarity within) and tested on the other
    half, and the other way round; the larger p counts. Similarity is first freed of what a gradient can do: a level
    for every distance |Δ|, drifting smoothly along the diagonal, and an effect a model. The value is the gap: how
    much more alike two models of one block are, at the same distance and place, in units of the measure. The null is
    the same number of contiguous blocks at random places. The interval is Student's over seeds, each under the blocks
    of the half without it.

    The claim is of *sharp* blocks, whose members are ``clear`` more alike. "As published": p < .05 in both directions and
    the gap is at least ``clear``. "Not as published": the whole interval lies below half of ``clear`` (softening an edge halves
    the gap), there is no trace of an edge (p ≥ .05 in either direction), and blocks of that size, put into these very matrices
    at random places, are found four times in five or more. "In part": edges are there, softer or smaller than claimed. One seed
    cannot tell: blocks found in a matrix are always there. The ceiling (same setting, other seed) is in the details: a block
    whose members are no more alike than two seeds of one setting is as alike as it gets.

    How it misleads: a heatmap of a pure gradient looks blocky along the diagonal. Edges softened over several settings are taken
    for a gradient in part, so the gap is too small. With fewer than about 16 settings there are too few
    partitions for any p below 0.05.
    """
    source = f"measure:{measure}"
    pairs = data[source]
    sign = -1.0 if pairs.attrs.get("kind") in ("distance", "divergence") else 1.0
    matrix = sign * pair_matrix(pairs, "value", source)
    settings, place = seed_grid(along_runs(pairs, by, source), seeds_of(pairs))
    seeds = len(place)
    claim = text or f"{measure} shows clear blocks by {by}"
    evidence = {"pairs": source}

    if seeds < 2 or len(settings) < 2 * SMALLEST:
        why = (
            "there is one seed only: blocks found in a matrix must be tested on another"
            if seeds < 2
            else f"{len(settings)} settings are shared by all seeds, and two blocks need {2 * SMALLEST}"
        )
        return [Finding(claim, verdict="too few seeds", why=why, n=seeds, evidence=evidence)]

    gradient = Gradient.of(len(settings))
    each = np.stack([matrix[np.ix_(rows, rows)] for rows in place])  # (seed, D, D)
    seen = split_test(each, gradient, most=MOST, smallest=SMALLEST)
    interval = mean_interval(seen.gaps, LEVEL)
    gap = float(seen.gaps.mean())
    finest = max(1 / len(np.unique(random_blocks(b, 999, smallest=SMALLEST), axis=0)) for b in seen.blocks)

    where = ", ".join(f"{settings[a]:g}–{settings[b]:g}" for a, b in spans(seen.blocks[0]))
    why = (
        f"blocks found on half of the seeds ({where}) make models {gap:.3g} more alike on the other half than distance does; "
        f"randomly placed blocks do as well with p = {seen.p:.2g}"
    )
    judged, power = decided(seen, each, gradient, clear, most=MOST, smallest=SMALLEST)
    if judged == "in part":
        why += f": there are edges, softer or smaller than the {clear:g} that would be clear"
    if not math.isnan(power):
        why += f"; of sharp blocks of {clear:g} put into these matrices {power:.0%} are found"
    if finest >= 1 - LEVEL:
        why += f" ({len(settings)} settings leave too few partitions for a smaller p)"
    return [
        Finding(
            claim=claim,
            value=gap,
            units=pairs["value"].attrs.get("units", "1"),
            interval=interval,
            interval_kind="confidence",
            interval_of="the mean gap over seeds",
            n=seeds,
            verdict=judged,
            why=why,
            evidence=evidence,
            values=tuple(seen.gaps),
            details={
                "p_value": seen.p,
                "clear": clear,
                "injected_blocks_found": power,
                "blocks": [[(settings[a], settings[b]) for a, b in spans(one)] for one in seen.blocks],
                "within_minus_between_raw": _raw(each.mean(0), seen.blocks[0]),
                **_ceiling(sign * matrix, place),
            },
        )
    ]


def decided(
    seen: SplitTest, each: np.ndarray, gradient: Gradient, clear: float, *, most: int = 6, smallest: int = 3
) -> tuple[Verdict, float]:
    """The verdict on sharp blocks of ``clear``, and which share of injected ones is found (NaN where nobody had to ask)."""
    if seen.p < 1 - LEVEL and seen.gaps.mean() >= clear:
        return "as published", math.nan
    if seen.least_p < 1 - LEVEL:
        return "in part", math.nan
    if not mean_interval(seen.gaps, LEVEL)[1] < clear / 2:
        return "too few seeds", math.nan
    power = injected_found(each, seen.blocks[0], clear, gradient, most=MOST, smallest=SMALLEST)
    return "not as published" if power >= FOUND else "too few seeds", power


def _raw(similarity: np.ndarray, labels: np.ndarray) -> float:
    """Within − between with nothing controlled: what the eye sees, gradient and all."""
    same, off = labels[:, None] == labels, ~np.eye(len(labels), dtype=bool)
    return float(similarity[same & off].mean() - similarity[~same].mean())


def _ceiling(matrix: np.ndarray, place: np.ndarray) -> dict[str, float]:
    """Same setting, other seed; and neighbouring settings of one seed: as alike as models can be expected to be."""
    seeds, settings = place.shape
    other = [
        matrix[place[s, d], place[t, d]] for d in range(settings) for s in range(seeds) for t in range(s)
    ]
    next_to = [matrix[place[s, d], place[s, d + 1]] for d in range(settings - 1) for s in range(seeds)]
    return {
        "same_setting_other_seed": float(np.mean(other)) if other else math.nan,
        "next_setting_same_seed": float(np.mean(next_to)),
    }
