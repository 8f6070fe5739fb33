"""A tap replaced by what a dictionary rebuilds of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@interventions.register("splice")
@dataclass(frozen=True, eq=False)
class Splice:
    """What is left of the model if it goes on from a sparse autoencoder's reconstruction? tap ← x̂(tap), at every position.

        host.lens("key_frequencies", under=Splice("blocks.0.mlp.hook_post", sae_run.subject()))

    ``dictionary``: the subject of an SAE, under interventions of its own if it has any (keep_units, zero_ablate of "hook_acts"): what single
    atoms do for the model. Axes behind the position (heads) are laid side by side, as the task activations does.
    """

    tap: str
    dictionary: Subject

    def fit(self, subject: Subject) -> Fitted:
        tap, sae = subject.where(self.tap), self.dictionary
        if sae.lead:
            raise UserError(
                "One dictionary can be spliced in; this subject has several. Take one step: run.subject(-1)."
            )
        behind = [axis for axis in subject.axes_of(tap) if axis not in ("example", "position")]
        d = sae.weights["b_dec"].numel()

        def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
            rows = value.flatten(value.ndim - len(behind)).reshape(-1, value.shape[-len(behind) :].numel())
            if rows.shape[-1] != d:
                raise UserError(
                    f"'{self.tap}' has {rows.shape[-1]} coordinates; the dictionary rebuilds {d}."
                )
            with torch.no_grad():
                rebuilt = sae.architecture.forward(sae.weights, rows.float(), edit=sae.edit).outputs
            return rebuilt.to(value.dtype).view_as(value)

        return Fitted(tap, act)
