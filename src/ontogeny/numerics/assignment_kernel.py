"""The assignment of largest total score, read from the table where it lies: float32 stays float32, and nothing of its size is copied.

SciPy's solver makes two tables of float64 of any input, 4 GB for two dictionaries of 16,384 atoms. This one keeps a price for each
column and a few lists: Jonker & Volgenant's augmenting row reduction (most rows find their column by outbidding), then shortest augmenting
paths for the rest (1987), on tables with no more rows than columns. The result is exact for the scores as they are; sums of prices are float64.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ontogeny.numerics.compiled import compiled


def assign(scores: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the one-to-one matching of largest total score: min(rows, columns) pairs, by rows. Finite scores only."""
    rows, columns = scores.shape
    if rows > columns:
        right, left = assign(np.ascontiguousarray(scores.T))
        order = np.argsort(left)
        return left[order], right[order]
    column_of = np.full(rows, -1, np.int64)
    _assign(np.ascontiguousarray(scores), column_of)
    return np.arange(rows), column_of


@compiled()
def _assign(scores, column_of):
    m, n = scores.shape
    price = np.zeros(n)  # what a column has been bid up to; 0 while nobody has it
    row_of = np.full(n, -1, np.int64)
    free = np.arange(m)
    waiting = m
    for _ in range(2):
        waiting = _outbid(scores, price, row_of, column_of, free, waiting)
    distance, before, columns = np.empty(n), np.empty(n, np.int64), np.arange(n)
    for k in range(waiting):
        _augment(scores, price, row_of, column_of, free[k], distance, before, columns)


@compiled(part=True)
def _outbid(scores, price, row_of, column_of, free, waiting):
    """Each free row takes its best column and bids it up to where its second best is as good; who loses it is free. Returns how many are."""
    n = len(price)
    place = kept = turns = 0
    while place < waiting:
        i = free[place]
        place += 1
        turns += 1
        best, second, at, next_at = -np.inf, -np.inf, 0, 0
        for j in range(n):
            gain = scores[i, j] - price[j]
            if gain > second:
                if gain > best:
                    best, second, at, next_at = gain, best, j, at
                else:
                    second, next_at = gain, j
        clear = best > second and second > -np.inf
        if clear:
            price[at] += best - second
        elif row_of[at] >= 0 and second > -np.inf:
            at = next_at
        loser = row_of[at]
        row_of[at], column_of[i] = i, at
        if loser >= 0:
            column_of[loser] = -1
            if clear and turns < 16 * n:  # rounding could make bids of nothing for ever
                place -= 1
                free[place] = loser
            else:
                free[kept] = loser
                kept += 1
    return kept


@compiled(part=True)
def _augment(scores, price, row_of, column_of, start, distance, before, columns):
    """The path of least loss from a free row to a free column (Dijkstra), along which columns change hands."""
    n = len(price)
    for j in range(n):
        distance[j], before[j] = price[j] - scores[start, j], start
    low = up = last = 0
    least, end = 0.0, -1
    while end < 0:
        if up == low:
            last = low
            least = distance[columns[up]]
            up += 1
            for k in range(up, n):
                j = columns[k]
                if distance[j] <= least:
                    if distance[j] < least:
                        up, least = low, distance[j]
                    columns[k], columns[up] = columns[up], j
                    up += 1
            for k in range(low, up):
                if row_of[columns[k]] < 0:
                    end = columns[k]
                    break
            if end >= 0:
                break
        j = columns[low]
        low += 1
        i = row_of[j]
        slack = price[j] - scores[i, j] - least
        for k in range(up, n):
            other = columns[k]
            longer = price[other] - scores[i, other] - slack
            if longer < distance[other]:
                before[other] = i
                distance[other] = longer
                if longer == least:
                    if row_of[other] < 0:
                        end = other
                        break
                    columns[k], columns[up] = columns[up], other
                    up += 1
    for k in range(last):
        price[columns[k]] += least - distance[columns[k]]
    i = -1
    while i != start:
        i = before[end]
        row_of[end] = i
        column_of[i], end = end, column_of[i]
