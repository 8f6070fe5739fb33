"""How a sparse autoencoder is looked after while it trains: atoms that died, and gradients along what is held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ontogeny.models.base import Seen, Weights

if TYPE_CHECKING:
    from ontogeny.models.sae import SAE

GENTLE = 0.2  # of the mean norm of living encoders: the encoder of a revived atom (Bricken et al. 2023)


def wrong_care(sae: SAE) -> str | None:
    """What is wrong with the settings of an SAE's care; ``None`` if nothing is."""
    if sae.revive != "none" and sae.dead_after < 1:
        return f"dead_after = {sae.dead_after}: an atom is dead after a number of updates, 1 or more."
    if min(sae.k_aux, sae.resample_until) < 0 or sae.resample_every < 1:
        return (
            f"k_aux = {sae.k_aux}, resample_every = {sae.resample_every}, resample_until = {sae.resample_until}: "
            "k_aux and resample_until are 0 or more, resample_every is 1 or more."
        )
    return None


def left_to_the_dead(sae: SAE, error: Tensor, pre: Tensor, weights: Weights) -> Tensor:
    """‖e − ê‖² of every example, ê from the ``k_aux`` largest max(pre, 0) of dead atoms, e held fixed; fewer dead atoms than ``k_aux``
    count in proportion, none count nothing (Gao et al. 2024, A.2)."""
    if sae.revive != "auxiliary":
        return torch.zeros_like(error[..., 0])
    dead = (weights["idle"] >= sae.dead_after).to(pre.dtype)
    k = min(sae.k_aux or max(1, error.shape[-1] // 2), sae.d_atoms)
    values, index = (pre.relu() * dead.unsqueeze(-2)).topk(k, -1)
    guess = torch.zeros_like(pre).scatter(-1, index, values) @ weights["W_dec"]
    weight = (dead.sum(-1, keepdim=True) / k).clamp(max=1)
    return weight * (error.detach() - guess).square().sum(-1)


def projected_gradients(sae: SAE, weights: Weights, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the part of an atom's gradient along the atom, where its norm is held: an optimiser with moments would otherwise
    gather momentum in a direction that the projection takes back."""
    if not sae.project_gradients or sae.norms != "unit":
        return dict(gradients)
    W, g = weights["W_dec"], gradients["W_dec"]
    return {**gradients, "W_dec": g - (g * W).sum(-1, keepdim=True) * W}


def tended(sae: SAE, weights: Weights, moments: Mapping[str, Weights], seen: Seen) -> Weights:
    """Weights (place, …) after the update: how long each atom has been idle, and at their time dead ones that begin again."""
    if sae.revive == "none":
        return weights
    idle = torch.where(seen.active, torch.zeros_like(weights["idle"]), weights["idle"] + 1)
    weights = {**weights, "idle": idle}
    if (
        sae.revive != "resample"
        or seen.step % sae.resample_every
        or (sae.resample_until and seen.step > sae.resample_until)
    ):
        return weights
    for place, key in enumerate(seen.keys):
        _resample(
            sae,
            {n: w[place] for n, w in weights.items()},
            [{n: m[place] for n, m in by.items()} for by in moments.values()],
            seen.inputs[place],
            seen.losses[place],
            key.generator(seen.step),
        )
    return weights


def _resample(
    sae: SAE,
    weights: Weights,
    moments: list[Weights],
    inputs: Tensor,
    losses: Tensor,
    generator: torch.Generator,
) -> None:
    """Dead atoms of one model begin again, in place: each at an input drawn with a probability as the square of its loss."""
    dead = (weights["idle"] >= sae.dead_after).nonzero().squeeze(-1)
    if not len(dead):
        return
    chance = losses.double().cpu().square()
    chance = chance if chance.sum() > 0 else torch.ones_like(chance)
    rows = torch.multinomial(chance, len(dead), replacement=len(dead) > len(chance), generator=generator)
    normed, _ = sae.normalised(inputs[rows.to(inputs.device)].clone(), weights)
    atoms = torch.nn.functional.normalize(normed - weights["b_dec"] if sae.centred else normed, dim=-1)
    living = torch.ones_like(weights["idle"], dtype=torch.bool)
    living[dead] = False
    norms = torch.linalg.vector_norm(weights["W_enc"].mT.contiguous(), dim=-1)
    size = norms[living].mean() if living.any() else norms.mean()
    weights["W_dec"][dead] = atoms
    weights["W_enc"][:, dead] = (GENTLE * size * atoms).mT
    for name in set(sae.of_atoms):
        weights[name][dead] = float(sae.threshold) if name == "threshold" else 0.0
    for by in moments:
        for name, m in by.items():
            if name == "W_enc":
                m[:, dead] = 0.0
            elif name != "b_dec":
                m[dead] = 0.0
