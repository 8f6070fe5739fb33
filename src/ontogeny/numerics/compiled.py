"""Compiled loops in which no number depends on its neighbours: every entry is made by the same instructions in the same order.

A compiled function that others call is a ``part`` of them: a copy in each. As a function of its own it would stand in memory twice, alone and
inside whoever calls it, optimised in two surroundings and a last bit apart, and which of the two a call reaches depends on what the
process has met before: code read from the cache on disk would not do what the same code does in the process that compiled it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(*freedoms: str, part: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` that frees the GIL. ``freedoms`` are LLVM's fast-math flags; NaN and ∞ always keep their meaning."""

    def compile(function: Callable[..., Any]) -> Any:
        options: dict[str, Any] = {"nogil": True, "fastmath": set(freedoms), "error_model": "numpy"}
        options["forceinline"] = part
        try:
            return numba.njit(**options, cache=True)(function)
        except RuntimeError:  # nowhere to write the cache: compile again in each process
            return numba.njit(**options)(function)

    return compile
