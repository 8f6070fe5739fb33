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
    """Per example: loss = ‖x − x̂‖² + alpha · ‖code‖₁, summed over features and units, for any model with a ``code``.

    Reported beside it: ``squared_error``; ``l0``, active units; ``explained``, whose mean over examples is the share of variance
    explained, 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖² (a single example's value may be far below 0).
    ``code``: the tap that should be sparse; "" for models that have none. A sparse autoencoder has its own: sparse_reconstruction.
    """

    alpha: float = 0.0
    code: str = "hook_acts"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.code,) if self.code else ()

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        code = forward.taps[self.code] if self.code else None
        values = reconstructed(forward.outputs, batch.labels, code)
        loss = values["squared_error"]
        if code is not None:
            loss = loss + self.alpha * code.abs().sum(-1)
        return {"loss": loss, **values}


def reconstructed(outputs: Tensor, x: Tensor, code: Tensor | None) -> dict[str, Tensor]:
    """What is reported of a reconstruction, per example."""
    error = (x - outputs).square().sum(-1)
    variance = (x - x.mean(-2, keepdim=True)).square().sum(-1).mean(-1, keepdim=True)
    values = {"squared_error": error, "explained": 1 - error / variance}
    return values if code is None else {**values, "l0": (code != 0).sum(-1).to(error.dtype)}
