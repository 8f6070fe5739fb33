"""Fibonacci sequences modulo p from random starts: predict the next term at every position.

    x_{n+1} = (x_n + x_{n−1}) mod p,   inputs x_1 … x_L,   labels x_2 … x_{L+1}

The label of the first position, x_2, is random: nobody can know it from x_1 alone, so the mask leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.random import Key
from ontogeny.registry import tasks
from ontogeny.tasks.base import Batch, Probe, Signature

LARGEST_GRID = 2**14


@tasks.register("fibonacci")
@dataclass(frozen=True)
class Fibonacci:
    """A stream. ``length``: terms that are seen, L. The probe is every start (x_1, x_2), as a grid, while p² ≤ 2¹⁴."""

    p: int = 10
    length: int = 8

    finite = False

    def __post_init__(self) -> None:
        if self.p < 2 or self.length < 2:
            raise UserError(f"p = {self.p}, length = {self.length}: both must be at least 2.")

    @property
    def signature(self) -> Signature:
        return Signature(self.p, vocab=self.p, positions=self.length)

    @property
    def mask(self) -> Tensor:
        """(position,): False where only one term was seen."""
        return torch.arange(self.length) > 0

    def sequences(self, starts: Tensor) -> Tensor:
        """(…, 2) first two terms → (…, length + 1) terms."""
        terms = [starts[..., 0], starts[..., 1]]
        while len(terms) < self.length + 1:
            terms.append((terms[-1] + terms[-2]) % self.p)
        return torch.stack(terms, -1)

    def batch(self, starts: Tensor) -> Batch:
        terms = self.sequences(starts)
        return Batch(terms[..., :-1], terms[..., 1:], self.mask)

    def probe(self) -> Probe:
        if self.p**2 <= LARGEST_GRID:
            numbers = torch.arange(self.p)
            return Probe(
                *self.batch(torch.cartesian_prod(numbers, numbers)),
                grid={"a": self.p, "b": self.p},
                period=self.p,
            )
        return Probe(*self.draw(Key(0, "probe"), 0, 4096), period=self.p)

    def split(self, key: Key) -> dict[str, Tensor]:
        return {}

    def draw(self, key: Key, step: int, size: int) -> Batch:
        return self.batch(torch.randint(self.p, (size, 2), generator=key.generator(step)))
