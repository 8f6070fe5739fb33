"""Compiled loops in which no number depends on its neighbours: every entry is made by the same instructions in the same order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(*freedoms: str) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` that frees the GIL. ``freedoms`` are LLVM's fast-math flags; NaN and ∞ always keep their meaning."""

    def compile(function: Callable[..., Any]) -> Any:
        options: dict[str, Any] = {"nogil": True, "fastmath": set(freedoms), "error_model": "numpy"}
        try:
            return numba.njit(**options, cache=True)(function)
        except RuntimeError:  # nowhere to write the cache: compile again in each process
            return numba.njit(**options)(function)

    return compile
