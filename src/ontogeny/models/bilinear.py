"""The bilinear network: a product of two linear maps, then a projection.

    h = (W_l x) ⊙ (W_r x),   logits = W_p h,   no biases

x concatenates one one-hot vector per position, so W x is a sum of looked-up columns; the one-hot is never built.
PyTorch's ``nn.Linear`` initialisation: uniform ± 1/√fan_in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.base import Edit, Forward, Taps, Weights
from ontogeny.models.sites import ONE_HOT, Absent, Made, Sites, by_token
from ontogeny.numerics.lookup import one_hot, rows
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature


@architectures.register("bilinear")
@dataclass(frozen=True)
class Bilinear:
    """W_l, W_r: (d_hidden, input) with input = position · vocab + token; W_p: (output, d_hidden)."""

    d_hidden: int = 64

    axes = {"W_l": ("d_hidden", "input"), "W_r": ("d_hidden", "input"), "W_p": ("output", "d_hidden")}
    taps = {
        "hook_one_hot": ("example", "position", "token"),
        "hook_left": ("example", "d_hidden"),
        "hook_right": ("example", "d_hidden"),
        "hook_hidden": ("example", "d_hidden"),
    }
    roles: ClassVar[Sites] = {
        "embedding": Made(
            ("W_l", "W_r"),
            lambda weights, of: torch.cat(
                [by_token(weights[w].mT, of.positions) for w in ("W_l", "W_r")], -1
            ),
        ),
        "lookup": ONE_HOT,
        "embedded": "hook_one_hot",
        "neurons": ("hook_hidden",),
        "neurons.pre": Absent(
            "the neurons of a bilinear network are products of two maps, with no single value before the nonlinearity"
        ),
        "inward": (
            Made(("W_l", "W_r"), lambda weights, of: torch.cat([weights["W_l"], weights["W_r"]], -2).mT),
        ),
        "readout": (Made(("W_p",), lambda weights, of: weights["W_p"].mT),),
        "form": Made(("W_l", "W_r", "W_p"), lambda weights, of: tuple(weights[f"W_{x}"] for x in "lrp")),
    }
    pads = {"d_hidden": 16}
    frozen: ClassVar[frozenset[str]] = frozenset()
    by_example: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.d_hidden < 1:
            raise UserError(f"d_hidden = {self.d_hidden}: a bilinear network needs at least one hidden unit.")

    def init(self, signature: Signature, key: Key) -> Weights:
        fan_in = signature.positions * signature.vocab
        if not fan_in:
            raise UserError("The bilinear architecture reads tokens; this task gives real-valued inputs.")
        return {
            "W_l": key.uniform("W_l", self.d_hidden, fan_in, bound=fan_in**-0.5),
            "W_r": key.uniform("W_r", self.d_hidden, fan_in, bound=fan_in**-0.5),
            "W_p": key.uniform("W_p", signature.outputs, self.d_hidden, bound=self.d_hidden**-0.5),
        }

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        tap = Taps(self.taps, read, edit)
        positions = inputs.shape[-1]
        vocab = weights["W_l"].shape[-1] // positions
        if tap.touches("hook_one_hot"):  # only then is the one-hot built
            x = tap("hook_one_hot", one_hot(inputs, vocab, weights["W_l"])).flatten(-2)
            left, right = x @ weights["W_l"].mT, x @ weights["W_r"].mT
        else:
            index = inputs + vocab * torch.arange(positions, device=inputs.device)
            left, right = (rows(weights[w].mT, index).sum(-2) for w in ("W_l", "W_r"))
        left, right = tap("hook_left", left), tap("hook_right", right)
        hidden = tap("hook_hidden", left * right)
        return tap.forward(hidden @ weights["W_p"].mT)

    def project(self, weights: Weights) -> Weights:
        return weights
