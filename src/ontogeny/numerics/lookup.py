"""Row look-ups: one-hot times matrix, without the one-hot."""

from __future__ import annotations

import torch
from torch import Tensor


def rows(table: Tensor, index: Tensor) -> Tensor:
    """Rows of ``table`` (*lead, rows, d) at ``index``; returns (*lead, example, position, d).

    ``index`` is (example, position), shared by all leading axes, or (*lead, example, position), each its own.
    """
    lead, d = table.shape[:-2], table.shape[-1]
    if index.ndim == 2:
        return table.index_select(-2, index.reshape(-1)).reshape(*lead, *index.shape, d)
    flat = index.reshape(*lead, -1, 1).expand(*lead, -1, d)
    return torch.gather(table, -2, flat).reshape(*index.shape, d)


def one_hot(index: Tensor, vocab: int, like: Tensor) -> Tensor:
    """Tokens (example, position) as one-hot rows with the leading axes of a weight ``like`` (*lead, m, n): (*lead, example, position, vocab).

    Tokens that each model has to itself, (*lead, example, position), stay as they are.
    """
    hot = torch.nn.functional.one_hot(index, vocab).to(like.dtype)
    return hot.expand(*like.shape[:-2], *hot.shape) if index.ndim == 2 else hot
