"""Does the similarity of models fall into blocks as a setting grows, or does it only fade with the distance between settings?"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import along_runs, pair_matrix, seeds_of
from ontogeny.numerics.blocks import Gradient, block_effect, check_blocks, find_blocks, random_blocks, spans
from ontogeny.numerics.mantel import mantel
from ontogeny.numerics.resampling import mean_interval


@finding(kind="similarity_blocks", reads=("measure:{measure}",))
def similarity_blocks(
    data: Mapping[str, Any],
    *,
    measure: str = "tn_similarity",
    variable: str = "value",
    by: str = "d_hidden",
    seed: str = "seed",
    most: int = 6,
    smallest: int = 3,
    clear: float = 0.05,
    level: float = 0.95,
    draws: int = 999,
    text: str = "",
) -> list[Finding]:
    """Are models of one range of ``by`` more alike than their closeness in ``by`` makes them?

    For every seed, the matrix of its models ordered by ``by``. Blocks are found on one half of the seeds (contiguous,
    2 … ``most`` of ``smallest`` settings or more, maximising residual similarity within) and tested on the other
    half, and the other way round; the larger p counts. Similarity is first freed of what a gradient can do: a level
    for every distance |Δ|, drifting smoothly along the diagonal, and an effect a model. The value is the gap: how
    much more alike two models of one block are, at the same distance and place, in units of the measure. The null is
    the same number of contiguous blocks at random places. The interval is Student's over seeds, each under the blocks
    of the half without it.

    "Agrees": p < 1 − level in both directions and the gap is at least ``clear``. "Disagrees": the whole interval lies
    below ``clear``. One seed cannot tell: blocks found in a matrix are always there. The ceiling (same setting, other
    seed) is in the details: a block whose members are no more alike than two seeds of one setting is as alike as it
    gets.

    How it misleads: a heatmap of a pure gradient looks blocky along the diagonal. Blocks with soft
    edges count as gradient here. With fewer than about 16 settings there are too few
    partitions for any p below 0.05.
    """
    source = f"measure:{measure}"
    pairs = data[source]
    sign = -1.0 if pairs.attrs.get("kind") in ("distance", "divergence") else 1.0
    matrix = sign * pair_matrix(pairs, variable, source)
    x, seeds = along_runs(pairs, by, source), seeds_of(pairs, seed)
    names = np.unique(seeds)
    settings = functools.reduce(np.intersect1d, [x[seeds == s] for s in names])
    place = np.array([[np.flatnonzero((seeds == s) & (x == d))[0] for d in settings] for s in names])
    claim = text or f"{measure} shows clear blocks by {by}"
    evidence = {"pairs": source}

    if len(names) < 2 or len(settings) < 2 * smallest:
        why = (
            "there is one seed only: blocks found in a matrix must be tested on another"
            if len(names) < 2
            else f"{len(settings)} settings are shared by all seeds, and two blocks need {2 * smallest}"
        )
        return [Finding(claim, verdict="too few seeds", why=why, n=len(names), evidence=evidence)]

    gradient = Gradient.of(len(settings))
    each = np.stack([matrix[np.ix_(rows, rows)] for rows in place])  # (seed, D, D)
    halves = [np.arange(len(names)) % 2 == h for h in (0, 1)]
    blocks = [find_blocks(each[half].mean(0), gradient, most=most, smallest=smallest) for half in halves]
    tests = [
        check_blocks(each[halves[1 - h]].mean(0), blocks[h], gradient, draws=draws, smallest=smallest, seed=h)
        for h in (0, 1)
    ]
    p = max(test[2] for test in tests)
    gaps = [float(block_effect(one, blocks[1 - s % 2], gradient)[1]) for s, one in enumerate(each)]
    interval = mean_interval(gaps, level)
    gap = float(np.mean(gaps))
    finest = max(1 / len(np.unique(random_blocks(b, draws, smallest=smallest), axis=0)) for b in blocks)

    judged: Verdict = "too few seeds"
    if p < 1 - level and gap >= clear:
        judged = "as published"
    elif interval[1] < clear:
        judged = "not as published"
    where = ", ".join(f"{settings[a]:g}–{settings[b]:g}" for a, b in spans(blocks[0]))
    why = (
        f"blocks found on half of the seeds ({where}) make models {gap:.3g} more alike on the other half than distance does; "
        f"randomly placed blocks do as well with p = {p:.2g}"
    )
    if finest >= 1 - level:
        why += f" ({len(settings)} settings leave too few partitions for a smaller p)"
    return [
        Finding(
            claim=claim,
            value=gap,
            units=pairs[variable].attrs.get("units", "1"),
            interval=interval,
            interval_kind="confidence",
            interval_of="the mean gap over seeds",
            n=len(names),
            verdict=judged,
            why=why,
            evidence=evidence,
            values=tuple(gaps),
            details={
                "p_value": p,
                "clear": clear,
                "partial_correlation": [test[0] for test in tests],
                "blocks": [[(settings[a], settings[b]) for a, b in spans(one)] for one in blocks],
                "within_minus_between_raw": _raw(each.mean(0), blocks[0]),
                "partial_mantel": _partial_mantel(
                    each[halves[1]].mean(0), blocks[0], settings, max(draws, 999)
                ),
                **_ceiling(sign * matrix, place),
            },
        )
    ]


def _partial_mantel(
    similarity: np.ndarray, labels: np.ndarray, x: np.ndarray, draws: int
) -> dict[str, float]:
    """Mantel's partial correlation of unlikeness and other-block, given |Δ|. Its permutations scatter the settings, which calls gradients that
    bend (other than linearly in |Δ|) blocks: shown because readers know it, not judged by.
    """
    apart = (labels[:, None] != labels).astype(float)
    said = mantel(similarity.max() - similarity, apart, np.abs(x[:, None] - x), permutations=draws)
    return {"r": said.r, "p": said.p}


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
