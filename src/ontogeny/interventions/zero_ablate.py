"""Units of a tap set to zero."""

from __future__ import annotations

from dataclasses import dataclass

from ontogeny.interventions.base import Fitted, axis_of, put
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("zero_ablate")
@dataclass(frozen=True)
class ZeroAblate:
    """What does the model do without these units? tap[…, units, …] ← 0.

    ``units``: indices along ``axis`` (a name of the tap's axes, such as "head"; the last by default), all if None.
    Zero may be a value that the tap never takes; then the loss measures surprise as well as absence (see mean_ablate).
    """

    tap: str
    units: tuple[int, ...] | None = None
    axis: str | None = None

    def fit(self, subject: Subject) -> Fitted:
        axis = axis_of(subject, self.tap, self.axis)
        return Fitted(
            subject.where(self.tap),
            lambda value, taps, held: put(value, value.new_zeros(()), self.units, axis),
        )
