"""Runs that are called the same, and runs that a recipe no longer asks for: what tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Record = Mapping[str, Any]


def flat(spec: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"optimiser": {"lr": 0.1}}`` → ``{"optimiser.lr": 0.1}``."""
    found: dict[str, Any] = {}
    for key, value in spec.items():
        path = f"{prefix}{key}"
        found |= flat(value, f"{path}.") if isinstance(value, Mapping) and value else {path: value}
    return found


def telling_apart(records: Iterable[Record]) -> dict[str, str]:
    """Settings in which runs differ that are called the same: path in the spec → what a table calls it."""
    same: dict[str, list[Record]] = {}
    for record in records:
        same.setdefault(repr(sorted(record.get("varied", {}).items())), []).append(record)
    varied = {name for of in same.values() for one in of for name in one.get("varied", {})}
    paths: dict[str, None] = {}
    for of in (one for one in same.values() if len(one) > 1):
        specs = [flat(one.get("spec", {})) for one in of]
        for path in dict.fromkeys(path for spec in specs for path in spec):
            if len({repr(spec.get(path)) for spec in specs}) > 1:
                paths[path] = None
    short = Counter(path.rpartition(".")[2] for path in paths)
    return {
        path: path if short[name] > 1 or name in varied else name
        for path in paths
        for name in (path.rpartition(".")[2],)
    }


def differs(record: Record, asked: Iterable[Record]) -> str:
    """How a run differs from the most similar one that is asked for: "lr = 0.01 (the recipe: 0.001)"."""
    mine = flat(record.get("spec", {}))
    nearest: dict[str, tuple[Any, Any]] | None = None
    for other in asked:
        theirs = flat(other.get("spec", {}))
        apart = {
            path: (mine.get(path), theirs.get(path))
            for path in dict.fromkeys([*mine, *theirs])
            if repr(mine.get(path)) != repr(theirs.get(path))
        }
        if nearest is None or len(apart) < len(nearest):
            nearest = apart
    if nearest is None:
        return "no run of the recipe is here"
    said = [f"{path.rpartition('.')[2]} = {a} (the recipe: {b})" for path, (a, b) in nearest.items()]
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")
