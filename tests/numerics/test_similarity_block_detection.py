"""Planted blocks are found and confirmed on other noise; gradients of any smooth shape are not called blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import expit

from ontogeny.numerics.blocks import (
    Gradient,
    block_effect,
    check_blocks,
    find_blocks,
    injected_found,
    random_blocks,
    same_block,
    spans,
    split_test,
    upper,
)

D = 32
d = np.arange(1.0, D + 1)
FAR, LOG = np.abs(d[:, None] - d), np.abs(np.log(d[:, None] / d))
QUALITY = expit(3 * np.log(d / 5))
SMOOTH = {
    "exponential": np.exp(-FAR / 5),
    "linear": 1 - FAR / D,
    "gaussian": np.exp(-((FAR / 8) ** 2)),
    "logarithmic": np.exp(-LOG),
    "narrow models fail": np.outer(QUALITY, QUALITY) * np.exp(-FAR / 10),
}
PLANTED = np.digitize(d, [10, 18, 27])


def noisy(world, rng):
    error = rng.normal(0, 0.05, world.shape)
    return world + (error + error.T) / 2


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_not_blocks(name):
    gradient, called = Gradient.of(D), []
    for trial in range(20):
        rng = np.random.default_rng(trial)
        found = find_blocks(noisy(SMOOTH[name], rng), gradient)
        called.append(check_blocks(noisy(SMOOTH[name], rng), found, gradient, draws=199)[2] < 0.05)
    assert np.mean(called) <= 0.2  # size 0.05; 20 trials


def test_planted_blocks_on_a_gradient_are_found_with_their_gap():
    rng = np.random.default_rng(0)
    world = 0.15 * (PLANTED[:, None] == PLANTED) + 0.5 * np.exp(-FAR / 8)
    gradient = Gradient.of(D)
    found = find_blocks(noisy(world, rng), gradient)
    np.testing.assert_array_equal(found, PLANTED)
    correlation, gap, p = check_blocks(noisy(world, rng), found, gradient)
    assert correlation > 0.6 and gap == pytest.approx(0.15, abs=0.02) and p <= 0.01
    assert spans(found) == [(0, 8), (9, 16), (17, 25), (26, 31)]


def test_the_gap_is_exact_without_noise_and_blind_to_the_gradient():
    gradient = Gradient.of(D)
    world = 0.3 * (PLANTED[:, None] == PLANTED) + 2 * FAR + np.add.outer(np.sin(d * 9), np.sin(d * 9))
    assert block_effect(world, PLANTED, gradient)[1] == pytest.approx(0.3)
    np.testing.assert_allclose(
        gradient.remove(upper(world - 0.3 * (PLANTED[:, None] == PLANTED))), 0, atol=1e-9
    )


def test_a_single_block_has_no_effect():
    assert block_effect(SMOOTH["linear"], np.zeros(D, dtype=int), Gradient.of(D))[1] == 0


def test_random_partitions_are_contiguous_sized_and_uniform():
    drawn = random_blocks(np.repeat([0, 1, 2], 4), 6000, smallest=3)
    assert (np.diff(drawn, axis=1) >= 0).all()
    assert all(np.bincount(row, minlength=3).min() >= 3 for row in drawn)
    allowed = [c for c in itertools.product(range(3, 7), repeat=3) if sum(c) == 12]
    sizes, counts = np.unique([np.bincount(row) for row in drawn], axis=0, return_counts=True)
    assert len(sizes) == len(allowed) == 10
    assert counts.min() > 500 and counts.max() < 700


def test_the_search_is_as_good_as_trying_every_partition():
    rng = np.random.default_rng(3)
    size, gradient = 12, Gradient.of(12, degree=0)
    matrix = noisy(np.zeros((size, size)), rng)
    every = [
        np.repeat(range(len(c)), c)
        for k in (2, 3)
        for c in itertools.product(range(3, 10), repeat=k)
        if sum(c) == size
    ]
    residual = gradient.remove(upper(matrix))
    best = {k: max((residual @ same_block(p), tuple(p)) for p in every if p.max() == k - 1) for k in (2, 3)}
    effects = {best[k][1]: float(block_effect(matrix, best[k][1], gradient)[0]) for k in (2, 3)}
    assert tuple(find_blocks(matrix, gradient, most=3)) == max(effects, key=effects.__getitem__)


def test_halves_of_seeds_judge_each_other_and_injected_blocks_tell_what_would_be_seen():
    rng, gradient = np.random.default_rng(0), Gradient.of(D)
    quiet, loud = (
        np.stack([noisy(SMOOTH["exponential"], rng) + rng.normal(0, sd, (D, D)) for _ in range(4)])
        for sd in (0, 1.5)
    )
    seen = split_test(quiet + 0.15 * (PLANTED[:, None] == PLANTED), gradient, draws=199)
    assert seen.p < 0.05 and seen.gaps.mean() == pytest.approx(0.15, abs=0.03)
    np.testing.assert_array_equal(seen.blocks, [PLANTED, PLANTED])
    assert injected_found(quiet, PLANTED, 0.1, gradient, times=10) >= 0.8
    assert injected_found(loud, PLANTED, 0.1, gradient, times=10) <= 0.3
