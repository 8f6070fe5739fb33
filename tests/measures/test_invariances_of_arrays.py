"""Every measure of arrays against the changes that it declares to ignore, and against those that it does not."""

import numpy as np
import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.measures.kinds import AFFINE, SAMPLE_OFFSET, SAMPLE_SCALE
from ontogeny.registry import measures

N, D, E = 60, 8, 6
OF_ARRAYS = sorted(name for name, one in measures.items() if one.input != "model")


def draw(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def turn(d):
    return torch.linalg.qr(draw(d, d, seed=7))[0]


def thirds(n):
    return torch.where(torch.arange(n) % 3 == 0, -1.0, 1.0).double()


#: What a change does to (n, d): units are columns, samples or atoms rows.
CHANGES = {
    "permutation": lambda x: x.roll(2, -1),
    "sign_flip": lambda x: x * thirds(x.shape[1]),
    "orthogonal": lambda x: x @ turn(x.shape[1]),
    "isotropic_scale": lambda x: 3 * x,
    "translation": lambda x: x + draw(x.shape[1], seed=8) * x.std(),
    "unit_scale": lambda x: x * (1 + torch.arange(x.shape[1])),
    "invertible_linear": lambda x: x @ (draw(x.shape[1], x.shape[1], seed=9) + 2 * torch.eye(x.shape[1])),
    "sample_scale": lambda x: x * draw(len(x), 1, seed=10).exp(),
    "sample_offset": lambda x: x + draw(len(x), 1, seed=11) * x.std(),
    "atom_permutation": lambda x: x.roll(3, 0),
    "atom_sign": lambda x: x * thirds(len(x))[:, None],
    "atom_rotation": lambda x: turn(len(x)) @ x,
}
MATCHED = {*AFFINE, SAMPLE_SCALE, SAMPLE_OFFSET}
OF_ROWS = {*CHANGES} - {"translation", "unit_scale", "invertible_linear", "sample_offset"}
APPLIED = {"samples": MATCHED, "logits": MATCHED, "atoms": OF_ROWS, "matrix": OF_ROWS}


def two(name):
    """A pair of correlated arrays of the shapes that the measure takes; their total variance is just below 1, so that units of
    measurement count where they do."""
    rows, columns = {"samples": (N, E), "logits": (N, D), "atoms": (45, D), "matrix": (45, E)}[
        measures[name].input
    ]
    x, noise = draw(N, D, seed=0), draw(N, D, seed=1)
    y = (x + noise)[:rows, :columns]
    return tuple(z / (z.var(0).sum() * 1.05).sqrt() for z in (x, y))


@pytest.mark.parametrize("side", ["first", "second"])
@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_measure_ignores_what_it_declares_and_nothing_else(name, side):
    measure = measures[name]
    x, y = two(name)
    before = measure(x, y)
    declared = set(measure.invariances if side == "first" else measure.invariances_other)
    if name == "activation_similarity":  # declares changes of a bilinear model's weights
        declared = set(measures["logit_cosine"].invariances)
    applied = APPLIED[measure.input]
    assert declared <= applied
    ignored = set()
    for change in applied:
        changed = CHANGES[change]
        after = measure(changed(x), y) if side == "first" else measure(x, changed(y))
        moved = abs(after - before).item()
        assert moved < 1e-7 or moved > 1e-4, change
        ignored |= {change} if moved < 1e-7 else set()
    assert ignored == declared


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_samples_in_another_order_on_both_sides_change_nothing(name):
    x, y = two(name)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    again = measures[name](x if len(x) != len(y) else x[order], y[order])
    assert again.item() == pytest.approx(measures[name](x, y).item(), abs=1e-9)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_identity_range_symmetry_and_leading_axes(name):
    measure = measures[name]
    x, y = two(name)
    same = measure(x, x).item()
    assert same == pytest.approx(1 if measure.kind == "similarity" else 0, abs=1e-6)
    low, high = measure.range
    stack = [z for seed in range(3) for z in (x, CHANGES["translation"](x), draw(*x.shape, seed=20 + seed))]
    factors = [measure.prepare(z) for z in stack]
    table = measure.pairs(factors, factors)["value"]
    assert low - 1e-12 <= table.min() and table.max() <= high + 1e-12
    if measure.symmetric:
        torch.testing.assert_close(table, table.mT)
        assert measure(y, x).item() == pytest.approx(measure(x, y).item())
    else:
        assert abs(measure(y, x).item() - measure(x, y).item()) > 1e-4
    leading = measure(
        torch.stack([x, 2 * x + 1, y if y.shape == x.shape else x])[:, None], torch.stack([x] * 3)[:, None]
    )
    assert leading.shape == (3, 1)
    assert leading[0, 0].item() == same


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_pair_does_not_depend_on_its_company(name):
    measure = measures[name]
    arrays = [draw(40, 6, seed=seed).float() for seed in range(5)]
    factors = [measure.prepare(x) for x in arrays]
    table = measure.pairs(factors, factors)["value"]
    alone = measure.pairs(factors[1:2], factors[3:4])["value"]
    assert torch.equal(alone[0, 0], table[1, 3])


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_single_precision_is_near_enough(name):
    x, y = two(name)
    assert measures[name](x.float(), y.float()).item() == pytest.approx(measures[name](x, y).item(), abs=1e-5)


@pytest.mark.parametrize("name", [n for n in OF_ARRAYS if measures[n].input in ("samples", "logits")])
def test_shuffled_values_are_those_of_shuffled_samples(name):
    measure = measures[name]
    x, y = two(name)
    orders = torch.stack([torch.randperm(N, generator=torch.Generator().manual_seed(s)) for s in range(3)])
    fast = measure.shuffled(measure.prepare(x), y, orders)
    np.testing.assert_allclose(fast, [measure(x, y[order]).item() for order in orders], atol=1e-9)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_informative_nulls_are_those_that_change_the_value(name):
    measure = measures[name]
    x, y = two(name)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(3))
    moved = abs(measure(x, y[order]) - measure(x, y)).item() > 1e-4
    assert moved == ("row_shuffle" in measure.nulls)


def test_arrays_that_cannot_be_compared_are_refused_with_both_shapes():
    x = torch.ones(10, 3)
    for name, y, said in [
        ("cka_linear", torch.ones(9, 3), "10.*9"),
        ("logit_cosine", torch.ones(10, 4), "classes"),
        ("mmcs", torch.ones(10, 4), "dimensions"),
        ("cka_linear", torch.ones(2, 10, 3), "leading"),
        ("knn_jaccard", x, "10 neighbours.* 9"),
    ]:
        with pytest.raises(UserError, match=said):
            measures[name](x, y)
    with pytest.raises(UserError, match="4 rows"):
        measures["cka_linear_debiased"](torch.ones(3, 2), torch.ones(3, 2))
    with pytest.raises(UserError, match="whole models"):
        measures["tn_similarity"](x, x)


def test_ranges_and_directions_are_said():
    for name in OF_ARRAYS:
        one = measures[name]
        assert one.better.startswith("higher" if one.kind == "similarity" else "lower")
        assert one.range[0] < one.range[1]
        assert one.nulls
