"""Models of any kind compared by what they answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ontogeny.measures.base import measure
from ontogeny.numerics.gram import gram
from ontogeny.subject import Subject

COLUMNS = 2**16  # logits of every model held at once


@measure(
    kind="similarity",
    range=(-1, 1),
    invariances=(
        "hidden_permutation",
        "left_right_swap",
        "unit_rescaling",
        "isotropic_scale",
        "invisible_weights",
    ),
    nulls=("reinitialised", "row_shuffle"),
    reads=("outputs",),
    label="activation similarity",
)
class activation_similarity:
    """Do two models answer every input in the same direction of logit space?

    Equation: mean over inputs x of cos(z₁(x), z₂(x)), z the logits; with ``centred=True`` each z first loses its mean over classes,
    which the softmax does not see. Zero logits have no direction and count as cosine 0.

    Range −1 … 1, without units; 1: the same logits up to a positive factor for each input.
    High: the same answers with the same runners-up. Two perfect models share their largest logit by construction, and a constant
    added to all logits raises the raw form and means nothing: read the centred form too, and the null of imperfect models.
    Null: independently initialised models (about 0); inputs shuffled between the two.
    """

    def prepare(self, model: Subject, *, centred: bool = False) -> Tensor:
        logits = model.outputs
        if logits.ndim > 2 and model.probe.mask is not None:
            logits = logits[..., model.probe.mask, :]
        logits = logits.flatten(0, -2)
        return normalize(logits - logits.mean(-1, keepdim=True) if centred else logits, dim=-1)

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor], *, centred: bool = False) -> Tensor:
        inputs, classes = x[0].shape
        sides = (x,) if x is y else (x, y)
        total = x[0].new_zeros(len(x), len(y), dtype=torch.float64)
        step = max(1, COLUMNS // classes)
        for first in range(0, inputs, step):
            rows = [torch.stack([z[first : first + step].flatten() for z in some]) for some in sides]
            total += gram(*rows)
        return (total / inputs).clamp(-1, 1)
