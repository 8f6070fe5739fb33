"""Contiguous blocks in a similarity matrix whose rows are ordered (models by width): finding them, and testing them on other
data."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ontogeny.numerics.resampling import Array, permutation_p

Labels = NDArray[np.int64]  # (D,): block of every row, 0, 0, 0, 1, 1, …


@dataclass(frozen=True)
class Gradient:
    """What similarity may do without being blocks, for D ordered rows: an orthonormal ``basis`` (pairs, q) over the pairs
    i < j.

        One level for every distance |i − j|, which may drift smoothly along the diagonal (a polynomial in the position of
        the pair and in its logarithm, because much changes among the first rows), and one effect a row (a model unlike
        all others is not a block). What is left over has edges.
    """

    size: int
    basis: Array

    @classmethod
    def of(cls, size: int, degree: int = 3) -> Gradient:
        i, j = np.triu_indices(size, 1)
        even = (i + j) / (size - 1) - 1
        early = np.log((i + 1) * (j + 1)) / np.log(size) - 1
        vander = np.polynomial.chebyshev.chebvander
        position = np.hstack([vander(even, degree), vander(early, degree)[:, 1:]])
        distance = (j - i)[:, None] == np.arange(1, size)
        rows = (i[:, None] == np.arange(size)) | (j[:, None] == np.arange(size))
        drifting = (distance[:, :, None] * position[:, None, :]).reshape(len(i), -1)
        left, s, _ = np.linalg.svd(np.hstack([drifting, rows.astype(float)]), full_matrices=False)
        return cls(size, left[:, s > 1e-8 * s[0]])

    def remove(self, pairs: Array) -> Array:
        """Residuals of (..., pairs)."""
        return np.asarray(pairs - (pairs @ self.basis) @ self.basis.T)

    @property
    def freedom(self) -> int:
        return int(self.basis.shape[0] - self.basis.shape[1])


def upper(matrix: ArrayLike) -> Array:
    """The pairs i < j of (..., D, D)."""
    matrix = np.asarray(matrix, dtype=float)
    i, j = np.triu_indices(matrix.shape[-1], 1)
    return np.asarray(matrix[..., i, j])


def same_block(labels: ArrayLike) -> Array:
    """1 for pairs of rows in one block: (..., D) → (..., pairs)."""
    labels = np.asarray(labels)
    i, j = np.triu_indices(labels.shape[-1], 1)
    return np.asarray(labels[..., i] == labels[..., j], dtype=float)


def block_effect(similarity: ArrayLike, labels: ArrayLike, gradient: Gradient) -> tuple[Array, Array]:
    """How much more alike are rows of one block than the gradient makes them? Two numbers, each (...).

    ``similarity`` (D, D), ``labels`` (..., D). The partial correlation of similarity and same-block given the
    gradient, and the gap: the regression coefficient of same-block, in units of similarity. 0 for labels that the
    gradient explains (one block, or none).
    """
    s = gradient.remove(upper(similarity))
    inside = gradient.remove(same_block(labels))
    power = (inside**2).sum(-1)
    known = power > 1e-8 * max(inside.shape[-1], 1)
    safe = np.where(known, power, 1.0)
    overlap = np.where(known, inside @ s, 0.0)
    return overlap / np.sqrt(safe * max((s**2).sum(), 1e-300)), overlap / safe


def find_blocks(similarity: ArrayLike, gradient: Gradient, *, most: int = 6, smallest: int = 3) -> Labels:
    """The contiguous partition into 2 … ``most`` blocks of ``smallest`` rows or more that the residual similarity speaks for.

    For every number of blocks the partition with the largest sum of residuals within blocks (exact, by dynamic
    programming over the last cut); among these the one with the largest partial correlation. It finds blocks in
    anything: test them on other data.
    """
    size = gradient.size
    residual = np.zeros((size, size))
    residual[np.triu_indices(size, 1)] = gradient.remove(upper(similarity))
    total = np.zeros((size + 1, size + 1))
    total[1:, 1:] = residual.cumsum(0).cumsum(1)

    def within(start: int, end: int) -> float:
        return float(total[end, end] - total[start, end] - total[end, start] + total[start, start])

    best: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {(0, 0): (0.0, ())}
    for count in range(1, most + 1):
        for end in range(count * smallest, size + 1):
            options = [
                (best[count - 1, start][0] + within(start, end), (*best[count - 1, start][1], start))
                for start in range(end - smallest + 1)
                if (count - 1, start) in best
            ]
            if options:
                best[count, end] = max(options)
    candidates = [
        _labels(best[count, size][1], size) for count in range(2, most + 1) if (count, size) in best
    ]
    effects = block_effect(similarity, np.stack(candidates), gradient)[0]
    return candidates[int(effects.argmax())]


def random_blocks(labels: Labels, draws: int, *, smallest: int = 3, seed: int = 0) -> Labels:
    """As many contiguous blocks as ``labels`` has, cut at random positions, none smaller than ``smallest``: (draws, D)."""
    size, count = len(labels), int(labels.max()) + 1
    free = size - count * smallest
    generator = np.random.default_rng(seed)
    # Uniform over partitions: place count − 1 bars among the free rows.
    bars = np.sort(np.argsort(generator.random((draws, free + count - 1)), -1)[:, : count - 1], -1)
    cuts = bars - np.arange(count - 1) + smallest * np.arange(1, count)
    return np.asarray((np.arange(size) >= cuts[:, :, None]).sum(1))


def check_blocks(
    similarity: ArrayLike,
    labels: Labels,
    gradient: Gradient,
    *,
    draws: int = 999,
    smallest: int = 3,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Do blocks found elsewhere show in this matrix? (partial correlation, gap, p against randomly placed blocks.)

    The matrix must come from other seeds than the blocks. The null keeps the number of blocks and their contiguity,
    which a permutation of rows would destroy: under any gradient left over, contiguous blocks beat scattered ones.
    """
    correlation, gap = block_effect(similarity, labels, gradient)
    null, _ = block_effect(similarity, random_blocks(labels, draws, smallest=smallest, seed=seed), gradient)
    return float(correlation), float(gap), float(permutation_p(correlation, null))


