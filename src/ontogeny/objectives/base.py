"""The protocol of an objective: one definition serves training, evaluation and lenses."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from ontogeny.models.base import Forward
from ontogeny.tasks.base import Batch


@runtime_checkable
class Objective(Protocol):
    """``reads`` names the taps it needs. ``examples`` gives per-example values, "loss" among them.

    The loss of a variant is the mean of "loss" over its examples; every other entry is a metric reported beside it.
    """

    @property
    def reads(self) -> tuple[str, ...]: ...

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        """{"loss": (…, example), "accuracy": (…, example), ...}; (…) are the leading axes of the weights."""
        ...
