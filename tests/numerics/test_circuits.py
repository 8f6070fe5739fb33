import math

import numpy as np
import pytest
import torch

from ontogeny.numerics.circuits import cosine, distance_irrelevance, sample, sampled_mean
from ontogeny.numerics.random import Key


def torus(p, of):
    x = torch.arange(p).double()
    return of(x[:, None], x[None, :])


@pytest.mark.parametrize("p", [7, 59])
@pytest.mark.parametrize(("of_sum", "of_distance"), [(1.0, 0.0), (0.0, 1.0), (3.0, 4.0), (1.0, 5.0)])
def test_waves_of_the_sum_and_of_the_distance_have_the_share_of_the_sum(p, of_sum, of_distance):
    w = 2 * math.pi * 2 / p
    logit = torus(p, lambda a, b: 5 + of_sum * (w * (a + b)).cos() + of_distance * (w * (b - a)).cos())
    expected = of_sum / math.hypot(of_sum, of_distance)
    assert distance_irrelevance(logit).item() == pytest.approx(expected, abs=1e-12)


def test_it_is_the_definition_written_out_for_every_leading_index():
    logit = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for one, found in zip(logit.numpy(), distance_irrelevance(logit), strict=True):
        stds = [np.std([one[a, (a + d) % 8] for a in range(8)]) for d in range(8)]
        assert found.item() == pytest.approx(np.mean(stds) / np.std(one))


def test_a_constant_has_no_irrelevance_and_shifts_and_scales_do_not_matter():
    assert distance_irrelevance(torch.full((5, 5), 0.1)).isnan()
    logit = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = 4 - 3 * logit.roll((2, 5), (0, 1))
    torch.testing.assert_close(distance_irrelevance(moved), distance_irrelevance(logit))


def test_cosine_is_numpys_and_missing_without_a_direction():
    x, y = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2)).unbind(0)
    x[3] = 0
    u, v = x.double().numpy(), y.double().numpy()
    expected = [u[i] @ v[i] / np.linalg.norm(u[i]) / np.linalg.norm(v[i]) for i in range(3)]
    assert cosine(x, y)[:3].tolist() == pytest.approx(expected) and cosine(x, y)[3].isnan()


def test_a_sample_has_no_item_twice_and_all_items_have_no_error():
    drawn = sample(1000, 300, Key(0, "test"))
    assert len(set(drawn.tolist())) == 300 and not torch.equal(drawn, sample(1000, 300, Key(1, "test")))
    for all_of_them in (0, 1000, 5000):
        assert torch.equal(sample(1000, all_of_them, Key(0, "test")), torch.arange(1000))
    values = torch.randn(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert sampled_mean(values, 1000) == (values.mean(), 0)
    values[:10] = torch.nan
    torch.testing.assert_close(sampled_mean(values, 1000).mean, values[10:].mean())


@pytest.mark.parametrize("n", [50, 600])
def test_two_standard_errors_hold_the_truth_as_often_as_they_say(n):
    values = torch.rand(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) ** 3
    found = [sampled_mean(values[sample(1000, n, Key(i, "coverage"))], 1000) for i in range(600)]
    held = np.mean([abs(f.mean - values.mean()).item() < 1.96 * f.error.item() for f in found])
    assert 0.92 < held < 0.975  # .95 ± 3 standard errors of 600 draws
