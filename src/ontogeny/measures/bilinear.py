"""Bilinear networks compared by their weights, as tensors, and by the frequencies they use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.measures.base import measure
from ontogeny.numerics.bilinear import FORMS, frequency_distribution
from ontogeny.numerics.bilinear_products import PARTS, Factors, inner_products, squared_norms
from ontogeny.numerics.divergence import js_divergences
from ontogeny.subject import Subject

FORM = ("site:form",)
#: Changes of the weights that leave every B[r] as it is, and a positive factor on all of them.
SAME_TENSOR = ("hidden_permutation", "left_right_swap", "unit_rescaling", "isotropic_scale")


class Tensorial(NamedTuple):
    """A bilinear network as factors of its tensor, and its norm (of one part)."""

    weights: Factors
    norm: Tensor
    positions: int


@measure(
    kind="similarity",
    range=(-1, 1),
    invariances=SAME_TENSOR,
    nulls=("reinitialised",),
    reads=FORM,
    label="TN similarity",
)
class tn_similarity:
    """Do two bilinear networks hold the same tensor, whatever their hidden units look like?

    Equation: ⟨1|2⟩ / √(⟨1|1⟩⟨2|2⟩) with ⟨1|2⟩ = Σ_r ⟨B₁[r], B₂[r]⟩_F = Σ pp ⊙ ½ (ll ⊙ rr + lr ⊙ rl), B the symmetrised interaction
    matrices. ``part="visible"`` keeps the entries that some input touches, ``"invisible"`` the others.

    Range −1 … 1, without units; 1: the same tensor up to a positive factor. Widths may differ.
    High: alike in all of B, also where no input looks. About half of ‖B‖² is invisible at an initialisation and nothing but weight
    decay moves it, so two models can compute the same function at a low similarity: compare the parts. Models of one
    initialisation are alike before they learn. NaN where a part is zero.
    Null: independently initialised models, about 0 with a spread that shrinks with the widths; shuffling hidden units changes
    nothing. Errors: an unknown part names the known ones.
    """

    part: Literal["whole", "visible", "invisible"] = "whole"

    def prepare(self, model: Subject) -> Tensorial:
        if self.part not in PARTS:
            raise UnknownName("part of the weights", self.part, PARTS)
        weights = model.form()
        positions = model.signature.positions
        squares = squared_norms(*weights, positions)[PARTS.index(self.part)]
        return Tensorial(weights, squares.sum(-1).sqrt(), positions)

    def pairs(self, x: Sequence[Tensorial], y: Sequence[Tensorial]) -> Tensor:
        weights_x = [one.weights for one in x]
        weights_y = weights_x if x is y else [one.weights for one in y]
        norms = torch.stack([one.norm for one in x])[:, None] * torch.stack([one.norm for one in y])
        return (inner_products(weights_x, weights_y, x[0].positions, self.part) / norms).clamp(-1, 1)


@measure(
    kind="divergence",
    range=(0, math.log(2)),
    invariances=(*SAME_TENSOR, "sign", "operand_shift"),
    nulls=("reinitialised",),
    reads=(*FORM, "grid", "period"),
    label="JS divergence of frequencies",
    units="nat",
)
class js_divergence:
    """Do two bilinear networks use the same frequencies for each output?

    Equation: H(½(p₁ + p₂)) − ½ H(p₁) − ½ H(p₂) in natural logarithms, for p(f | r) of one operand (``side``), mean over outputs r.
    ``reduce="sum"`` with ``form="amplitude_top4"`` is the published heatmap.

    Range 0 … ln 2 = 0.693 nat (times the number of outputs for a sum); 0: the same distribution for every output.
    High: other frequencies. Low says nothing of phases, nor of how the frequencies are combined, and two untrained models score low
    because both spread evenly: read it beside the null. ``amplitude_top4`` is arbitrary where eigenvalues are tied.
    Null: independently initialised models. Errors: an unknown form, reduction or side names the known ones.
    """

    form: Literal["power", "amplitude_top4"] = "power"
    reduce: Literal["mean", "sum"] = "mean"
    side: str = "a"

    def prepare(self, model: Subject) -> Tensor:
        if self.form not in FORMS:
            raise UnknownName("form of the frequency distribution", self.form, FORMS)
        if self.side not in model.grid:
            raise UnknownName("operand", self.side, model.grid)
        start = model.grid.index(self.side) * model.signature.vocab
        return frequency_distribution(*model.form(), slice(start, start + model.period), self.form)

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        if self.reduce not in ("mean", "sum"):
            raise UnknownName("reduction over outputs", self.reduce, ("mean", "sum"))
        return getattr(js_divergences(x, y), self.reduce)(-1)
