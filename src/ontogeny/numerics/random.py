"""Stateless randomness: every draw is keyed by (seed, purpose, index), so no draw depends on what was drawn before.

A variant trained alone, among others, or resumed after a crash asks for the same keys and gets the same numbers. Draws are
made on the CPU and moved, so that a GPU run starts from the same weights and sees the same batches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Key:
    """``Key(seed, "init").generator("W_in")``: a generator that depends on those words and on nothing else."""

    seed: int
    purpose: str

    def generator(self, *index: int | str) -> torch.Generator:
        words = "\x1f".join(map(str, (self.seed, self.purpose, *index))).encode()
        digest = hashlib.blake2b(words, digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)

    def uniform(self, name: str, *shape: int, bound: float) -> torch.Tensor:
        """Uniform on [−bound, bound)."""
        return (torch.rand(shape, generator=self.generator(name)) * 2 - 1) * bound

    def normal(self, name: str, *shape: int, std: float) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator(name)) * std

    def permutation(self, n: int, *index: int | str) -> torch.Tensor:
        return torch.randperm(n, generator=self.generator(*index))
