"""Which rows of the embedding are numbers, and where in the sequence numbers stand."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.subject import Subject

SITE = "embedded"


def numbers(subject: Subject) -> int:
    """How many tokens are numbers, the first ones. Without a grid every token is one."""
    return max(subject.probe.grid.values()) if subject.probe.grid else subject.signature.vocab


def number_rows(subject: Subject) -> Tensor:
    """The embeddings of the numbers: (*lead, number, vector)."""
    table: Tensor = subject.site("lookup")[..., : numbers(subject), :]
    return table.detach()


def number_positions(subject: Subject) -> Tensor:
    """Positions at which every input of the probe has a number: (position,) booleans; "=" has none."""
    return (subject.probe.inputs < numbers(subject)).flatten(0, -2).all(0)


def at_numbers(value: Tensor, new: Tensor, positions: Tensor) -> Tensor:
    """``new`` where numbers stand, else ``value``: (*lead, example, position, d_model)."""
    return torch.where(positions.to(value.device).unsqueeze(-1), new, value)
