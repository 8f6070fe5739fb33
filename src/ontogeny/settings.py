"""The settings of a part of a run (task, architecture, …), and which of them say what the run *is*.

The identity of a run is a hash of its settings with every default filled in. A setting that was added when there were runs already must not
give them another name, so it is left out while it has its default (``field(default=0, metadata=LATER)``); one that says where
something lies, and not what it is, is in the record and not in the identity (``metadata=WHERE``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

LATER: Mapping[str, bool] = {"later": True}
WHERE: Mapping[str, bool] = {"where": True}


def settings(part: Any) -> dict[str, Any]:
    """By name, defaults filled in; what came later is left out at its default."""
    later = {f.name: f.default for f in fields(part) if "later" in f.metadata}
    return {name: value for name, value in asdict(part).items() if later.get(name, ...) != value}


def places(part: Any) -> set[str]:
    """Names of the settings that say where something lies; in a record they stand under ``where``, beside the task."""
    return {f.name for f in fields(part) if "where" in f.metadata}
