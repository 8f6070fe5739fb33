"""The sparse autoencoder: activations or data as sparse sums of dictionary atoms.

    pre = (x − b_dec) W_enc + b_enc,   acts = f(pre),   x̂ = acts W_dec + b_dec

Atoms are the rows of W_dec, of unit norm after every update. f is one of

    relu        max(pre, 0)                                   sparse by the L1 term of the objective (Bricken et al. 2023)
    topk        the k largest of max(pre, 0) per example      (Gao et al. 2024)
    batch_topk  the k · n largest of max(pre, 0) over the n examples of a batch   (Bussmann et al. 2024); so a
                code depends on the company of its example
    jumprelu    pre where pre > θ, else 0, θ trained per atom with a straight-through gradient of rectangular kernel
                (Rajamanoharan et al. 2024)

Initialisation: random unit atoms, W_enc = W_decᵀ, biases 0.
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
from ontogeny.models.sites import Absent, Sites, weight
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature


@architectures.register("sae")
@dataclass(frozen=True)
class SAE:
    """W_enc: (feature, atom); W_dec: (atom, feature); outputs: the reconstruction, (example, feature).

    ``k``: active atoms per example (topk, batch_topk); ``threshold``: initial θ and ``bandwidth``: width of the kernel (jumprelu).
    """

    d_atoms: int = 512
    activation: Literal["topk", "relu", "batch_topk", "jumprelu"] = "topk"
    k: int = 8
    threshold: float = 0.01
    bandwidth: float = 0.01

    objective: ClassVar[str] = "reconstruction"  # unless the recipe says another
    pads: ClassVar[Mapping[str, int]] = {}
    frozen: ClassVar[frozenset[str]] = frozenset()
    taps = {
        "hook_pre": ("example", "atom"),
        "hook_acts": ("example", "atom"),
        "hook_recons": ("example", "feature"),
    }

    roles: ClassVar[Sites] = {
        "embedding": Absent("its inputs are real vectors, not tokens"),
        "lookup": Absent("its inputs are real vectors, not tokens"),
        "embedded": Absent("its inputs are real vectors, not tokens"),
        "neurons": ("hook_acts",),
        "neurons.pre": ("hook_pre",),
        "inward": (weight("W_enc"),),
        "readout": (weight("W_dec"),),
    }

    def __post_init__(self) -> None:
        if self.d_atoms < 1:
            raise UserError(f"d_atoms = {self.d_atoms}: a dictionary needs at least one atom.")
        if "topk" in self.activation and not 0 < self.k <= self.d_atoms:
            raise UserError(
                f"k = {self.k} active atoms of d_atoms = {self.d_atoms}: 1 ≤ k ≤ d_atoms is needed."
            )
        if self.activation == "jumprelu" and (self.threshold < 0 or self.bandwidth <= 0):
            raise UserError(
                f"threshold = {self.threshold}, bandwidth = {self.bandwidth}: jumprelu needs threshold ≥ 0, bandwidth > 0."
            )

    @cached_property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        axes: dict[str, tuple[str, ...]] = {
            "W_enc": ("feature", "atom"),
            "b_enc": ("atom",),
            "W_dec": ("atom", "feature"),
            "b_dec": ("feature",),
        }
        return axes | ({"threshold": ("atom",)} if self.activation == "jumprelu" else {})

    def init(self, signature: Signature, key: Key) -> Weights:
        if not signature.features:
            raise UserError("The sae architecture reads real vectors; this task gives tokens.")
        atoms = unit(key.normal("W_dec", self.d_atoms, signature.features, std=1.0))
        weights = {
            "W_enc": atoms.mT.contiguous(),
            "b_enc": torch.zeros(self.d_atoms),
            "W_dec": atoms,
            "b_dec": torch.zeros(signature.features),
        }
        if self.activation == "jumprelu":
            weights["threshold"] = torch.full((self.d_atoms,), float(self.threshold))
        return weights

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        tap = Taps(self.taps, read, edit)
        b_enc, b_dec = weights["b_enc"].unsqueeze(-2), weights["b_dec"].unsqueeze(-2)
        pre = tap("hook_pre", (inputs - b_dec) @ weights["W_enc"] + b_enc)
        acts = tap("hook_acts", self._sparse(pre, weights))
        return tap.forward(tap("hook_recons", acts @ weights["W_dec"] + b_dec))

    def _sparse(self, pre: Tensor, weights: Weights) -> Tensor:
        match self.activation:
            case "relu":
                return pre.relu()
            case "topk":
                values, index = pre.relu().topk(self.k, -1)
                return torch.zeros_like(pre).scatter(-1, index, values)
            case "batch_topk":
                flat = pre.relu().flatten(-2)
                values, index = flat.topk(self.k * pre.shape[-2], -1)
                return torch.zeros_like(flat).scatter(-1, index, values).view_as(pre)
            case "jumprelu":
                return jump_relu(pre, weights["threshold"].unsqueeze(-2), self.bandwidth)

    def project(self, weights: Weights) -> Weights:
        """Atoms to unit norm; thresholds to zero or above."""
        projected = {**weights, "W_dec": unit(weights["W_dec"])}
        if "threshold" in weights:
            projected["threshold"] = weights["threshold"].clamp_min(0)
        return projected


def unit(atoms: Tensor) -> Tensor:
    """Rows at unit norm; a row of zeros stays."""
    return torch.nn.functional.normalize(atoms, dim=-1)


def jump_relu(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    """pre · 1[pre > θ]; d/dpre = 1[pre > θ], d/dθ = −(θ/ε) · 1[|pre − θ| < ε/2], the kernel's estimate of the jump's gradient."""
    ramp = ((pre.detach() - threshold) / bandwidth + 0.5).clamp(0, 1)
    return pre * (pre > threshold) + threshold.detach() * (ramp - ramp.detach())
