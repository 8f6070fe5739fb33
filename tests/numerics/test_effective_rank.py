"""Counts of components where the answer is plain."""

import pytest
import torch

from ontogeny.numerics.effective_rank import components_for, cumulative_share, entropy_rank, ratio_rank


@pytest.mark.parametrize("n", [1, 4, 13])
def test_n_equal_magnitudes_count_as_n(n):
    values = torch.zeros(2, 20)
    values[:, :n] = 3.0 * (-1) ** torch.arange(n)
    for count in (entropy_rank, ratio_rank, lambda v: components_for(v, 1.0)):
        torch.testing.assert_close(count(values), torch.full((2,), float(n)))


def test_forms_of_unequal_eigenvalues():
    values = torch.tensor([2.0, -1.0])  # energies .8 and .2
    assert ratio_rank(values) == 1.5
    torch.testing.assert_close(entropy_rank(values), torch.tensor(0.8**-0.8 * 0.2**-0.2))
    torch.testing.assert_close(cumulative_share(values), torch.tensor([0.8, 1.0]))
    assert components_for(values, 0.79) == 1 and components_for(values, 0.81) == 2


def test_nothing_has_no_rank():
    for count in (entropy_rank, ratio_rank, components_for):
        assert count(torch.zeros(5)).isnan()
