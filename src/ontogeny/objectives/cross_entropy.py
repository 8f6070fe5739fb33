"""Cross-entropy of the class at the position where the answer is read, and its accuracy and margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.base import Forward
from ontogeny.registry import objectives
from ontogeny.tasks.base import Batch


@objectives.register("cross_entropy")
@dataclass(frozen=True)
class CrossEntropy:
    """Last-position classification.

    Equation: loss = −log softmax(logits)[label]; margin = logit[label] − max over other classes.
    ``precision``: the dtype of the log-softmax; float64 keeps losses below 1e−7 apart, as grokking needs.
    """

    precision: Literal["float32", "float64"] = "float32"

    reads = ()
    by_example: ClassVar[bool] = True

    def examples(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        self._refuse(forward, batch)
        return classification(forward.outputs, batch.labels, getattr(torch, self.precision))

    def loss(self, forward: Forward, batch: Batch) -> Tensor:
        self._refuse(forward, batch)
        return surprise(forward.outputs, batch.labels, getattr(torch, self.precision))

    def _refuse(self, forward: Forward, batch: Batch) -> None:
        if batch.labels.is_floating_point():
            raise UserError(
                "cross_entropy needs a class for a label, and this task gives real vectors: use "
                "objective.kind = 'reconstruction'."
            )
        if batch.labels.ndim > 1 and batch.labels.shape[-1] != forward.outputs.shape[-2]:
            raise UserError(
                "cross_entropy needs one label an example, and this task has one at every position: use "
                "objective.kind = 'next_token'."
            )


def classification(logits: Tensor, labels: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """Per-example loss (nats) and accuracy for logits (…, example, output) and labels (…, example)."""
    right = logits.argmax(-1) == labels.expand(logits.shape[:-1])
    return {"loss": surprise(logits, labels, dtype), "accuracy": right.to(torch.float32)}


def surprise(logits: Tensor, labels: Tensor, dtype: torch.dtype) -> Tensor:
    """−log softmax(logits)[label], (…, example)."""
    labels = labels.expand(logits.shape[:-1])
    log_p = logits.to(dtype).log_softmax(-1)
    return -log_p.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
