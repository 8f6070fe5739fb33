"""Counts of directions where the count is known."""

import math

import pytest
import torch

from ontogeny.numerics.spectra import entropy_rank, participation_ratio, singular_values


@pytest.mark.parametrize("r", [1, 3, 8])
def test_r_equal_directions_count_r(r):
    basis = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q
    s = singular_values(5 * basis[:, :r] @ basis[:r])
    assert participation_ratio(s).item() == pytest.approx(r)
    assert entropy_rank(s).item() == pytest.approx(r)


def test_unequal_directions_by_hand():
    s = torch.tensor([2.0, 1.0])
    assert participation_ratio(s).item() == pytest.approx(25 / 17)
    assert entropy_rank(s).item() == pytest.approx(math.exp(2 / 3 * math.log(3 / 2) + 1 / 3 * math.log(3)))


def test_scale_does_not_matter_down_to_tiny_weights_and_zero_is_nan():
    s = torch.tensor([3.0, 2.0, 1.0])
    torch.testing.assert_close(participation_ratio(1e-15 * s), participation_ratio(s))
    assert participation_ratio(torch.zeros(3)).isnan() and entropy_rank(torch.zeros(3)).isnan()
