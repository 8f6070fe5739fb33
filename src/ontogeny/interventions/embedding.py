"""Which rows of the embedding are numbers, and where in the sequence numbers stand."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import axis_of
from ontogeny.subject import Subject

TAP, WEIGHT = "hook_embed", "embed.W_E"


def number_rows(subject: Subject) -> Tensor:
    """The embeddings of the numbers: (*lead, number, d_model). Without a grid every token is one."""
    axis_of(subject, TAP)
    if WEIGHT not in subject.weights:
        raise UserError(f"There is no embedding '{WEIGHT}' here; the model has {', '.join(subject.weights)}.")
    W_E = subject.weights[WEIGHT]
    n = max(subject.probe.grid.values()) if subject.probe.grid else W_E.shape[-2]
    return W_E[..., :n, :].detach()


def number_positions(subject: Subject) -> Tensor:
    """Positions at which every input of the probe has a number: (position,) booleans; "=" has none."""
    return (subject.probe.inputs < number_rows(subject).shape[-2]).flatten(0, -2).all(0)


def at_numbers(value: Tensor, new: Tensor, positions: Tensor) -> Tensor:
    """``new`` where numbers stand, else ``value``: (*lead, example, position, d_model)."""
    return torch.where(positions.to(value.device).unsqueeze(-1), new, value)
