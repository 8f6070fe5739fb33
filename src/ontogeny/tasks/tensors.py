"""Somebody's own examples, and the task of a model about which nothing was said."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.random import Key
from ontogeny.registry import tasks
from ontogeny.tasks.base import Batch, Probe, Signature


@tasks.register("unknown")
@dataclass(frozen=True)
class Unknown:
    """No inputs are known: lenses that read weights alone still work."""

    finite = False

    @property
    def signature(self) -> Signature:
        return Signature(outputs=0)

    def probe(self) -> Probe:
        """No examples; asking for outputs on them is refused (:meth:`Subject.read`)."""
        return Probe(torch.empty(0, 0), torch.empty(0))

    def split(self, key: Key) -> dict[str, Tensor]:
        return {}

    def draw(self, key: Key, step: int, size: int) -> Batch:
        raise UserError("This run was recorded without a task, so there is nothing to train on.")


@tasks.register("table")
@dataclass(frozen=True)
class Table:
    """A small table of examples written into the study: rows of inputs (tokens or reals) and a label each.

    ``inputs``: (example, position) whole numbers, or (example, feature) reals; ``labels``: (example,) classes.
    """

    inputs: list[list[float]] = field(default_factory=list, hash=False)
    labels: list[int] = field(default_factory=list, hash=False)
    train_fraction: float = 0.75
    held_out: str = "test"

    finite = True

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels) or not self.labels:
            raise UserError(
                f"A table needs one label a row: {len(self.inputs)} rows, {len(self.labels)} labels."
            )

    @property
    def tokens(self) -> bool:
        return all(float(x).is_integer() for row in self.inputs for x in row)

    @property
    def signature(self) -> Signature:
        width = len(self.inputs[0])
        if self.tokens:
            vocab = int(max(x for row in self.inputs for x in row)) + 1
            return Signature(max(self.labels) + 1, vocab=vocab, positions=width)
        return Signature(max(self.labels) + 1, features=width)

    def probe(self) -> Probe:
        dtype = torch.long if self.tokens else torch.float32
        return Probe(torch.tensor(self.inputs).to(dtype), torch.tensor(self.labels))

    def split(self, key: Key) -> dict[str, Tensor]:
        from ontogeny.tasks.modular import split_rows

        return split_rows(len(self.labels), self.train_fraction, self.held_out, key)

    def draw(self, key: Key, step: int, size: int) -> Batch:
        raise NotImplementedError("a finite task is visited in epochs")
