"""Signals made of known frequencies, taken apart and rebuilt."""

import math

import pytest
import torch

from ontogeny.numerics.dft import partial_sums


@pytest.mark.parametrize("p", [20, 21])
def test_two_cosines_come_back_one_after_the_other(p):
    t = 2 * math.pi * torch.arange(p, dtype=torch.float64) / p
    strong, weak = 3 * torch.cos(2 * t + 0.4), torch.cos(5 * t - 1)
    sums = partial_sums(strong + weak + 7)
    assert sums.order[:2].tolist() == [2, 5]
    torch.testing.assert_close(sums.signals[0], strong + 7)
    torch.testing.assert_close(sums.signals[1], strong + weak + 7)
    torch.testing.assert_close(sums.explained[:2], torch.tensor([0.9, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("p", [10, 11])
def test_all_frequencies_give_the_signal_back_and_shares_of_variance_are_those_of_the_residuals(p):
    x = torch.randn(4, p, dtype=torch.float64)
    sums = partial_sums(x)
    assert sums.signals.shape == (4, p // 2, p)
    torch.testing.assert_close(sums.signals[:, -1], x)
    residual = (x.unsqueeze(1) - sums.signals).var(-1) / x.var(-1, keepdim=True)
    torch.testing.assert_close(sums.explained, 1 - residual)
    assert (sums.explained.diff(dim=-1) >= 0).all()
