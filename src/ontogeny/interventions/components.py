"""Principal components of the numbers' embedding kept or removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted
from ontogeny.interventions.embedding import SITE, at_numbers, number_positions, number_rows
from ontogeny.numerics.pca import pca
from ontogeny.registry import interventions
from ontogeny.subject import Subject


def projection(subject: Subject, components: tuple[int, ...], keep: bool) -> Fitted:
    """x ← x̄ + (x − x̄) P where numbers stand, P = CᵀC for rows C of chosen components, or 1 − CᵀC."""
    analysis = pca(number_rows(subject))
    n = analysis.components.shape[-2]
    if wrong := [c for c in components if not 0 <= c < n]:
        raise UserError(
            f"There are no components {wrong}; the embedding has {n}, 0 … {n - 1}, largest first."
        )
    chosen = analysis.components[..., list(components), :]
    P = chosen.mT @ chosen
    if not keep:
        P = torch.eye(P.shape[-1]).to(P) - P
    positions = number_positions(subject)

    def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
        projected = held["mean"] + (value - held["mean"]) @ held["projection"]
        return at_numbers(value, projected, positions)

    return Fitted(
        subject.where(SITE), act, {"mean": analysis.mean.unsqueeze(-3), "projection": P.unsqueeze(-3)}
    )


@interventions.register("keep_components")
@dataclass(frozen=True)
class KeepComponents:
    """What can the model do with these directions of the numbers' embedding alone?

    hook_embed ← mean + its projection on the chosen principal components of the centred rows of W_E that are numbers; 0 is the largest.
    "=" is left alone. The components are those of the weights, whatever other interventions do.
    """

    components: tuple[int, ...]

    def fit(self, subject: Subject) -> Fitted:
        return projection(subject, self.components, keep=True)


@interventions.register("remove_components")
@dataclass(frozen=True)
class RemoveComponents:
    """What can the model do without these directions of the numbers' embedding? The complement of keep_components; the mean stays."""

    components: tuple[int, ...]

    def fit(self, subject: Subject) -> Fitted:
        return projection(subject, self.components, keep=False)
