"""Cross-entropy of the next token at every position that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.base import Forward
from ontogeny.objectives.cross_entropy import classification
from ontogeny.registry import objectives
from ontogeny.tasks.base import Batch


@objectives.register("next_token")
@dataclass(frozen=True)
class NextToken:
    """Per example the mean over the counted positions of −log softmax(logits)[label] (nats), and of the accuracy.

    ``precision``: the dtype of the log-softmax.
    """

    precision: Literal["float32", "float64"] = "float32"

    reads = ()
    by_example: ClassVar[bool] = True

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        logits, labels = forward.outputs, batch.labels
        if logits.ndim < 3 or logits.shape[-3:-1] != labels.shape[-2:]:
            raise UserError(
                f"next_token needs logits at every position, (example, position, output); the model gives {tuple(logits.shape)} "
                f"for labels {tuple(labels.shape)}. A transformer does so with read_at = 'all'."
            )
        values = classification(logits, labels, getattr(torch, self.precision))
        if batch.mask is None:
            return {name: value.mean(-1) for name, value in values.items()}
        counted = batch.mask.to(logits.device).nonzero().squeeze(-1)
        return {name: value.index_select(-1, counted).mean(-1) for name, value in values.items()}
