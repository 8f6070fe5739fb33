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


class Truth(NamedTuple):
    """What is known of data by construction."""

    features: Tensor  # (feature, d) unit rows
    codes: Tensor  # (example, feature) of the probe; 0 where a feature is not active
    common: Tensor  # rows of ``features`` that other worlds share; entry j is the same feature in each


class Host(Protocol):
    """The model whose activations a probe holds: it goes on from there with others in their place."""

    @property
    def words(self) -> str:
        """What it is, for a person: study, run, step and tap."""
        ...

    @property
    def labels(self) -> Tensor:
        """Its own answers, (example[, position])."""
        ...

    def onward(self, values: Tensor | None) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Its outputs, and what its objective says of each example, with these in place of the activations (example, d); ``None``: as
        it is."""
        ...


@dataclass(frozen=True)
class Probe:
    """The fixed inputs every lens sees. ``grid`` names the axes when the examples are all cells of a grid, row by row."""

    inputs: Tensor
    labels: Tensor
    mask: Tensor | None = None
    grid: Mapping[str, int] = field(default_factory=dict)  # {"a": 64, "b": 64}: example = a·64 + b
    period: int | None = None
    truth: Truth | None = None
    host: Host | None = None
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
