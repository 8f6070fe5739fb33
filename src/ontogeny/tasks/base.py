"""The protocol of a task.

A *finite* task has a table of examples (its probe) that is split once and visited in epochs. A *stream* draws a fresh batch for
every step from a key; its probe is a fixed sample. Both are frozen dataclasses: their fields are what a study may set and vary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from ontogeny.numerics.random import Key
from ontogeny.tasks.groups import Group


@dataclass(frozen=True)
class Signature:
    """What an architecture must know of the task to have the right shapes."""

    outputs: int
    vocab: int = 0  # number of distinct tokens; 0: inputs are real vectors
    positions: int = 1
    features: int = 0  # width of real-valued inputs


class Batch(NamedTuple):
    """Inputs and labels, with or without a leading variant axis."""

    inputs: Tensor  # (…, example, position) tokens or (…, example, feature) reals
    labels: Tensor  # (…, example[, position]) classes, or (…, example, feature) for reconstruction
    mask: Tensor | None = None  # (position,) which labels count; None: all


@dataclass(frozen=True)
class Probe:
    """The fixed inputs every lens sees. ``grid`` names the axes when the examples are all cells of a grid, row by row."""

    inputs: Tensor
    labels: Tensor
    mask: Tensor | None = None
    grid: Mapping[str, int] = field(default_factory=dict)  # {"a": 64, "b": 64}: example = a·64 + b
    period: int | None = None
    group: Group | None = None  # the labelling in which the task is addition in Z_n

    @property
    def batch(self) -> Batch:
        return Batch(self.inputs, self.labels, self.mask)


@runtime_checkable
class Task(Protocol):
    """See the module's docstring. ``finite`` tells the two kinds apart."""

    @property
    def finite(self) -> bool: ...

    @property
    def signature(self) -> Signature: ...

    def probe(self) -> Probe:
        """The table of all examples (finite) or a fixed sample (stream)."""
        ...

    def split(self, key: Key) -> dict[str, Tensor]:
        """Finite: rows of the probe by part; the first part is trained on. Stream: ``{}``."""
        ...

    def draw(self, key: Key, step: int, size: int) -> Batch:
        """Stream: a fresh batch for this step. Finite tasks need none: batches are rows of the split."""
        ...
