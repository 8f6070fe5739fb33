import math

import pytest
import torch

from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.periodicity import cosine_logits, periodicity


def cube(p, function):
    a, b, c = torch.meshgrid(*[torch.arange(p)] * 3, indexing="ij")
    return function((a + b - c).double()).reshape(p * p, p)


def found(logits, p):
    s = (torch.arange(p)[:, None] + torch.arange(p)).reshape(-1) % p
    return periodicity(table(logits, inputs_by_answer(s, p)), logits.square().sum((-2, -1)), p)


def test_two_cosines_have_their_closed_form():
    p, w = 11, 2 * math.pi / 11
    logits = cube(p, lambda d: 3 * (2 * w * d).cos() + 4 * (5 * w * d).cos())
    f = found(logits, p)
    expected = torch.zeros(6, dtype=torch.float64)
    expected[2], expected[5] = 3, 4
    torch.testing.assert_close(f.cos_coefficient, expected)
    torch.testing.assert_close(f.cos_similarity, expected / 5)
    torch.testing.assert_close(f.energy.sum(), torch.tensor(1.0, dtype=torch.float64))
    d = torch.arange(p).double()
    torch.testing.assert_close(
        cosine_logits(f.cos_coefficient, p), 3 * (2 * w * d).cos() + 4 * (5 * w * d).cos()
    )


@pytest.mark.parametrize("p", [6, 7])
def test_separable_projection_is_the_brute_force_one(p):
    logits = torch.randn(p * p, p, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f = found(logits, p)
    for k in range(p // 2 + 1):
        for wave, coefficient, similarity in (
            (torch.cos, f.cos_coefficient, f.cos_similarity),
            (torch.sin, f.sin_coefficient, f.sin_similarity),
        ):
            direction = cube(p, lambda d, k=k, wave=wave: wave(2 * math.pi * k * d / p))
            inner, square = (logits * direction).sum(), direction.square().sum()
            if square < 1e-9:  # no sine of 0 and of p/2
                assert coefficient[k] == similarity[k] == 0
                continue
            torch.testing.assert_close(coefficient[k], inner / square)
            torch.testing.assert_close(similarity[k], inner / square.sqrt() / logits.norm())


def test_multiplying_labels_by_a_unit_permutes_the_frequencies():
    p, unit = 13, 4
    cubes = torch.randn(p, p, p, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    index = torch.arange(p) * unit % p
    moved = [min(unit * k % p, -unit * k % p) for k in range(p // 2 + 1)]
    relabelled = cubes[index][:, index][:, :, index].reshape(p * p, p)
    torch.testing.assert_close(
        found(relabelled, p).cos_similarity[moved], found(cubes.reshape(p * p, p), p).cos_similarity
    )


def test_stacking_equals_each_alone():
    logits = torch.randn(3, 49, 7, generator=torch.Generator().manual_seed(2))
    together = found(logits, 7)
    for i in range(3):
        torch.testing.assert_close(together.cos_similarity[i], found(logits[i], 7).cos_similarity)
