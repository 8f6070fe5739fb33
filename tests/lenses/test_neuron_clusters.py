"""Groups that were planted are found, and none where none were."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from tests.lenses.test_fourier_network import POST, Prescribed

from ontogeny.lenses.neuron_clusters import neuron_clusters
from ontogeny.numerics.clusters import adjusted_rand, group, k_means
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

P = 17


def look(maps, **options):
    """What the lens says of maps (neuron, a, b)."""
    task = ModularAddition(p=P, equals=True)
    post = maps.double().permute(1, 2, 0).reshape(P * P, -1)
    eye = torch.eye(P, dtype=torch.float64)
    weights = {"embed.W_E": eye, "blocks.0.mlp.W_out": post.new_zeros(post.shape[-1], P), "unembed.W_U": eye}
    model = Subject(Prescribed(post), weights, task.probe(), task.signature, CrossEntropy("float64"), {})
    model.site = lambda role: model.tap(POST)  # type: ignore[method-assign]
    return {name: one.values for name, one in neuron_clusters(model, **options).items()}


def waves(frequencies, each, noise=0.2, seed=0):
    """Neurons of these frequencies with random phases, and noise: (neuron, a, b); and the group of each."""
    draw = torch.Generator().manual_seed(seed)
    x = 2 * math.pi * torch.arange(P).double() / P
    maps, of = [], []
    for g, (k, n) in enumerate(zip(frequencies, each, strict=True)):
        for phase in 2 * math.pi * torch.rand(n, generator=draw, dtype=torch.float64):
            maps.append(torch.cos(k * (x[:, None] + x) + phase) + noise * torch.randn(P, P, generator=draw))
            of.append(g)
    return torch.stack(maps), np.array(of)


def test_neurons_of_three_frequencies_are_three_groups_by_spectrum():
    maps, of = waves((2, 5, 7), (30, 20, 12))
    found = look(maps)
    assert float(found["count"]) == 3
    assert adjusted_rand(found["cluster"].numpy().astype(int), of) == 1
    assert (np.bincount(found["cluster"].numpy().astype(int)) == [30, 20, 12]).all()  # the largest first
    assert float(found["stability"]) > 0.95 and float(found["p"]) == 0.05
    typical = found["representative"].numpy() == 1
    assert typical.sum() == 3 and sorted(of[typical]) == [0, 1, 2]
    for g in range(3):
        mine = found["cluster"].numpy() == g
        assert found["distance"].numpy()[mine].argmin() == np.flatnonzero(typical[mine])[0]


def test_a_dead_neuron_belongs_to_none_and_moves_nobody():
    maps, _ = waves((2, 5), (15, 10))
    with_dead = torch.cat([maps[:4], torch.zeros(1, P, P), maps[4:]])
    first, second = look(maps, count=2), look(with_dead, count=2)
    assert second["cluster"][4].isnan()
    keep = [i for i in range(26) if i != 4]
    assert torch.equal(first["cluster"], second["cluster"][keep])


def test_maps_of_two_shapes_are_two_groups_by_map():
    draw = torch.Generator().manual_seed(3)
    shapes = torch.randn(2, P, P, generator=draw)
    of = np.repeat([0, 1], 14)
    found = look(shapes[of] + 0.5 * torch.randn(28, P, P, generator=draw), by="map")
    assert float(found["count"]) == 2 and adjusted_rand(found["cluster"].numpy().astype(int), of) == 1


def test_where_there_are_no_groups_it_says_one():
    """Of 20 Gaussian clouds, every third long in one direction, at most two are cut: one in twenty is expected."""
    cut = 0
    for seed in range(20):
        draw = np.random.default_rng(seed)
        x = draw.normal(size=(60, 6))
        x[:, 0] *= 4 if seed % 3 == 0 else 1
        cut += group(x, most=3, draws=2, seed=seed).count > 1
    assert cut <= 2


def test_groupings_agree_as_scikit_learn_says():
    draw = np.random.default_rng(0)
    for n in (2, 5, 40):
        a, b = draw.integers(0, 4, n), draw.integers(0, 3, n)
        assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])) == 1


def test_k_means_numbers_groups_by_size():
    x = np.concatenate([np.zeros((3, 2)), np.ones((9, 2))]) + 0.01 * np.random.default_rng(0).normal(
        size=(12, 2)
    )
    of, centres = k_means(x, 2)
    assert of.tolist() == [1] * 3 + [0] * 9 and np.allclose(centres, [[1, 1], [0, 0]], atol=0.02)
