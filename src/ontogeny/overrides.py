"""One recipe laid over another, and single settings of it given as text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from ontogeny.errors import UserError


def laid_over(base: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` over ``base``: tables key by key, anything else whole; a table that becomes ``false`` is left out. What
    ``extends = "addition"`` in a recipe means."""
    merged = dict(base)
    for key, value in data.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        merged[key] = laid_over(old, value) if both else value  # type: ignore[arg-type]
        if isinstance(old, dict) and value is False:
            del merged[key]
    return merged


EXAMPLES = {"--set": "--set train.epochs=1000", "--task": "--task kind=modular_addition"}


def set_path(data: dict[str, Any], override: str, option: str = "--set") -> None:
    """``a.b=c``: c is read as TOML, or as plain text; ``false`` leaves a table out. What follows ``vary.`` or ``crossed.`` is
    one dotted key."""
    path, equals, text = override.partition("=")
    if not equals or not path.strip():
        raise UserError(f"{option} {override}: write a.b=value, for example {EXAMPLES.get(option, option)}.")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    keys = path.strip().split(".")
    if keys[0] in ("vary", "crossed") and len(keys) > 2:
        keys = [keys[0], ".".join(keys[1:])]
    for key in keys[:-1]:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise UserError(f"{option} {override}: '{key}' is not a table.")
    if value is False and isinstance(data.get(keys[-1]), dict):
        del data[keys[-1]]
    else:
        data[keys[-1]] = value
    if keys == ["train", "epochs"]:
        data.pop("steps", None)
    if keys == ["train", "steps"]:
        data.pop("epochs", None)