class SplitTest(NamedTuple):
    """Gap of each seed under the blocks of the half without it, the larger and the smaller of the two p, and the blocks of each
    half."""

    gaps: Array
    p: float
    least_p: float
    blocks: tuple[Labels, Labels]


def split_test(
    each: Array, gradient: Gradient, *, most: int = 6, smallest: int = 3, draws: int = 999
) -> SplitTest:
    """Blocks found on every other seed and tested on the rest, and the other way round: similarities (seed, D, D), two seeds or
    more."""
    half = np.arange(len(each)) % 2
    means = [each[half == h].mean(0) for h in (0, 1)]
    first, second = (find_blocks(mean, gradient, most=most, smallest=smallest) for mean in means)
    ps = [
        check_blocks(means[1 - h], found, gradient, draws=draws, smallest=smallest, seed=h)[2]
        for h, found in enumerate((first, second))
    ]
    gaps = [
        float(block_effect(one, (second, first)[h], gradient)[1]) for h, one in zip(half, each, strict=True)
    ]
    return SplitTest(np.array(gaps), max(ps), min(ps), (first, second))


def injected_found(
    each: Array,
    like: Labels,
    gap: float,
    gradient: Gradient,
    *,
    times: int = 20,
    p: float = 0.05,
    most: int = 6,
    smallest: int = 3,
    draws: int = 199,
) -> float:
    """Would sharp blocks of this gap have been seen? They are added to these matrices and looked for: the share found.

    As many blocks as ``like`` has, at random places. Found: p below the threshold in both directions, and at least half of the
    gap.
    """
    found = []
    for labels in random_blocks(like, times, smallest=smallest, seed=7):
        seen = split_test(
            each + gap * (labels[:, None] == labels), gradient, most=most, smallest=smallest, draws=draws
        )
        found.append(seen.p < p and seen.gaps.mean() >= gap / 2)
    return float(np.mean(found))


def _labels(starts: tuple[int, ...], size: int) -> Labels:
    cuts = np.array(starts[1:], dtype=np.int64)
    return np.asarray((np.arange(size)[:, None] >= cuts).sum(1))


def spans(labels: Labels) -> list[tuple[int, int]]:
    """First and last row of each block."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(start, end - 1) for start, end in itertools.pairwise(edges)]
