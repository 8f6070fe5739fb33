"""Units of a tap set to their mean over examples."""

from __future__ import annotations

from dataclasses import dataclass

from ontogeny.errors import UnknownName
from ontogeny.interventions.base import Fitted, axis_of, put
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("mean_ablate")
@dataclass(frozen=True)
class MeanAblate:
    """What does the model do when these units no longer tell examples apart? tap[…, units, …] ← mean over examples.

    ``units``, ``axis``: as in zero_ablate. ``split``: the part of the probe that is averaged over, all of it if None.
    """

    tap: str
    units: tuple[int, ...] | None = None
    axis: str | None = None
    split: str | None = None

    def fit(self, subject: Subject) -> Fitted:
        axis = axis_of(subject, self.tap, self.axis)
        value = subject.tap(self.tap)
        example = axis_of(subject, self.tap, "example")
        if self.split is not None:
            if self.split not in subject.split:
                raise UnknownName("part of the probe", self.split, subject.split)
            value = value.index_select(example, subject.split[self.split].to(value.device))
        return Fitted(
            subject.where(self.tap),
            lambda value, taps, held: put(value, held["mean"], self.units, axis),
            {"mean": value.mean(example, keepdim=True)},
        )
