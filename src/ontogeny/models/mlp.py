"""The multilayer perceptron on tokens, one-hot or embedded, positions added up or laid side by side.

    x = Σ_i e(t_i)  or  [e(t_1), e(t_2), …],   x ← f(x W_in + b_in) for every hidden layer,   logits = x W_out + b_out

e is the one-hot vector (then x W_in is a sum of looked-up rows, and the one-hot is never built) or a learned embedding.
PyTorch's initialisation: uniform ± 1/√fan_in for matrices and biases, standard normal for the embedding.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.base import Edit, Forward, Taps, Weights
from ontogeny.models.sites import ONE_HOT, Absent, Made, Site, Sites, by_token, weight
from ontogeny.numerics.activations import ACTIVATIONS
from ontogeny.numerics.lookup import one_hot, rows
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature


@architectures.register("mlp")
@dataclass(frozen=True)
class MLP:
    """embed.W_E: (token, d_model) if learned; mlp.W_in: (input, neuron); mlp.1.W_in, …: (input, neuron); mlp.W_out: (neuron, output).

    ``combine``: "concat" gives every position weights of its own, "sum" makes the network symmetric in its operands.
    """

    embedding: Literal["one_hot", "learned"] = "learned"
    combine: Literal["sum", "concat"] = "concat"
    d_embed: int = 64
    d_mlp: int = 256
    activation: Literal["relu", "gelu", "quadratic"] = "relu"
    n_layers: int = 1
    bias: bool = False

    pads: ClassVar[Mapping[str, int]] = {}
    frozen: ClassVar[frozenset[str]] = frozenset()
    by_example: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("d_embed", "d_mlp", "n_layers"):
            if getattr(self, name) < 1:
                raise UserError(
                    f"{name} = {getattr(self, name)}: a multilayer perceptron needs at least one."
                )

    @property
    def layers(self) -> tuple[str, ...]:
        """Hidden layers by name: mlp, mlp.1, mlp.2, …"""
        return ("mlp", *(f"mlp.{i}" for i in range(1, self.n_layers)))

    @cached_property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        axes: dict[str, tuple[str, ...]] = {}
        if self.embedding == "learned":
            axes["embed.W_E"] = ("token", "d_model")
        for layer in self.layers:
            axes[f"{layer}.W_in"] = ("input", "neuron")
            if self.bias:
                axes[f"{layer}.b_in"] = ("neuron",)
        axes["mlp.W_out"] = ("neuron", "output")
        return axes | ({"mlp.b_out": ("output",)} if self.bias else {})

    @cached_property
    def taps(self) -> Mapping[str, tuple[str, ...]]:
        taps: dict[str, tuple[str, ...]] = {}
        if self.embedding == "learned":
            taps["hook_embed"] = ("example", "position", "d_model")
        else:
            taps["hook_one_hot"] = ("example", "position", "token")
        for layer in self.layers:
            taps[f"{layer}.hook_pre"] = taps[f"{layer}.hook_post"] = ("example", "neuron")
        return taps

    @cached_property
    def roles(self) -> Sites:
        """A token's first linear map is its embedding, or the rows of W_in that belong to it."""
        one_hot, last = self.embedding == "one_hot", self.n_layers - 1
        rows = Made(
            ("mlp.W_in",),
            lambda weights, of: by_token(
                weights["mlp.W_in"], of.positions if self.combine == "concat" else 1
            ),
        )
        return {
            "embedding": rows if one_hot else weight("embed.W_E"),
            "lookup": ONE_HOT if one_hot else weight("embed.W_E"),
            "embedded": "hook_one_hot" if one_hot else "hook_embed",
            "neurons": tuple(f"{layer}.hook_post" for layer in self.layers),
            "neurons.pre": tuple(f"{layer}.hook_pre" for layer in self.layers),
            "inward": tuple(weight(f"{layer}.W_in") for layer in self.layers),
            "readout": tuple(
                weight("mlp.W_out")
                if i == last
                else Absent(f"the path from the neurons of layer {i} to the logits goes through later layers")
                for i in range(self.n_layers)
            ),
            "form": self._form,
        }

    @property
    def _form(self) -> Site:
        """f(x) = x² on one-hot inputs: logit = Σ_h W_out[h] (W_in[:, h] · x)²."""
        plain = self.activation == "quadratic" and self.embedding == "one_hot" and self.combine == "concat"
        if not plain or self.n_layers > 1 or self.bias:
            return Absent(
                "its logits are no quadratic form of one-hot inputs (of an mlp they are with activation quadratic, embedding one_hot, "
                "combine concat, one layer and no bias)"
            )
        return Made(
            ("mlp.W_in", "mlp.W_out"),
            lambda weights, _: (
                weights["mlp.W_in"].mT,
                weights["mlp.W_in"].mT,
                weights["mlp.W_out"].mT,
            ),
        )

    def init(self, signature: Signature, key: Key) -> Weights:
        if not signature.vocab:
            raise UserError("The mlp architecture reads tokens; this task gives real-valued inputs.")
        width = signature.vocab if self.embedding == "one_hot" else self.d_embed
        fan_in = width * (signature.positions if self.combine == "concat" else 1)
        shapes: dict[str, tuple[int, int]] = {}
        for layer in self.layers:
            shapes[f"{layer}.W_in"] = (fan_in, self.d_mlp)
            fan_in = self.d_mlp
        shapes["mlp.W_out"] = (fan_in, signature.outputs)
        weights: Weights = {}
        for name in self.axes:
            if name == "embed.W_E":
                weights[name] = key.normal(name, signature.vocab, self.d_embed, std=1.0)
                continue
            fan_in, width = shapes[name.replace(".b_", ".W_")]
            shape = (width,) if ".b_" in name else (fan_in, width)
            weights[name] = key.uniform(name, *shape, bound=fan_in**-0.5)
        return weights

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        tap, activation = Taps(self.taps, read, edit), ACTIVATIONS[self.activation]
        x: Tensor | None = None
        if self.embedding == "learned":
            embedded = tap("hook_embed", rows(weights["embed.W_E"], inputs))
            x = embedded.flatten(-2) if self.combine == "concat" else embedded.sum(-2)
        elif tap.touches("hook_one_hot"):  # only then is the one-hot built
            concat = self.combine == "concat"
            vocab = weights["mlp.W_in"].shape[-2] // (inputs.shape[-1] if concat else 1)
            hot = tap("hook_one_hot", one_hot(inputs, vocab, weights["mlp.W_in"]))
            x = hot.flatten(-2) if concat else hot.sum(-2)
        for layer in self.layers:
            W_in = weights[f"{layer}.W_in"]
            pre = self._first(W_in, inputs) if x is None else x @ W_in
            if self.bias:
                pre = pre + weights[f"{layer}.b_in"].unsqueeze(-2)
            x = tap(f"{layer}.hook_post", activation(tap(f"{layer}.hook_pre", pre)))
        assert x is not None
        logits = x @ weights["mlp.W_out"]
        return tap.forward(logits + weights["mlp.b_out"].unsqueeze(-2) if self.bias else logits)

    def _first(self, W_in: Tensor, tokens: Tensor) -> Tensor:
        """One-hot inputs times W_in: rows of W_in, one per position, added up."""
        positions = tokens.shape[-1]
        if self.combine == "concat":
            vocab = W_in.shape[-2] // positions
            tokens = tokens + vocab * torch.arange(positions, device=tokens.device)
        return rows(W_in, tokens).sum(-2)

    def project(self, weights: Weights) -> Weights:
        return weights
