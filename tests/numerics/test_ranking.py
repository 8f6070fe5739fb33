"""Orders of units against NumPy's own sorting by two keys."""

import numpy as np
import torch

from ontogeny.numerics.ranking import by_first_then_largest


def test_as_lexsort_has_it_ties_and_nothing_included():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, (5, 40)).astype(float)
    first[:, ::7] = np.nan
    size = rng.integers(0, 6, (5, 40)).astype(float)
    size[np.isnan(first)] = np.nan
    for ours, f, s in zip(
        by_first_then_largest(torch.tensor(first), torch.tensor(size)), first, size, strict=True
    ):
        np.testing.assert_array_equal(ours, np.lexsort([-s, f]))
