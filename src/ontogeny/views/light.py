"""What keeps a page light: four digits instead of seventeen, and as many points as an eye can tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

DIGITS = 4


def significant(values: Any, digits: int = DIGITS) -> np.ndarray:
    """Values rounded to ``digits`` significant digits (float64, so that they print short)."""
    array = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(np.isfinite(array) & (array != 0), np.floor(np.log10(np.abs(array))), 0.0)
    places = digits - 1 - size
    # Two factors, because 10**places alone overflows for the smallest numbers.
    up, down = 10.0 ** np.clip(places, 0, 300), 10.0 ** np.clip(-places, 0, 300)
    return np.round(array * up / down) / up * down


def light(values: Any) -> np.ndarray:
    """Rounded and in single precision: what the traces of a figure hold."""
    return significant(values).astype(np.float32)
