"""Neurons that end alike and came by two ways are two groups by history, and one by what they are at the end."""

from __future__ import annotations

import numpy as np
import torch
from tests.lenses.test_learning_over_steps import run

from ontogeny.axes import dataset
from ontogeny.lenses.neuron_histories import neuron_histories

STEPS = tuple(range(0, 120, 10))


def shares(ways, noise=0.02, seed=0):
    """(step, frequency, neuron) from each neuron's dominant frequency by step, with noise."""
    draw = torch.Generator().manual_seed(seed)
    share = noise * torch.rand(len(STEPS), 5, len(ways), generator=draw, dtype=torch.float64)
    for neuron, way in enumerate(ways):
        for step, frequency in enumerate(way):
            share[step, frequency, neuron] += 1
    return share / share.sum(1, keepdim=True)


EARLY = [1] * 3 + [3] * 9
LATE = [2] * 8 + [3] * 4


def look(share, **options):
    return dataset(neuron_histories(run(STEPS, neuron_fourier={"share": share}), **options))


def test_two_ways_to_one_frequency_are_two_groups():
    found = look(shares([EARLY] * 14 + [LATE] * 10))
    assert found["count"].item() == 2 and found["stability"].item() > 0.95 and found["p"].item() == 0.05
    assert found["cluster"].values.tolist() == [0] * 14 + [1] * 10
    assert found["representative"].values.sum() == 2


def test_one_way_is_one_group():
    assert look(shares([EARLY] * 24, noise=0.3))["count"].item() == 1


def test_a_neuron_that_was_dead_belongs_to_none():
    share = shares([EARLY] * 14 + [LATE] * 10)
    share[2, :, 4] = np.nan
    found = look(share)
    assert np.isnan(found["cluster"].values[4]) and found["count"].item() == 2
    assert np.isnan(look(share[:, :, :5])["count"].item())  # too few neurons
