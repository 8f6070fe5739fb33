"""Landscapes and curvature of networks of which they are known, or can be had another way."""

import pytest
import torch
from torch.testing import assert_close

from ontogeny.axes import dataset
from ontogeny.errors import UserError
from ontogeny.lenses.loss_landscape import loss_landscape
from ontogeny.lenses.path_landscape import path_landscape
from ontogeny.lenses.sharpness import sharpness
from ontogeny.numerics.landscape import curvature
from ontogeny.numerics.random import Key


def test_the_middle_is_the_model_and_every_point_is_the_loss_of_moved_weights(random_subject):
    model = random_subject(0, 1)
    found = loss_landscape(model, points=3, reach=0.5, seed=4)["loss"].values  # (lead, split, across, along)
    assert found.shape == (2, 2, 3, 3)
    own = torch.stack([model.examples["loss"][:, rows].mean(-1) for rows in model.split.values()], -1)
    assert_close(found[:, :, 1, 1], own)
    assert_close(found[1], loss_landscape(random_subject(1), points=3, reach=0.5, seed=4)["loss"].values)
    other = loss_landscape(model, points=3, reach=0.5, seed=5)["loss"].values
    assert (found - other)[:, :, 0].abs().min() > 1e-3


def test_a_network_whose_neurons_are_made_larger_and_read_less_has_the_same_landscape(random_subject):
    model, other = random_subject(0), random_subject(0)
    size = torch.logspace(-1, 1, 24)
    other.weights["blocks.0.mlp.W_in"] = other.weights["blocks.0.mlp.W_in"] * size
    other.weights["blocks.0.mlp.W_out"] = other.weights["blocks.0.mlp.W_out"] / size[:, None]
    one, same = (loss_landscape(m, points=3)["loss"].values for m in (model, other))
    assert_close(one, same, rtol=1e-4, atol=1e-5)
    # the curvature, on the other hand, is not that of the function
    sharp, blunt = (sharpness(m, count=1)["largest"].values for m in (model, other))
    assert ((sharp - blunt).abs() > 0.05 * sharp.abs()).all()


def test_a_path_in_a_plane_lies_on_the_picture_and_the_loss_under_it_is_its_own(
    random_subject, random_weights
):
    a, b, c = (random_weights(seed) for seed in range(3))
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    model = random_subject(0, 1, 2, 3)
    model.weights = {n: torch.stack([a[n] + x * b[n] + y * c[n] for x, y in corners]) for n in a}
    model.steps = (0, 1, 2, 3)
    found = dataset(path_landscape(model, points=3))
    assert found["off_plane"].max() < 1e-3 * float(abs(found["scores"]).max())
    assert_close(float(found["explained"].sum()), 1.0)
    # the middle of the grid is the mean of the two extremes along each axis: a known mixture of the corners
    u = torch.tensor(found["scores"].values)
    place = torch.tensor([found["along"].values[1], found["across"].values[1]])
    homogeneous = torch.cat([u, torch.ones(4, 1)], 1).double()
    mix = torch.linalg.lstsq(
        homogeneous.mT, torch.cat([place, torch.ones(1)]).double(), driver="gelsd"
    ).solution
    there = {n: torch.einsum("s,s...->...", mix.to(w), w) for n, w in model.weights.items()}
    expected = model.losses(there)
    assert_close(
        torch.tensor(found["loss"].values[:, 1, 1]),
        torch.stack([*expected.values()]).double(),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_path_without_a_plane_is_refused(random_subject):
    model = random_subject(0, 1)
    model.steps = (0, 1)
    with pytest.raises(UserError, match="three or more steps"):
        path_landscape(model)
    line = random_subject(0, 1, 2)
    line.weights = {n: torch.stack([w[0], w[0] + w[1], w[0] + 2 * w[1]]) for n, w in line.weights.items()}
    line.steps = (0, 1, 2)
    with pytest.raises(UserError, match="one line"):
        path_landscape(line)


@pytest.mark.parametrize("n", [12, 200])
def test_curvature_of_a_quadratic_is_its_matrix(n):
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    values = torch.linspace(-3, 7, n, dtype=torch.float64)
    h = q @ values.diag() @ q.mT
    found = curvature(
        lambda w: w["x"] @ h @ w["x"] / 2, {"x": torch.ones(n, dtype=torch.float64)}, 3, Key(0, "test")
    )
    assert_close(found.largest, values[-3:].flip(0), rtol=1e-4, atol=1e-4)
    assert_close(found.smallest, values[:3], rtol=1e-4, atol=1e-4)
    assert found.residual < 1e-2


def test_sharpness_is_that_of_the_hessian_written_out(adder):
    model = adder(parabola=0.05)
    model.weights = {n: w.double() for n, w in model.weights.items()}
    names = ["blocks.0.mlp.W_in", "blocks.0.mlp.W_out"]
    shapes = [model.weights[n].shape for n in names]

    def loss(x):
        parts = x.split([s.numel() for s in shapes])
        moved = {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return model.losses({**model.weights, **moved})["test"]

    at = torch.cat([model.weights[n].flatten() for n in names])
    written = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, at))
    point = {n: model.weights[n] for n in names}
    found = curvature(lambda w: model.losses({**model.weights, **w})["test"], point, 2, Key(0, "test"))
    assert_close(found.largest, written[-2:].flip(0), rtol=1e-4, atol=1e-6)
    assert_close(found.smallest, written[:2], rtol=1e-4, atol=1e-4 * float(written[-1]))


def test_sharpness_looks_at_stacks_and_says_how_far_it_is_from_the_truth(random_subject):
    found = dataset(sharpness(random_subject(0, 1), count=2), ("run",))
    assert found["largest"].dims == ("run", "split", "rank") and float(found["residual"].max()) < 1e-2
    alone = dataset(sharpness(random_subject(1), count=2))
    assert_close(found["largest"].values[1], alone["largest"].values, rtol=1e-3, atol=1e-4)
