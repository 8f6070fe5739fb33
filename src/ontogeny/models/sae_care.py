"""How a sparse autoencoder is looked after while it trains: atoms that died, and gradients along what is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.base import Seen, Weights

if TYPE_CHECKING:
    from ontogeny.models.sae import SAE

GENTLE = 0.2  # of the mean norm of living encoders: the encoder of a revived atom (Bricken et al. 2023)


@dataclass(frozen=True)
class Care:
    """The settings of an SAE that matter while it trains alone; see :class:`ontogeny.models.sae.SAE`."""

    project_gradients: bool = True
    revive: Literal["none", "auxiliary", "resample"] = "none"
    dead_after: int = 1000
    k_aux: int = 0
    resample_every: int = 2500
    resample_until: int = 0

    watches: ClassVar[str] = "hook_acts"

    def check_care(self) -> None:
        if self.revive != "none" and self.dead_after < 1:
            raise UserError(
                f"dead_after = {self.dead_after}: an atom is dead after a number of updates, 1 or more."
            )
        if min(self.k_aux, self.resample_until) < 0 or self.resample_every < 1:
            raise UserError(
                f"k_aux = {self.k_aux}, resample_every = {self.resample_every}, resample_until = {self.resample_until}: "
                "k_aux and resample_until are 0 or more, resample_every is 1 or more."
            )

    def left_to_the_dead(self: SAE, error: Tensor, pre: Tensor, weights: Weights) -> Tensor:
        """‖e − ê‖² of every example, ê from the ``k_aux`` largest max(pre, 0) of dead atoms, e held fixed; fewer dead atoms than ``k_aux``
        count in proportion, none count nothing (Gao et al. 2024, A.2)."""
        if self.revive != "auxiliary":
            return torch.zeros_like(error[..., 0])
        dead = (weights["idle"] >= self.dead_after).to(pre.dtype)
        k = min(self.k_aux or max(1, error.shape[-1] // 2), self.d_atoms)
        values, index = (pre.relu() * dead.unsqueeze(-2)).topk(k, -1)
        guess = torch.zeros_like(pre).scatter(-1, index, values) @ weights["W_dec"]
        weight = (dead.sum(-1, keepdim=True) / k).clamp(max=1)
        return weight * (error.detach() - guess).square().sum(-1)

    def projected_gradients(
        self: SAE, weights: Weights, gradients: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Without the part of an atom's gradient along the atom, where its norm is held: an optimiser with moments would otherwise
        gather momentum in a direction that the projection takes back."""
        if not self.project_gradients or self.norms != "unit":
            return dict(gradients)
        W, g = weights["W_dec"], gradients["W_dec"]
        return {**gradients, "W_dec": g - (g * W).sum(-1, keepdim=True) * W}

    def tended(self: SAE, weights: Weights, moments: Mapping[str, Weights], seen: Seen) -> Weights:
        """Weights (place, …) after the update: how long each atom has been idle, and at their time dead ones that begin again."""
        if self.revive == "none":
            return weights
        idle = torch.where(seen.active, torch.zeros_like(weights["idle"]), weights["idle"] + 1)
        weights = {**weights, "idle": idle}
        if (
            self.revive != "resample"
            or seen.step % self.resample_every
            or (self.resample_until and seen.step > self.resample_until)
        ):
            return weights
        for place, key in enumerate(seen.keys):
            self._resample(
                {n: w[place] for n, w in weights.items()},
                [{n: m[place] for n, m in by.items()} for by in moments.values()],
                seen.inputs[place],
                seen.losses[place],
                key.generator(seen.step),
            )
        return weights

    def _resample(
        self: SAE,
        weights: Weights,
        moments: list[Weights],
        inputs: Tensor,
        losses: Tensor,
        generator: torch.Generator,
    ) -> None:
        """Dead atoms of one model begin again, in place: each at an input drawn with a probability as the square of its loss."""
        dead = (weights["idle"] >= self.dead_after).nonzero().squeeze(-1)
        if not len(dead):
            return
        chance = losses.double().cpu().square()
        chance = chance if chance.sum() > 0 else torch.ones_like(chance)
        rows = torch.multinomial(chance, len(dead), replacement=len(dead) > len(chance), generator=generator)
        normed, _ = self._normalised(inputs[rows.to(inputs.device)].clone(), weights)
        atoms = torch.nn.functional.normalize(normed - weights["b_dec"] if self.centred else normed, dim=-1)
        living = torch.ones_like(weights["idle"], dtype=torch.bool)
        living[dead] = False
        norms = torch.linalg.vector_norm(weights["W_enc"].mT.contiguous(), dim=-1)
        size = norms[living].mean() if living.any() else norms.mean()
        weights["W_dec"][dead] = atoms
        weights["W_enc"][:, dead] = (GENTLE * size * atoms).mT
        for name in set(self._of_atoms):
            weights[name][dead] = float(self.threshold) if name == "threshold" else 0.0
        for by in moments:
            for name, m in by.items():
                if name == "W_enc":
                    m[:, dead] = 0.0
                elif name != "b_dec":
                    m[dead] = 0.0
