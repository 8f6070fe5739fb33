"""Who belongs to whom: the assignment and the transport plan that collect the most from a table of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ontogeny.errors import UserError
from ontogeny.numerics.assignment_kernel import assign

Array = NDArray[np.float64]


LARGE = 2**20  # entries from which the compiled solver is worth its compilation, and SciPy's copies matter


def assignment(scores: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the one-to-one matching of largest total score: min(rows, columns) pairs.

    SciPy's solver for small tables; for large ones the one of :mod:`ontogeny.numerics.assignment_kernel`, which copies nothing. Of several such
    matchings they may give different ones.
    """
    if scores.size >= LARGE and np.isfinite(scores.sum(dtype=np.float64)):
        return assign(scores)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)


def transport(scores: Array) -> Array:
    """The plan T ≥ 0 of largest Σ T ⊙ scores with rows that sum to 1/rows and columns to 1/columns.

    Of as many rows as columns it is the assignment (Birkhoff); otherwise a linear programme, solved by POT (the extra ``ot``).
    """
    m, n = scores.shape
    plan = np.zeros((m, n))
    if m == n:
        plan[assignment(scores)] = 1 / n
        return plan
    try:
        import ot
    except ImportError:
        raise UserError(
            f"{m} units against {n}: optimal transport between different numbers needs POT: pip install 'ontogeny[ot]'."
        ) from None
    weights = np.full(m, 1 / m), np.full(n, 1 / n)
    return np.asarray(
        ot.emd(*weights, np.ascontiguousarray(-scores), numItermax=10_000_000), dtype=np.float64
    )
