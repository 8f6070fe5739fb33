"""The sparse autoencoder: activations or data as sparse sums of dictionary atoms.

    pre = (x − b_dec) W_enc + b_enc,   acts = f(pre),   x̂ = acts W_dec + b_dec

Atoms are the rows of W_dec. f is one of

    relu        max(pre, 0)                                   sparse by the L1 term of the objective (Bricken et al. 2023)
    topk        the k largest of max(pre, 0) per example      (Gao et al. 2024)
    batch_topk  the k · n largest of max(pre, 0) over the n examples of a batch   (Bussmann et al. 2024); so a
                code depends on the company of its example
    jumprelu    pre where pre > θ, else 0, θ trained per atom with a straight-through gradient of rectangular kernel
                (Rajamanoharan et al. 2024b)
    gated       1[pre + b_gate > 0] · max(pre · exp(r_mag) + b_mag, 0), with pre = (x − b_dec) W_enc   (Rajamanoharan et al. 2024a)

Initialisation: random unit atoms, W_enc = W_decᵀ, biases 0. What it is fitted to first (``normalise``, ``b_dec``) is the probe.
How it is looked after while it trains stands in :mod:`ontogeny.models.sae_care`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models import sae_care
from ontogeny.models.base import Edit, Forward, Seen, Taps, Weights
from ontogeny.models.sites import Absent, Sites, weight
from ontogeny.numerics import sparse_codes
from ontogeny.numerics.median import geometric_median
from ontogeny.numerics.random import Key
from ontogeny.numerics.sparse_kernel import can, top_k_autoencode
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature

Activation = Literal["topk", "relu", "batch_topk", "jumprelu", "gated"]


@architectures.register("sae")
@dataclass(frozen=True)
class SAE:
    """W_enc: (feature, atom); W_dec: (atom, feature); outputs: the reconstruction, (example, feature).

    ``k``: active atoms per example (topk, batch_topk); ``threshold``: initial θ and ``bandwidth``: width of the kernel (jumprelu).
    ``norms``: "unit" holds atoms at unit norm; "free" lets them go, and the L1 term weighs an activation with its atom's norm (Conerly et
    al. 2024). ``normalise``: "mean_norm" divides inputs by their mean norm over √d, "own_norm" each by its own, "layer_norm" takes each input's
    own mean and deviation; outputs are put back (Conerly et al. 2024; Gao et al. 2024). ``b_dec``: where it begins, "zero", at the "mean" or at the
    "geometric_median" of the inputs (Bricken et al. 2023). ``centred``: b_dec is subtracted from the inputs. ``project_gradients``: no
    gradient of an atom along itself, where its norm is held (Bricken et al. 2023).
    ``revive``: what is done for atoms that have not been active for ``dead_after`` updates: "none"; "auxiliary": the ``k_aux`` most
    nearly active (0: d/2) rebuild what the others leave, by the objective's ``auxiliary`` term (Gao et al. 2024); "resample": every
    ``resample_every`` updates, up to ``resample_until`` (0: always), they begin again at inputs that are badly rebuilt (Bricken et al. 2023).
    """

    d_atoms: int = 512
    activation: Activation = "topk"
    k: int = 8
    threshold: float = 0.01
    bandwidth: float = 0.01
    norms: Literal["unit", "free"] = "unit"
    normalise: Literal["none", "mean_norm", "own_norm", "layer_norm"] = "none"
    b_dec: Literal["zero", "mean", "geometric_median"] = "zero"
    centred: bool = True
    project_gradients: bool = True
    revive: Literal["none", "auxiliary", "resample"] = "none"
    dead_after: int = 1000
    k_aux: int = 0
    resample_every: int = 2500
    resample_until: int = 0

    watches: ClassVar[str] = "hook_acts"
    objective: ClassVar[str] = "sparse_reconstruction"  # unless the recipe says another
    pads: ClassVar[Mapping[str, int]] = {}
    frozen: ClassVar[frozenset[str]] = frozenset({"scale", "idle"})
    taps = {
        "hook_pre": ("example", "atom"),
        "hook_acts": ("example", "atom"),
        "hook_recons": ("example", "feature"),
        "hook_error": ("example", "feature"),
        "hook_infidelity": ("example",),
        "hook_penalty": ("example",),
        "hook_auxiliary": ("example",),
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
        if wrong := sae_care.wrong_care(self):
            raise UserError(wrong)

    @cached_property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """Weights of the forward pass; what is only kept (``scale``, ``idle``) where it is asked for."""
        atom = dict.fromkeys(self.of_atoms, ("atom",))
        axes: dict[str, tuple[str, ...]] = {"W_enc": ("feature", "atom"), "W_dec": ("atom", "feature")}
        axes |= {"b_dec": ("feature",), **atom}
        return axes | ({"scale": ()} if self.normalise == "mean_norm" else {})

    @property
    def of_atoms(self) -> list[str]:
        """Weights that are one number an atom."""
        names = {"jumprelu": ["b_enc", "threshold"], "gated": ["b_gate", "r_mag", "b_mag"]}
        return names.get(self.activation, ["b_enc"]) + (["idle"] if self.revive != "none" else [])

    def init(self, signature: Signature, key: Key) -> Weights:
        if not signature.features:
            raise UserError("The sae architecture reads real vectors; this task gives tokens.")
        atoms = unit(key.normal("W_dec", self.d_atoms, signature.features, std=1.0))
        weights = {"W_enc": atoms.mT.contiguous(), "W_dec": atoms, "b_dec": torch.zeros(signature.features)}
        weights |= {name: torch.zeros(self.d_atoms) for name in self.of_atoms}
        if "threshold" in weights:
            weights["threshold"] = torch.full((self.d_atoms,), float(self.threshold))
        if self.normalise == "mean_norm":
            weights["scale"] = torch.ones(())
        return weights

    def fitted(self, weights: Weights, inputs: Callable[[], Tensor]) -> Weights:
        """Fresh weights as they begin on these inputs, (example, feature), which are asked for only where they matter."""
        if self.b_dec == "zero" and self.normalise != "mean_norm":
            return weights
        fitted, x = dict(weights), inputs()
        if self.normalise == "mean_norm":
            fitted["scale"] = x.shape[-1] ** 0.5 / torch.linalg.vector_norm(x, dim=-1).mean()
        normed, _ = self.normalised(x, fitted)
        if self.b_dec != "zero":
            fitted["b_dec"] = normed.mean(0) if self.b_dec == "mean" else geometric_median(normed)
        return fitted

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        tap = Taps(self.taps, read, edit)
        normed, restored = self.normalised(inputs, weights)
        b_dec = weights["b_dec"].unsqueeze(-2)
        centred = normed - b_dec if self.centred else normed
        if self._without_zeros(tap, centred, weights):
            without_bias, acts = top_k_autoencode(
                centred, weights["W_enc"], weights["b_enc"], weights["W_dec"], self.k
            )
            tap.keep("hook_acts", acts)
            pre, rebuilt = acts, without_bias + b_dec
        else:
            bias = weights["b_gate" if self.activation == "gated" else "b_enc"].unsqueeze(-2)
            pre = tap("hook_pre", centred @ weights["W_enc"] + bias)
            acts = tap("hook_acts", self._sparse(pre, weights))
            rebuilt = acts @ weights["W_dec"] + b_dec
        # in the units of what is normalised, and only where somebody asks: they cost as much as the rest
        if tap.touches("hook_error", "hook_infidelity", "hook_auxiliary"):
            error = tap("hook_error", normed - rebuilt)
            if tap.touches("hook_infidelity"):
                tap("hook_infidelity", self._infidelity(error, normed, pre, weights))
            if tap.touches("hook_auxiliary"):
                tap("hook_auxiliary", sae_care.left_to_the_dead(self, error, pre, weights))
        if tap.touches("hook_penalty"):
            tap("hook_penalty", self._penalty(pre, acts, weights))
        return tap.forward(tap("hook_recons", restored(rebuilt)))

    def _without_zeros(self, tap: Taps, x: Tensor, weights: Weights) -> bool:
        """Whether the loops over active atoms apply: nobody asks for, or changes, what comes before them."""
        plain = (
            self.activation == "topk"
            and self.revive != "auxiliary"
            and x.shape[:-2] == weights["W_enc"].shape[:-2]
        )
        edited = tap.edit is not None and "hook_acts" in tap.edit.edits
        return plain and not edited and not tap.touches("hook_pre") and can(x, *weights.values())

    def normalised(self, x: Tensor, weights: Weights) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Inputs as the dictionary sees them, and the way back."""
        match self.normalise:
            case "none":
                return x, lambda y: y
            case "mean_norm":
                scale = weights["scale"][..., None, None]
                return x * scale, lambda y: y / scale
            case "own_norm":
                size = torch.linalg.vector_norm(x, dim=-1, keepdim=True) / x.shape[-1] ** 0.5
                return x / size, lambda y: y * size
            case "layer_norm":
                mean = x.mean(-1, keepdim=True)
                deviation = (x - mean).std(-1, keepdim=True) + 1e-5
                return (x - mean) / deviation, lambda y: y * deviation + mean

    def _sparse(self, pre: Tensor, weights: Weights) -> Tensor:
        match self.activation:
            case "relu":
                return pre.relu()
            case "topk":
                return sparse_codes.top_k(pre, self.k)
            case "batch_topk":
                return sparse_codes.batch_top_k(pre, self.k)
            case "jumprelu":
                return sparse_codes.jump_relu(pre, weights["threshold"].unsqueeze(-2), self.bandwidth)
            case "gated":
                b_gate, r_mag, b_mag = (weights[n].unsqueeze(-2) for n in ("b_gate", "r_mag", "b_mag"))
                return sparse_codes.gated(pre - b_gate, b_gate, r_mag, b_mag)

    def _infidelity(self, error: Tensor, normed: Tensor, pre: Tensor, weights: Weights) -> Tensor:
        """‖x − x̂‖², and of gated besides that of max(gate, 0) through the decoder held fixed, by which alone its gates learn."""
        infidelity = error.square().sum(-1)
        if self.activation != "gated":
            return infidelity
        held = weights["W_dec"].detach(), weights["b_dec"].detach().unsqueeze(-2)
        return infidelity + (normed - (pre.relu() @ held[0] + held[1])).square().sum(-1)

    def _penalty(self, pre: Tensor, acts: Tensor, weights: Weights) -> Tensor:
        """What sparsity costs: active atoms of jumprelu, Σ max(gate, 0) of gated, Σ acts of the others, each by its atom's norm if free."""
        if self.activation == "jumprelu":
            return sparse_codes.jump_count(pre, weights["threshold"].unsqueeze(-2), self.bandwidth)
        cost = pre.relu() if self.activation == "gated" else acts
        if self.norms == "free":
            cost = cost * torch.linalg.vector_norm(weights["W_dec"], dim=-1).unsqueeze(-2)
        return cost.sum(-1)

    def projected_gradients(self, weights: Weights, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return sae_care.projected_gradients(self, weights, gradients)

    def tended(self, weights: Weights, moments: Mapping[str, Weights], seen: Seen) -> Weights:
        return sae_care.tended(self, weights, moments, seen)

    def project(self, weights: Weights) -> Weights:
        """Atoms to unit norm where it is held; thresholds to zero or above."""
        projected = dict(weights)
        if self.norms == "unit":
            projected["W_dec"] = unit(weights["W_dec"])
        if "threshold" in weights:
            projected["threshold"] = weights["threshold"].clamp_min(0)
        return projected


def unit(atoms: Tensor) -> Tensor:
    """Rows at unit norm; a row of zeros stays."""
    return torch.nn.functional.normalize(atoms, dim=-1)
