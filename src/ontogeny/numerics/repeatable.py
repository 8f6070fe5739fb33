"""A GPU adds in the order in which its threads arrive, unless it is asked for the same bits every time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """On a GPU, sums are taken in one order: gathers of an embedding are added up sorted, and cuBLAS has a workspace of its own.

    A processor needs nothing. What has no such order warns. https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    if device.type == "cpu":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    asked = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory.fill_uninitialized_memory = False  # ours is written before it is read
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(asked, warn_only=only_warns)
        memory.fill_uninitialized_memory = fills
