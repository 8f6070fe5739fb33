"""Squared error of a reconstruction, plus what sparsity costs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ontogeny.models.base import Forward
from ontogeny.registry import objectives
from ontogeny.tasks.base import Batch


@objectives.register("reconstruction")
@dataclass(frozen=True)
class Reconstruction:
    """Per example: loss = ‖x − x̂‖² + alpha · ‖acts‖₁, summed over features and atoms.

    Reported beside it: ``squared_error``; ``l0``, active atoms; ``explained``, whose mean over examples is the share of variance
    explained, 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖² (a single example's value may be far below 0).
    ``code``: the tap that should be sparse; "" for models that have none.
    """

    alpha: float = 0.0
    code: str = "hook_acts"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.code,) if self.code else ()

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        x = batch.labels
        error = (x - forward.outputs).square().sum(-1)
        variance = (x - x.mean(-2, keepdim=True)).square().sum(-1).mean(-1, keepdim=True)
        values = {"loss": error, "squared_error": error, "explained": 1 - error / variance}
        if self.code:
            code = forward.taps[self.code]
            values["loss"] = error + self.alpha * code.abs().sum(-1)
            values["l0"] = (code != 0).sum(-1).to(error.dtype)
        return values
