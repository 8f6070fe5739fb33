"""Clouds around centres that were put there."""

from __future__ import annotations

import math

import pytest
import torch
from tests.lenses.test_fourier_network import POST, Prescribed

from ontogeny.lenses.class_geometry import class_geometry
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

P, D = 23, 12


def look(post):
    """What the lens says of activations (example, d)."""
    task = ModularAddition(p=P, equals=True)
    eye = torch.eye(P, dtype=torch.float64)
    weights = {"embed.W_E": eye, "blocks.0.mlp.W_out": post.new_zeros(post.shape[-1], P), "unembed.W_U": eye}
    model = Subject(Prescribed(post), weights, task.probe(), task.signature, CrossEntropy("float64"), {})
    return {name: one.values for name, one in class_geometry(model, tap=POST).items()}


def answers():
    return ModularAddition(p=P, equals=True).probe().labels


def on_a_circle(k, radius=3.0, noise=0.0, seed=0):
    """(example, d): the answer's place on a circle that is gone around k times, in a random plane; noise of a known size in every direction."""
    draw = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(D, D, generator=draw, dtype=torch.float64))[0]
    angle = 2 * math.pi * k * answers().double() / P
    plane = radius * torch.stack([angle.cos(), angle.sin()], -1) @ turn[:2]
    return plane + noise * torch.randn(P * P, D, generator=draw, dtype=torch.float64) + 5


@pytest.mark.parametrize("k", [1, 4, 11])
def test_a_circle_is_one(k):
    found = look(on_a_circle(k, noise=1e-3))
    assert found["circularity"] > 0.99 and found["plane_share"] > 0.999
    assert found["alignment_frequency"] == k and found["alignment"] > 0.99
    assert found["centre_dimension"] == pytest.approx(2, abs=1e-3)
    assert float(found["spread"]) == pytest.approx(3, rel=1e-3)
    assert found["place"].square().sum(-1).sqrt().mean() == pytest.approx(3, rel=1e-3)


def test_signal_noise_and_dimension_are_those_that_were_put_in():
    """The mean of n inputs takes 1/n of the noise's variance with it."""
    found = look(on_a_circle(3, noise=0.5))
    expected = 0.25 * D * (1 - 1 / P)
    assert float(found["radius"].square().mean()) == pytest.approx(expected, rel=0.05)
    assert float(found["signal_to_noise"]) == pytest.approx((9 + 0.25 * D / P) / expected, rel=0.08)
    # participation ratio of n − 1 independent Gaussian directions in D dimensions: about 1/(1/D + 1/(n − 1))
    assert float(found["dimension"].mean()) == pytest.approx(1 / (1 / D + 1 / (P - 1)), rel=0.1)


def test_the_nearest_two_are_found():
    x = on_a_circle(1, noise=0.05)
    labels = answers()
    x[labels == 7] += x[labels == 2].mean(0) - x[labels == 7].mean(0) + 0.1
    found = look(x)
    assert found["nearest_pair"].tolist() == [2, 7]
    a, b = (x[labels == r] for r in (2, 7))
    apart = (a.mean(0) - b.mean(0)).square().sum()
    clouds = sum((c - c.mean(0)).square().sum(-1).mean() for c in (a, b))
    assert float(found["nearest"]) == pytest.approx(float(apart / clouds), rel=1e-9)


def test_noise_is_no_circle_and_chance_is_what_random_angles_give():
    found = [
        look(torch.randn(P * P, D, generator=torch.Generator().manual_seed(s), dtype=torch.float64))
        for s in range(60)
    ]
    mean = sum(float(one["alignment"]) for one in found) / len(found)
    assert mean == pytest.approx(float(found[0]["alignment_chance"]), rel=0.15)
    assert sum(float(one["circularity"]) for one in found) / len(found) < 0.6
    assert max(float(one["signal_to_noise"]) for one in found) < 0.1


def test_turning_moving_and_scaling_change_nothing_that_is_pure():
    x = on_a_circle(5, noise=0.4)
    turn = torch.linalg.qr(
        torch.randn(D, D, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    )[0]
    first, second = look(x), look(7 * x @ turn - 2)
    for name in (
        "dimension",
        "signal_to_noise",
        "centre_dimension",
        "plane_share",
        "circularity",
        "alignment",
        "nearest",
        "nearest_pair",
    ):
        assert torch.allclose(first[name], second[name], rtol=1e-6), name
    assert torch.allclose(7 * first["radius"], second["radius"])
