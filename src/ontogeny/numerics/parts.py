"""Means over parts of the examples."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def with_all(split: Mapping[str, Tensor], examples: int, device: torch.device) -> dict[str, Tensor]:
    """Rows by part, all of them first."""
    return {"all": torch.arange(examples, device=device), **split}


def by_part(values: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
    """(…, example) → (…, part): the mean over the examples of each part."""
    return torch.stack([values[..., part].mean(-1) for part in rows.values()], -1)
