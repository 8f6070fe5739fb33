"""A shuffled order of any number of rows, without a table of them.

A Feistel network over the smallest power of four that holds n is a permutation whatever its round function is; who lands beyond n goes
on until it lands within, which is a permutation of n. So row number i of an epoch is found by itself, in O(1) memory: batches of a
file larger than memory are drawn by (key, step) like any others.
"""

from __future__ import annotations

import numpy as np
import torch

from ontogeny.numerics.random import Key

ROUNDS = 6


def shuffled(place: np.ndarray, n: int, key: Key, epoch: int = 0) -> np.ndarray:
    """Rows, of n, that stand at these places of the order: int64 like ``place``, each in 0 … n − 1."""
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    low = np.uint64((1 << half) - 1)
    draws = torch.randint(2**62, (ROUNDS,), generator=key.generator("shuffled", epoch)).numpy()
    x = place.astype(np.uint64)
    outside = np.ones(len(x), dtype=bool)
    while outside.any():
        left, right = x[outside] >> np.uint64(half), x[outside] & low
        for word in draws.astype(np.uint64):
            left, right = right, left ^ (_mixed(right ^ word) & low)
        x[outside] = (left << np.uint64(half)) | right
        outside = x >= np.uint64(n)
    return x.astype(np.int64)


def batch_of(step: int, size: int, n: int, key: Key) -> np.ndarray:
    """Rows of the batch at a step: epochs of n rows, each in an order of its own, one after another without a gap."""
    places = np.arange(step * size, (step + 1) * size, dtype=np.int64)
    epochs = places // n
    return np.concatenate(
        [
            shuffled(places[epochs == e] % n, n, key, int(e))
            for e in range(int(epochs[0]), int(epochs[-1]) + 1)
        ]
    )


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser: every bit of the result depends on every bit of x."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
