import math

import pytest
import torch

from ontogeny.numerics.fourier import fourier_basis
from ontogeny.numerics.fourier2d import block_energy, block_share, centred_energy, harmonics_2d


def grid(p):
    return torch.meshgrid(torch.arange(p).double(), torch.arange(p).double(), indexing="ij")


@pytest.mark.parametrize("p", [7, 8])
def test_transform_is_orthonormal_and_inverts(p):
    maps = torch.randn(2, p, p, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    c = harmonics_2d(maps)
    f = fourier_basis(p)
    torch.testing.assert_close(torch.einsum("ha,gb,...hgm->...abm", f, f, c), maps)
    torch.testing.assert_close(c.square().sum((-3, -2)), maps.square().sum((-3, -2)))


@pytest.mark.parametrize("p", [7, 8])
def test_block_energy_is_the_sum_over_the_nine_products_less_the_constant(p):
    maps = torch.randn(p, p, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = block_energy(harmonics_2d(maps).square())
    a = torch.arange(p).double()
    for k in range(1, p // 2 + 1):
        waves = [torch.ones(p, dtype=torch.float64), (2 * math.pi * k * a / p).cos()]
        if 2 * k != p:
            waves.append((2 * math.pi * k * a / p).sin())
        waves = [w / w.norm() for w in waves]
        energy = sum(
            torch.einsum("a,b,abm->m", u, v, maps) ** 2
            for i, u in enumerate(waves)
            for j, v in enumerate(waves)
            if i or j
        )
        torch.testing.assert_close(found[k], energy)
    assert (found[0] == 0).all()


def test_a_map_of_one_frequency_is_wholly_in_its_block_and_mixed_terms_are_in_none():
    p, (a, b) = 11, grid(11)
    w = 2 * math.pi / p
    pure = 3 + (w * 4 * (a + b)).cos() + 0.3 * (w * 4 * a).sin() - (w * 4 * (a - b)).sin()
    mixed = (w * 2 * a).cos() * (w * 3 * b).cos()
    both = (w * (a + b)).cos() + 2 * (w * 5 * (a + b)).cos()
    share = block_share(torch.stack([pure, mixed, both, torch.full_like(a, 0.1)], -1))
    expected = torch.zeros(6, 3, dtype=torch.float64)
    expected[4, 0], expected[1, 2], expected[5, 2] = 1, 0.2, 0.8
    torch.testing.assert_close(share[:, :3], expected, atol=1e-12, rtol=0)
    assert share[:, 3].isnan().all()


def test_multiplying_both_inputs_by_a_unit_permutes_the_frequencies():
    p, unit = 13, 5
    maps = torch.randn(p, p, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    index = torch.arange(p) * unit % p
    moved = [min(unit * k % p, -unit * k % p) for k in range(p // 2 + 1)]  # m(ua, ub): k becomes ±uk
    torch.testing.assert_close(block_share(maps[index][:, index])[moved], block_share(maps))


def test_stacking_equals_each_alone_and_float32_constants_have_no_energy():
    maps = torch.randn(3, 9, 9, 5, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(block_share(maps), torch.stack([block_share(m) for m in maps]))
    constant = torch.full((113, 113, 1), 0.3)
    assert centred_energy(harmonics_2d(constant).square()).item() == 0
