"""Fibonacci sequences modulo p from random starts: predict the next term at every position.

    x_{n+1} = (x_n + x_{n−1}) mod p,   inputs x_1 … x_L,   labels x_2 … x_{L+1}

The label of the first position, x_2, is random: nobody can know it from x_1 alone, so the mask leaves it out.

A sequence shows every pair of neighbours that it runs through, (x_1, x_2), (x_2, x_3), …, so a start that was held out would be seen
in the middle of others. What is held out are whole *orbits* of (x, y) → (y, x + y): of their pairs none is seen, at any position.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
    """A stream. ``length``: terms that are seen, L. The probe is every start (x_1, x_2), as a grid, while p² ≤ 2¹⁴.

    ``unseen``: share of the starts that are never trained on, whole orbits of them, the same for every seed; ``counted``: terms behind
    which an answer counts for the loss, 0 for all.
    """

    p: int = 10
    length: int = 8
    unseen: float = 0.0
    counted: int = 0

    finite = False

    def __post_init__(self) -> None:
        if self.p < 2 or self.length < 2:
            raise UserError(f"p = {self.p}, length = {self.length}: both must be at least 2.")
        if self.counted and not 2 <= self.counted <= self.length:
            raise UserError(
                f"counted = {self.counted}: it must be 0, or lie between 2 and length = {self.length}."
            )
        if not 0 <= self.unseen < 1:
            raise UserError(f"unseen = {self.unseen}: it is a share, from 0 to below 1.")
        if self.unseen and self.p**2 > LARGEST_GRID:
            raise UserError(
                f"unseen = {self.unseen} needs a list of all p² starts, and p = {self.p} has more than {LARGEST_GRID}."
            )
        if self.unseen and not 0 < int(self.held_out.sum()) < self.p**2:
            raise UserError(
                f"unseen = {self.unseen}: of the orbits modulo {self.p} no choice leaves starts on both sides."
            )

    @property
    def signature(self) -> Signature:
        return Signature(self.p, vocab=self.p, positions=self.length)

    @property
    def mask(self) -> Tensor:
        """(position,): False where only one term was seen, and beyond those that count."""
        place = torch.arange(self.length)
        return (place > 0) & (place < (self.counted or self.length))

    @cached_property
    def held_out(self) -> Tensor:
        """(start,): True for pairs a·p + b of orbits that are never seen; orbits are taken in a random order up to the share."""
        pair = torch.arange(self.p**2)
        following = pair % self.p * self.p + (pair // self.p + pair % self.p) % self.p
        orbit, place = pair.clone(), following.clone()
        while not torch.equal(place, pair):  # the smallest pair of each orbit names it
            orbit, place = torch.minimum(orbit, place), following[place]
        names, which, sizes = orbit.unique(return_inverse=True, return_counts=True)
        order = Key(0, "unseen").permutation(len(names))
        chosen = torch.zeros(len(names), dtype=torch.bool)
        chosen[order] = sizes[order].cumsum(0) <= self.unseen * self.p**2
        return chosen[which]

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
        """The starts that are drawn and those that never are; ``{}`` where all are."""
        if not self.unseen:
            return {}
        return {"train": (~self.held_out).nonzero().squeeze(-1), "test": self.held_out.nonzero().squeeze(-1)}

    def draw(self, key: Key, step: int, size: int) -> Batch:
        generator = key.generator(step)
        if not self.unseen:
            return self.batch(torch.randint(self.p, (size, 2), generator=generator))
        seen = (~self.held_out).nonzero().squeeze(-1)
        pair = seen[torch.randint(len(seen), (size,), generator=generator)]
        return self.batch(torch.stack([pair // self.p, pair % self.p], -1))
