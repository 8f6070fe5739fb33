"""The protocol of an objective: one definition serves training, evaluation and lenses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor

from ontogeny.models.base import Forward
from ontogeny.tasks.base import Batch


@runtime_checkable
class Objective(Protocol):
    """``reads`` names the taps it needs. ``examples`` gives per-example values, "loss" among them.

    The loss of a variant is the mean of "loss" over its examples; every other entry is a metric reported beside it. One may also have
    ``loss(forward, batch)``, which gives "loss" alone where that is cheaper.
    """

    @property
    def reads(self) -> tuple[str, ...]: ...

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        """{"loss": (…, example), "accuracy": (…, example), ...}; (…) are the leading axes of the weights."""
        ...


@runtime_checkable
class Scheduled(Objective, Protocol):
    """An objective with numbers that variants of one program may differ in, or that change with the updates."""

    varies: ClassVar[tuple[str, ...]]

    def side_by_side(self, others: Sequence[Objective], update: int | None) -> Objective:
        """The objective of these variants at this update (counted from 1): its numbers are columns (variant, 1), or () of one variant.
        ``None``: at full strength, as it is evaluated and looked at."""
        ...
