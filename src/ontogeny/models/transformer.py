"""A decoder-only transformer without LayerNorm and biases, in TransformerLens's names and shapes.

    x₀ = W_E[token] + W_pos
    s_h = (x W_Q^h)(x W_K^h)ᵀ / √d_head,   A_h = softmax(causal(s_h)),   z_h = A_h (x W_V^h)
    x ← x + Σ_h z_h W_O^h,                 x ← x + f(x W_in) W_out
    logits = x W_U

Every tap with a position has a twin ``last:NAME`` without it: the value at the last position, to read and to edit.

**The last position alone.** A one-layer network whose answer is read at the last position sees only vocab · position different rows
in front of its only attention: keys and values are a table, scores are a table over (last token, position, token), and MLP and
unembedding run at one position. Exact, about 3× fewer operations; taken whenever no tap elsewhere is read or edited.

Initialisation: normal, std 0.8/√d_model, for every matrix. Source: Nanda et al. 2023, "Progress measures for grokking via
mechanistic interpretability", and TransformerLens's conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from ontogeny.errors import UserError
from ontogeny.models.base import Edit, Forward, Taps, Weights
from ontogeny.models.sites import Absent, Made, Sites, weight
from ontogeny.numerics.activations import ACTIVATIONS
from ontogeny.numerics.lookup import rows
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature

LAST = "last:"
LINE = 16  # numbers in a cache line
LARGEST_TABLE = 1024  # tokens; above it the table of scores, vocab² · position, costs more than it saves

_STREAM = ("example", "position", "d_model")
_HEADS = ("example", "position", "head", "d_head")
_SCORES = ("example", "head", "query", "key")
_NEURONS = ("example", "position", "neuron")
BEFORE_SCORES = {
    "hook_resid_pre": _STREAM,
    "attn.hook_q": _HEADS,
    "attn.hook_k": _HEADS,
    "attn.hook_v": _HEADS,
}
AFTER_SCORES = {
    "attn.hook_attn_scores": _SCORES,
    "attn.hook_pattern": _SCORES,
    "attn.hook_z": _HEADS,
    "hook_attn_out": _STREAM,
    "hook_resid_mid": _STREAM,
    "mlp.hook_pre": _NEURONS,
    "mlp.hook_post": _NEURONS,
    "hook_mlp_out": _STREAM,
    "hook_resid_post": _STREAM,
}
#: What the algebra of the last position has in its hands.
AT_LAST = frozenset(f"{LAST}blocks.0.{name}" for name in AFTER_SCORES)

Tap = Callable[[str, Tensor], Tensor]


@architectures.register("transformer")
@dataclass(frozen=True)
class Transformer:
    """``read_at``: "last" gives logits (example, output) at the last position, "all" (example, position, output)."""

    n_layers: int = 1
    n_heads: int = 4
    d_model: int = 128
    d_head: int = 32
    d_mlp: int = 512
    activation: Literal["relu", "gelu"] = "relu"
    read_at: Literal["last", "all"] = "last"

    pads: ClassVar[Mapping[str, int]] = {}
    frozen: ClassVar[frozenset[str]] = frozenset()
    by_example: ClassVar[bool] = True  # training may take pieces of a batch side by side

    def __post_init__(self) -> None:
        for name in ("n_layers", "n_heads", "d_model", "d_head", "d_mlp"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)}: a transformer needs at least one.")

    @cached_property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        axes: dict[str, tuple[str, ...]] = {
            "embed.W_E": ("token", "d_model"),
            "pos_embed.W_pos": ("position", "d_model"),
        }
        for layer in range(self.n_layers):
            block = f"blocks.{layer}"
            axes |= {f"{block}.attn.W_{m}": ("head", "d_model", "d_head") for m in "QKV"}
            axes[f"{block}.attn.W_O"] = ("head", "d_head", "d_model")
            axes[f"{block}.mlp.W_in"] = ("d_model", "neuron")
            axes[f"{block}.mlp.W_out"] = ("neuron", "d_model")
        return axes | {"unembed.W_U": ("d_model", "output")}

    @cached_property
    def taps(self) -> Mapping[str, tuple[str, ...]]:
        taps: dict[str, tuple[str, ...]] = {"hook_embed": _STREAM, "hook_pos_embed": _STREAM}
        for layer in range(self.n_layers):
            taps |= {f"blocks.{layer}.{name}": axes for name, axes in (BEFORE_SCORES | AFTER_SCORES).items()}
        last = {
            LAST + name: tuple(axis for axis in axes if axis not in ("position", "query"))
            for name, axes in taps.items()
        }
        return taps | last

    @cached_property
    def roles(self) -> Sites:
        """The position that answers is the last; neurons of earlier layers reach the logits through later ones."""
        blocks, last = [f"blocks.{layer}" for layer in range(self.n_layers)], self.n_layers - 1
        W_out = f"blocks.{last}.mlp.W_out"
        readout = Made((W_out, "unembed.W_U"), lambda weights, _: weights[W_out] @ weights["unembed.W_U"])
        later = [
            Absent(
                f"later layers read what the neurons of layer {i} write, so their path to the logits is not linear"
            )
            for i in range(last)
        ]
        return {
            "embedding": weight("embed.W_E"),
            "lookup": weight("embed.W_E"),
            "embedded": "hook_embed",
            "residual": tuple(f"{LAST}{block}.hook_resid_post" for block in blocks),
            "residual.mid": tuple(f"{LAST}{block}.hook_resid_mid" for block in blocks),
            "attention": tuple(f"{LAST}{block}.attn.hook_pattern" for block in blocks),
            "heads": tuple(f"{LAST}{block}.attn.hook_z" for block in blocks),
            "neurons": tuple(f"{LAST}{block}.mlp.hook_post" for block in blocks),
            "neurons.pre": tuple(f"{LAST}{block}.mlp.hook_pre" for block in blocks),
            "inward": tuple(weight(f"{block}.mlp.W_in") for block in blocks),
            "readout": (*later, readout),
        }

    def init(self, signature: Signature, key: Key) -> Weights:
        if not signature.vocab:
            raise UserError("The transformer reads tokens; this task gives real-valued inputs.")
        sizes = {
            "token": signature.vocab,
            "position": signature.positions,
            "output": signature.outputs,
            "d_model": self.d_model,
            "head": self.n_heads,
            "d_head": self.d_head,
            "neuron": self.d_mlp,
        }
        std = 0.8 / self.d_model**0.5
        return {
            name: key.normal(name, *(sizes[axis] for axis in axes), std=std)
            for name, axes in self.axes.items()
        }

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        if inputs.shape[-1] > (known := weights["pos_embed.W_pos"].shape[-2]):
            raise UserError(
                f"The inputs have {inputs.shape[-1]} positions; the positional embedding knows {known}."
            )
        tap = Taps(self.taps, read, edit)
        touched = {*read, *(edit.edits | edit.reads if edit else ())}
        if self.read_at == "last" and self._tabled(weights) and touched <= AT_LAST:
            return tap.forward(self._last_position(weights, inputs, tap))
        return tap.forward(self._every_position(weights, inputs, tap))

    def _tabled(self, weights: Weights) -> bool:
        """Whether everything before the last position is looked up in tables over the tokens."""
        return self.n_layers == 1 and weights["embed.W_E"].shape[-2] <= LARGEST_TABLE

    def project(self, weights: Weights) -> Weights:
        return weights

    def answers(self, weights: Weights, inputs: Tensor) -> Tensor | None:
        """Logits alone, for losses at many weights: W_O W_in, W_O W_U and W_out W_U are taken before the examples come, so it rounds otherwise
        than ``forward`` does. None where there is more than the last position of one layer to go through."""
        if not (self.read_at == "last" and self._tabled(weights)):
            return None
        z, resid_pre = self._attended(weights, inputs, lambda name, value: value)
        W_in, W_out, W_U = weights["blocks.0.mlp.W_in"], weights["blocks.0.mlp.W_out"], weights["unembed.W_U"]
        W_O = weights["blocks.0.attn.W_O"].flatten(-3, -2)
        if not bool(
            (inputs[:, -1] == inputs[0, -1]).all()
        ):  # the last token is the same everywhere, or it is looked up
            mid = resid_pre + linear(z.flatten(-2), W_O)
            return linear(ACTIVATIONS[self.activation](linear(mid, W_in)), W_out @ W_U) + linear(mid, W_U)
        # what the last token brings is one more input of every product, which a 1 stands for
        z, stays = z.flatten(-2), resid_pre[..., :1, :]
        z = torch.cat([z, torch.ones_like(z[..., :1])], -1)

        def onto(weight: Tensor) -> Tensor:
            return z @ torch.cat([W_O @ weight, stays @ weight], -2)

        pre = onto(W_in)
        post = pre.relu_() if self.activation == "relu" else ACTIVATIONS[self.activation](pre)
        return onto(W_U) + post @ (W_out @ W_U)

    def _last_position(self, weights: Weights, tokens: Tensor, taps: Taps) -> Tensor:
        """Logits (*lead, example, output) of one layer, from tables over the distinct (position, token)."""

        def tap(name: str, value: Tensor) -> Tensor:
            return taps(LAST + name, value)

        z, resid_pre = self._attended(weights, tokens, tap)
        return linear(self._to_residual(weights, 0, resid_pre, z, tap), weights["unembed.W_U"])

    def _attended(self, weights: Weights, tokens: Tensor, tap: Tap) -> tuple[Tensor, Tensor]:
        """z (*lead, example, head, d_head) and what stands in the residual stream before (*lead, example, d_model), at the last position."""
        W_E, W_pos = weights["embed.W_E"], weights["pos_embed.W_pos"]
        vocab, positions, lead = W_E.shape[-2], tokens.shape[-1], W_E.ndim - 2
        distinct = W_E.unsqueeze(-3) + W_pos[..., :positions, :].unsqueeze(-2)
        # Rows: token; position · token. Zeros make the rows of all tables whole cache lines long, so that a stack of models keeps each
        # of them on the same boundaries.
        last, distinct = distinct.select(-3, -1), distinct.flatten(-3, -2)
        distinct = pad(distinct, (0, 0, 0, -distinct.shape[-2] % LINE))
        q = heads(last, weights["blocks.0.attn.W_Q"]).movedim(-2, -3)
        k = heads(distinct, weights["blocks.0.attn.W_K"]).movedim(-2, -3)
        v = heads(distinct, weights["blocks.0.attn.W_V"]).flatten(-2)
        table = (q @ k.mT / self.d_head**0.5).movedim(lead, -1).flatten(lead, -2)  # (*lead, …, head)

        index = tokens + vocab * torch.arange(positions, device=tokens.device)
        query = tokens[..., -1:]
        scores = rows(table, query * distinct.shape[-2] + index).mT  # (*lead, example, head, key)
        pattern = tap("blocks.0.attn.hook_pattern", tap("blocks.0.attn.hook_attn_scores", scores).softmax(-1))
        values = rows(v, index).unflatten(
            -1, (self.n_heads, self.d_head)
        )  # (*lead, example, key, head, d_head)
        z = tap("blocks.0.attn.hook_z", (pattern.mT.unsqueeze(-1) * values).sum(-3))
        return z, rows(last, query).squeeze(-2)

    def _every_position(self, weights: Weights, tokens: Tensor, taps: Taps) -> Tensor:
        """Logits (*lead, example, output) or (*lead, example, position, output)."""

        def both(name: str, value: Tensor) -> Tensor:
            """The tap, then its last position."""
            axis = self.taps[name].index("query" if "query" in self.taps[name] else "position")
            axis -= len(self.taps[name])
            value = taps(name, value)
            if taps.touches(LAST + name):
                value = value.select_scatter(taps(LAST + name, value.select(axis, -1)), axis, -1)
                taps.keep(name, value)
            return value

        positions = tokens.shape[-1]
        embed = both("hook_embed", rows(weights["embed.W_E"], tokens))
        places = weights["pos_embed.W_pos"][..., :positions, :].unsqueeze(-3)
        x = embed + both("hook_pos_embed", places.expand_as(embed))
        future = torch.ones(positions, positions, dtype=torch.bool, device=tokens.device).triu(1)
        for layer in range(self.n_layers):
            attn = f"blocks.{layer}.attn"
            x = both(f"blocks.{layer}.hook_resid_pre", x)
            q, k, v = (both(f"{attn}.hook_{m.lower()}", heads(x, weights[f"{attn}.W_{m}"])) for m in "QKV")
            scores = torch.einsum("...qhd,...khd->...hqk", q, k) / self.d_head**0.5
            scores = both(f"{attn}.hook_attn_scores", scores.masked_fill(future, -torch.inf))
            pattern = both(f"{attn}.hook_pattern", scores.softmax(-1))
            z = both(f"{attn}.hook_z", torch.einsum("...hqk,...khd->...qhd", pattern, v))
            x = self._to_residual(weights, layer, x, z, both)
        return linear(x if self.read_at == "all" else x.select(-2, -1), weights["unembed.W_U"])

    def _to_residual(self, weights: Weights, layer: int, x: Tensor, z: Tensor, tap: Tap) -> Tensor:
        """From the heads' values z to the end of the block, at one position or at all."""
        block, activation = f"blocks.{layer}", ACTIVATIONS[self.activation]
        W_O = weights[f"{block}.attn.W_O"].flatten(-3, -2)  # (*lead, head · d_head, d_model)
        mid = tap(f"{block}.hook_resid_mid", x + tap(f"{block}.hook_attn_out", linear(z.flatten(-2), W_O)))
        pre = tap(f"{block}.mlp.hook_pre", linear(mid, weights[f"{block}.mlp.W_in"]))
        post = tap(f"{block}.mlp.hook_post", activation(pre))
        out = tap(f"{block}.hook_mlp_out", linear(post, weights[f"{block}.mlp.W_out"]))
        return tap(f"{block}.hook_resid_post", mid + out)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (*lead, …, m) times weight (*lead, m, n) as one product of matrices per leading index."""
    lead = weight.ndim - 2
    return (x.flatten(lead, -2) @ weight).unflatten(lead, x.shape[lead:-1])


def heads(x: Tensor, weight: Tensor) -> Tensor:
    """x (*lead, …, d_model) times weight (*lead, head, d_model, d_head): (*lead, …, head, d_head)."""
    n_heads, d_head = weight.shape[-3], weight.shape[-1]
    return linear(x, weight.movedim(-3, -2).flatten(-2)).unflatten(-1, (n_heads, d_head))
