"""All units of a tap but some set to zero."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ontogeny.interventions.base import Fitted, axis_of, put
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("keep_units")
@dataclass(frozen=True)
class KeepUnits:
    """What can the model do with these units alone? All others of the tap ← 0.

    ``units``: indices along ``axis`` (the last by default): neurons, heads, or the atoms of a dictionary (tap "hook_acts"). The complement of
    zero_ablate; together they say more than either, because what many units say none is missed for.
    """

    tap: str
    units: tuple[int, ...]
    axis: str | None = None

    def fit(self, subject: Subject) -> Fitted:
        axis = axis_of(subject, self.tap, self.axis)

        def act(value: Tensor, taps: object, held: object) -> Tensor:
            return value - put(value, value.new_zeros(()), self.units, axis)

        return Fitted(subject.where(self.tap), act)
