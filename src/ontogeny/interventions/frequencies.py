"""Frequencies of the embedding, as a function of the number, kept or removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted
from ontogeny.interventions.embedding import SITE, at_numbers, number_positions, numbers
from ontogeny.numerics.fourier import fourier_basis, frequency_of_row
from ontogeny.numerics.lookup import rows
from ontogeny.registry import interventions
from ontogeny.subject import Subject


def band(subject: Subject, frequencies: tuple[int, ...], keep: bool) -> Fitted:
    """E ← Fᵀ diag(kept) F E where numbers stand, E (number, d_model) being the embedding as it is now, F the Fourier basis."""
    n = numbers(subject)
    if wrong := [k for k in frequencies if not 0 <= k <= n // 2]:
        raise UserError(f"There are no frequencies {wrong} over {n} numbers; they run from 0 to {n // 2}.")
    chosen = torch.isin(frequency_of_row(n), torch.tensor(frequencies, dtype=torch.long))
    basis = fourier_basis(n)[chosen]
    mix = basis.mT @ basis if keep else torch.eye(n).double() - basis.mT @ basis
    tokens, positions = subject.probe.inputs, number_positions(subject)
    first = [first_examples(tokens[:, i], n) if here else None for i, here in enumerate(positions.tolist())]

    def act(value: Tensor, taps: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> Tensor:
        if value.shape[-3] != len(tokens):
            raise UserError(
                f"This intervention was fitted on the {len(tokens)} examples of the probe; here are {value.shape[-3]}."
            )
        filtered = []
        for position, where in enumerate(first):
            now = value[..., position, :]
            if where is not None:
                table = mix.to(value) @ now.index_select(-2, where.to(value.device))
                now = rows(table, tokens[:, position, None].to(value.device)).squeeze(-2)
            filtered.append(now)
        return at_numbers(value, torch.stack(filtered, -2), positions)

    return Fitted(subject.where(SITE), act)


def first_examples(tokens: Tensor, n: int) -> Tensor:
    """The first example with each number: (number,)."""
    order = tokens.argsort(stable=True)
    numbers, counts = tokens.unique(return_counts=True)
    if len(numbers) != n:
        raise UserError(
            f"The probe shows {len(numbers)} of {n} numbers; a Fourier transform over the numbers needs all of them."
        )
    return order[counts.cumsum(0) - counts]


@interventions.register("keep_frequencies")
@dataclass(frozen=True)
class KeepFrequencies:
    """What can the model do with these frequencies of the embedding alone? The constant, frequency 0, is always kept; "=" is left alone."""

    frequencies: tuple[int, ...]

    def fit(self, subject: Subject) -> Fitted:
        return band(subject, (0, *self.frequencies), keep=True)


@interventions.register("remove_frequencies")
@dataclass(frozen=True)
class RemoveFrequencies:
    """What can the model do without these frequencies of the embedding? The constant goes only if 0 is among them; "=" is left alone."""

    frequencies: tuple[int, ...]

    def fit(self, subject: Subject) -> Fitted:
        return band(subject, self.frequencies, keep=False)
