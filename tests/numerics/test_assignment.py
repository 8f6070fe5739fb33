"""The compiled solver finds matchings of the same total as SciPy's, in every shape, with ties, and reads float32 as it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from ontogeny.numerics import transport
from ontogeny.numerics.assignment_kernel import assign

KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "float32": lambda rng, shape: rng.normal(size=shape).astype(np.float32),
    "ties": lambda rng, shape: rng.integers(0, 3, shape).astype(float),
    "nearly all alike": lambda rng, shape: (rng.random(shape) > 0.8).astype(float),
    "one order for all": lambda rng, shape: np.add.outer(
        rng.normal(size=shape[0]), np.linspace(0, 1, shape[1])
    ),
    "almost ties": lambda rng, shape: 1 + 1e-12 * rng.normal(size=shape),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_total_is_the_largest_there_is(kind):
    rng = np.random.default_rng(0)
    for _ in range(60):
        scores = KINDS[kind](rng, tuple(rng.integers(1, 40, 2)))
        rows, columns = assign(scores)
        assert len(set(rows)) == len(set(columns)) == len(rows) == min(scores.shape)
        assert (np.diff(rows) > 0).all()
        best = scores[linear_sum_assignment(scores, maximize=True)]
        assert scores[rows, columns].sum(dtype=float) == pytest.approx(best.sum(dtype=float), abs=1e-5)


def test_large_tables_take_the_compiled_solver_and_agree(monkeypatch):
    monkeypatch.setattr(transport, "LARGE", 1)
    scores = np.random.default_rng(1).normal(size=(70, 50)).astype(np.float32)
    rows, columns = transport.assignment(scores)
    monkeypatch.setattr(transport, "LARGE", 10**9)
    assert (rows.tolist(), columns.tolist()) == tuple(x.tolist() for x in transport.assignment(scores))
    with pytest.raises(ValueError, match="invalid"):
        monkeypatch.setattr(transport, "LARGE", 1)
        transport.assignment(np.full((3, 3), np.nan))
