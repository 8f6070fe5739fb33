"""One tap replaced by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted, axis_of
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("replace_tap")
@dataclass(frozen=True)
class ReplaceTap:
    """What if this tap were that one? tap ← value of ``by``, a tap of the same shape that is computed earlier.

    Skip ablation: ``ReplaceTap("last:blocks.0.hook_resid_post", by="last:blocks.0.hook_mlp_out")``.
    """

    tap: str
    by: str

    def fit(self, subject: Subject) -> Fitted:
        axis_of(subject, self.tap)
        axis_of(subject, self.by)

        def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
            if self.by not in taps:
                raise UserError(
                    f"'{self.tap}' cannot be replaced by '{self.by}', which is computed after it; choose an earlier tap."
                )
            if taps[self.by].shape != value.shape:
                raise UserError(
                    f"'{self.tap}' has shape {tuple(value.shape)} and '{self.by}' {tuple(taps[self.by].shape)}; "
                    "one can replace the other only if they agree."
                )
            return taps[self.by]

        return Fitted(self.tap, act, reads=frozenset({self.by}))
