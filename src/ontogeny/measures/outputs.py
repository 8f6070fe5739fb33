"""Models of any kind compared by what they answer: logits (input, class), the same inputs and the same classes on both sides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ontogeny.measures.base import measure
from ontogeny.numerics.gram import inner_products

#: Changes of a model's weights that leave every logit as it is, up to a positive factor on all of them.
SAME_ANSWERS = (
    "hidden_permutation",
    "left_right_swap",
    "unit_rescaling",
    "isotropic_scale",
    "invisible_weights",
)
NULLS = ("reinitialised", "row_shuffle")


def directions(logits: Tensor, centred: bool) -> Tensor:
    """Logits (input, class) of length 1 each; zero logits stay zero. ``centred``: each loses its mean over classes first."""
    return normalize(logits - logits.mean(-1, keepdim=True) if centred else logits, dim=-1)


@dataclass(frozen=True, kw_only=True)
class MeanCosine:
    """What ``logit_cosine`` and its published name compute."""

    centred: bool = False

    def prepare(self, x: Tensor) -> Tensor:
        return directions(x, self.centred)

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        flat = [z.flatten() for z in x]
        products = inner_products(flat, flat if x is y else [z.flatten() for z in y])
        return (products / len(x[0])).clamp(-1, 1)

    def shuffled(self, x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
        return torch.stack([(x * y[order]).sum(-1, dtype=torch.float64).mean() for order in orders])


@measure(
    kind="similarity",
    range=(-1, 1),
    input="logits",
    invariances=("isotropic_scale", "sample_scale"),
    nulls=NULLS,
    label="cosine of logits",
)
class logit_cosine(MeanCosine):
    """Do two models answer every input in the same direction of logit space?

    Equation: mean over inputs x of cos(z₁(x), z₂(x)), z the logits; with ``centred=True`` each z first loses its mean over classes,
    which the softmax does not see. Zero logits have no direction and count as cosine 0.

    Range −1 … 1, without units; 1: the same logits up to a positive factor for each input.
    High: the same answers with the same runners-up. Two perfect models share their largest logit by construction, and a constant
    added to all logits raises the raw form and means nothing: read the centred form too, and the null of imperfect models.
    Null: independently initialised models (about 0); inputs shuffled between the two.
    """


@measure(
    kind="similarity",
    range=(-1, 1),
    input="logits",
    invariances=SAME_ANSWERS,
    nulls=NULLS,
    label="activation similarity",
)
class activation_similarity(MeanCosine):
    """Do two models answer every input in the same direction of logit space? The published name of ``logit_cosine``.

    Equation, range, and how a high value misleads: as there.
    """


@measure(
    kind="distance",
    range=(0, 1),
    input="logits",
    invariances=("isotropic_scale", "sample_scale", "sample_offset"),
    nulls=NULLS,
    label="disagreement",
    least=1,
)
class disagreement:
    """On what share of the inputs do two models give different answers?

    Equation: mean over inputs of [argmax z₁ ≠ argmax z₂].

    Range 0 … 1, a share; 0: the same answer everywhere. Of two ties the first class is the answer.
    Low: says nothing beyond the answer, and two accurate models cannot disagree more than their errors: divide by those before
    comparing models of different accuracy. Chance for C even classes: 1 − 1/C. Null: inputs shuffled; untrained models.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return x.argmax(-1)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        return (x != y).double().mean()


@measure(
    kind="divergence",
    range=(0, math.log(2)),
    input="logits",
    invariances=("sample_offset",),
    nulls=NULLS,
    label="JS divergence of outputs",
    units="nat",
    least=1,
)
class output_js_divergence:
    """How far apart are the probabilities that two models give to the classes?

    Equation: mean over inputs of H(½(p + q)) − ½ H(p) − ½ H(q), p and q the softmax of the logits, natural logarithms.

    Range 0 … ln 2 = 0.693 nat; 0: the same probabilities everywhere. (``js_divergence`` compares frequencies.)
    High: other answers, or the same answers with other confidence. Low for two confident models that are right, whatever they
    do inside. Null: inputs shuffled; untrained models.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return x.double().softmax(-1)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        entropy = torch.special.entr
        each = entropy((x + y) / 2).sum(-1) - (entropy(x).sum(-1) + entropy(y).sum(-1)) / 2
        return each.clamp(0, math.log(2)).mean()
