"""One tap replaced by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("replace_tap")
@dataclass(frozen=True)
class ReplaceTap:
    """What if this tap were that one? tap ← value of ``by``, a tap of the same shape that is computed earlier.

    Skip ablation: ``ReplaceTap("residual[0]", by="last:blocks.0.hook_mlp_out")``.
    """

    tap: str
    by: str

    def fit(self, subject: Subject) -> Fitted:
        tap, by = subject.where(self.tap), subject.where(self.by)

        def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
            if by not in taps:
                raise UserError(
                    f"'{self.tap}' cannot be replaced by '{self.by}', which is computed after it; choose an earlier tap."
                )
            if taps[by].shape != value.shape:
                raise UserError(
                    f"'{self.tap}' has shape {tuple(value.shape)} and '{self.by}' {tuple(taps[by].shape)}; "
                    "one can replace the other only if they agree."
                )
            return taps[by]

        return Fitted(tap, act, reads=frozenset({by}))
