"""What a sparse autoencoder is trained by: a faithful reconstruction, sparsity, and work for atoms that died."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.base import Forward
from ontogeny.numerics.schedule import ramp, wrong_ramp
from ontogeny.objectives.base import Objective
from ontogeny.objectives.reconstruction import reconstructed
from ontogeny.registry import objectives
from ontogeny.tasks.base import Batch


@objectives.register("sparse_reconstruction")
@dataclass(frozen=True)
class SparseReconstruction:
    """Per example: loss = infidelity + alpha · penalty + auxiliary · what dead atoms leave, in the units of the normalised inputs.

    infidelity = ‖x − x̂‖² (of a gated SAE also that of its gates), summed over features. penalty: the L1 norm of a code (relu, topk,
    batch_topk, and the gates of gated), or the number of active atoms (jumprelu). ``auxiliary``: 1/32 is usual where the architecture says
    revive = "auxiliary" (Gao et al. 2024 divide each of the two errors by its own variance; here both are in the same units).
    ``warmup``, ``decay_start``, ``decay_stop``: alpha rises over so many updates and falls between these two (Conerly et al. 2024 raise it
    over the first 5 %). Losses that are logged, and everything that a lens sees, are at full alpha.
    Reported beside it: ``squared_error``, ``explained``, ``l0`` as by reconstruction.
    """

    alpha: float = 0.0
    auxiliary: float = 0.0
    warmup: int = 0
    decay_start: int = 0
    decay_stop: int = 0

    reads: ClassVar[tuple[str, ...]] = ("hook_acts", "hook_infidelity", "hook_penalty", "hook_auxiliary")
    varies: ClassVar[tuple[str, ...]] = ("alpha", "auxiliary", "warmup", "decay_start", "decay_stop")

    def __post_init__(self) -> None:
        if wrong := wrong_ramp(self.warmup, self.decay_start, self.decay_stop):
            raise UserError(wrong)

    def side_by_side(self, others: Sequence[Objective], update: int | None) -> SparseReconstruction:
        each = [one for one in others if isinstance(one, SparseReconstruction)]
        now = [1.0 if update is None else ramp(update, o.warmup, o.decay_start, o.decay_stop) for o in each]
        column: Any = torch.tensor([[o.alpha * r, o.auxiliary] for o, r in zip(each, now, strict=True)])
        alpha, auxiliary = column.unbind(-1) if len(each) == 1 else column.mT.unsqueeze(-1).unbind(0)
        return replace(self, alpha=alpha, auxiliary=auxiliary)

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        code, infidelity, penalty, auxiliary = (forward.taps[name] for name in self.reads)
        loss = infidelity + self._of(self.alpha, penalty) + self._of(self.auxiliary, auxiliary)
        return {"loss": loss, **reconstructed(forward.outputs, batch.labels, code)}

    @staticmethod
    def _of(weight: Any, values: Tensor) -> Tensor:
        return weight.to(values) * values if isinstance(weight, Tensor) else weight * values
