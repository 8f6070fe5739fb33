"""A tap replaced by given values: the causal test of a hypothesis about what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted, axis_of, put
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("replace_by_function")
@dataclass(frozen=True, eq=False)
class ReplaceByFunction:
    """Does the model still work when the tap is what the hypothesis says? tap ← values.

    ``values``: a tensor over the probe's examples, with or without leading axes, (*lead, example, …), or a function of the subject that
    returns one (a fitted polynomial of a and b, say). ``units``, ``axis``: as in zero_ablate.

    Holds on the probe's inputs only; other inputs are refused if they are not as many. A constant is a hypothesis too: compare with mean_ablate.
    """

    tap: str
    values: Any
    units: tuple[int, ...] | None = None
    axis: str | None = None

    def fit(self, subject: Subject) -> Fitted:
        axis = axis_of(subject, self.tap, self.axis)
        values = torch.as_tensor(self.values(subject) if callable(self.values) else self.values)
        own = len(subject.axes_of(self.tap))
        shape = (*subject.lead, *values.shape[values.ndim - own :])
        examples = len(subject.probe.inputs)
        if values.ndim not in (own, own + len(subject.lead)) or values.shape[values.ndim - own] != examples:
            raise UserError(
                f"The values for '{self.tap}' have shape {tuple(values.shape)}; "
                f"{(*subject.lead, examples)} or ({examples},) and {own - 1} more axes are needed."
            )

        def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
            if value.shape[-own] != examples:
                raise UserError(
                    f"The values for '{self.tap}' belong to the {examples} examples of the probe; here are {value.shape[-own]}."
                )
            return put(value, held["values"], self.units, axis)

        return Fitted(subject.where(self.tap), act, {"values": values.expand(shape)})
