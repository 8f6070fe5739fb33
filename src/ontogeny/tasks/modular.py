"""Arithmetic on two numbers modulo p: every pair (a, b) once, in a grid.

Token ids are the numbers themselves; with ``equals`` a third token "=" (id p) follows, at which transformers read the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.random import Key
from ontogeny.registry import tasks
from ontogeny.tasks import groups
from ontogeny.tasks.base import Batch, Probe, Signature
from ontogeny.tasks.groups import Group


def split_rows(n: int, fraction: float, held_out: str, key: Key) -> dict[str, Tensor]:
    """A random part of ``n`` rows to train on and the rest, each in ascending order; refuses an empty part."""
    n_train = round(n * fraction)
    if not 0 < n_train < n:
        raise UserError(
            f"train_fraction = {fraction} leaves {n_train} of {n} examples to train on and {n - n_train} held out; "
            "both parts need at least one."
        )
    order = key.permutation(n)
    return {"train": order[:n_train].sort().values, held_out: order[n_train:].sort().values}


@dataclass(frozen=True)
class Pairs:
    """All pairs (a, b) of numbers below p, with one label each. Abstract: subclasses say which."""

    p: int = 113
    train_fraction: float = 0.3
    held_out: str = "test"
    equals: bool = False

    finite = True

    def __post_init__(self) -> None:
        if self.p < 2:
            raise UserError(f"p = {self.p}: arithmetic needs at least two numbers, p ≥ 2.")

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def outputs(self) -> int:
        return self.p

    @property
    def period(self) -> int | None:
        return self.p

    @property
    def group(self) -> Group | None:
        """The labelling in which this is addition in Z_n, if there is one."""
        return None

    @property
    def signature(self) -> Signature:
        return Signature(self.outputs, vocab=self.p + self.equals, positions=2 + self.equals)

    def probe(self) -> Probe:
        a, b = (
            x.reshape(-1) for x in torch.meshgrid(torch.arange(self.p), torch.arange(self.p), indexing="ij")
        )
        tokens = [a, b] + [torch.full_like(a, self.p)] * self.equals
        return Probe(
            torch.stack(tokens, -1),
            self.label(a, b),
            grid={"a": self.p, "b": self.p},
            period=self.period,
            group=self.group,
        )

    def split(self, key: Key) -> dict[str, Tensor]:
        return split_rows(self.p**2, self.train_fraction, self.held_out, key)

    def draw(self, key: Key, step: int, size: int) -> Batch:
        raise NotImplementedError("a finite task is visited in epochs")


@tasks.register("modular_addition")
@dataclass(frozen=True)
class ModularAddition(Pairs):
    """c = (a + b) mod p."""

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        return (a + b) % self.p

    @property
    def group(self) -> Group | None:
        return groups.plain(self.p)


@tasks.register("modular_subtraction")
@dataclass(frozen=True)
class ModularSubtraction(Pairs):
    """c = (a − b) mod p."""

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b) % self.p

    @property
    def group(self) -> Group | None:
        return groups.affine(self.p, 1, -1, 0)


@tasks.register("modular_multiplication")
@dataclass(frozen=True)
class ModularMultiplication(Pairs):
    """c = a b mod p."""

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b) % self.p

    @property
    def group(self) -> Group | None:
        return groups.units(self.p)


@tasks.register("modular_polynomial")
@dataclass(frozen=True)
class ModularPolynomial(Pairs):
    """c = (aa·a² + ab·a b + bb·b² + a·a + b·b + constant) mod p; the default is a² + a b + b²."""

    aa: int = 1
    ab: int = 1
    bb: int = 1
    a: int = 0
    b: int = 0
    constant: int = 0

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        quadratic = self.aa * a**2 + self.ab * a * b + self.bb * b**2
        return (quadratic + self.a * a + self.b * b + self.constant) % self.p

    @property
    def group(self) -> Group | None:
        return groups.polynomial(self.p, self.aa, self.ab, self.bb, self.a, self.b, self.constant)
