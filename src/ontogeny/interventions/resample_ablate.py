"""Units of a tap taken from another example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ontogeny.interventions.base import Fitted, axis_of, put
from ontogeny.numerics.random import Key
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("resample_ablate")
@dataclass(frozen=True)
class ResampleAblate:
    """What does the model do when these units speak of another example? tap[example, …] ← tap[π(example), …], π a random permutation.

    Every value is one that the tap takes, so this is in distribution unit by unit. ``units``, ``axis``: as in zero_ablate;
    ``seed``: of π, which is the same for all models.
    """

    tap: str
    units: tuple[int, ...] | None = None
    axis: str | None = None
    seed: int = 0

    def fit(self, subject: Subject) -> Fitted:
        axis = axis_of(subject, self.tap, self.axis)
        example = axis_of(subject, self.tap, "example")

        def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
            order = Key(self.seed, "resample").permutation(value.shape[example]).to(value.device)
            return put(value, value.index_select(example, order), self.units, axis)

        return Fitted(subject.where(self.tap), act)
