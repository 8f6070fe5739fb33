"""Libraries that not everybody has: here, or an error that says how they come."""

from __future__ import annotations

import importlib
from typing import Any

from ontogeny.errors import UserError


def extra(module: str, name: str, what: str) -> Any:
    """The module; where it is not installed, that ``what`` it and that the extra ``name`` brings it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(
            f"{what} {module.partition('.')[0]}, which is not installed: pip install 'ontogeny[{name}]'."
        ) from None
