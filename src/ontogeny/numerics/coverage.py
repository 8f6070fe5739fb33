"""How often a random subset leaves a class out."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def probability_of_cover(sizes: Sequence[int], drawn: int) -> float:
    """P(a subset of ``drawn`` of Σ sizes items, all subsets alike, holds at least one of every class).

    Equation: subsets that miss no class are counted by the coefficient of x^drawn in Π_c ((1 + x)^n_c − 1), n_c items in class
    c; exact, in whole numbers.
    """
    counts = [1]
    for size in sizes:
        of_class = [0, *(comb(size, k) for k in range(1, size + 1))]
        product = [0] * (len(counts) + size)
        for i, x in enumerate(counts):
            for k, y in enumerate(of_class):
                product[i + k] += x * y
        counts = product
    return counts[drawn] / comb(sum(sizes), drawn) if drawn < len(counts) else 0.0
