"""One recipe laid over another, and single settings of it given as text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ontogeny import registry
from ontogeny.errors import UserError


def laid_over(base: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` over ``base``: tables key by key, anything else whole; a table, or a list of them, that becomes ``false`` is left out. What
    ``extends = "addition"`` in a recipe means."""
    merged = dict(base)
    for key, value in data.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        merged[key] = laid_over(old, value) if both else value  # type: ignore[arg-type]
        if isinstance(old, dict | list) and value is False:
            del merged[key]
    return merged


ROOMS = {
    "task": registry.tasks,
    "architecture": registry.architectures,
    "objective": registry.objectives,
    "optimiser": registry.optimisers,
}
GRIDS = ("vary", "crossed")


def spelled_out(data: dict[str, Any]) -> dict[str, Any]:
    """A recipe whose grids name settings by dotted path, also where only their last name was written."""
    for table in GRIDS:
        given = data.get(table)
        grids = [given] if isinstance(given, Mapping) else given if isinstance(given, list | tuple) else []
        found = []
        for grid in grids:
            full = {key: full_path({**data, table: grid}, f"{table}.{key}").partition(".")[2] for key in grid}
            found.append({full[key]: values for key, values in grid.items()})
            if isinstance(groups := data.get("zip"), list | tuple):
                data["zip"] = [
                    [full.get(name, name) for name in group] if isinstance(group, list | tuple) else group
                    for group in groups
                ]
        if found:
            data[table] = found[0] if isinstance(given, Mapping) else found
    return data


def full_path(data: Mapping[str, Any], path: str) -> str:
    """The path that a last name means: ``d_hidden`` → ``vary.architecture.d_hidden`` where that varies, else ``architecture.d_hidden``;
    ``vary.d_hidden`` → ``vary.architecture.d_hidden``. A name of several settings is refused with all of them; any other path stays.
    """
    table, dot, name = path.rpartition(".")
    if name in ("seed", "kind") or (dot and table not in GRIDS) or (not dot and name in data):
        return path
    varied = [f"{grid}.{key}" for grid in GRIDS for key in _table(data, grid) if key.endswith(f".{name}")]
    found = list(dict.fromkeys(f"{table}.{key.partition('.')[2]}" if table else key for key in varied))
    if not found:
        settings = [f"{room}.{key}" for room in (*ROOMS, "train") for key in _settings(data, room)]
        found = [f"{table}{dot}{one}" for one in settings if one.partition(".")[2] == name]
        if not found:
            _refuse_misspelt(name, settings, f"{table}{dot}")
    if len(found) > 1:
        raise UserError(f"'{name}' is the last name of {' and '.join(found)}; write the one that is meant.")
    return found[0] if found else path


def _refuse_misspelt(name: str, settings: Sequence[str], before: str) -> None:
    """A name that is nearly the last name of a setting is that, misspelt; of anything else the recipe's reader knows more."""
    near = get_close_matches(name, [one.partition(".")[2] for one in settings], cutoff=0.8)
    if near:
        meant = [f"{before}{one}" for one in settings if one.partition(".")[2] == near[0]]
        raise UserError(f"There is no setting called '{name}'. Did you mean {' or '.join(meant)}?")


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    there = data.get(key)
    return there if isinstance(there, Mapping) else {}


def _settings(data: Mapping[str, Any], room: str) -> list[str]:
    """Settings of a part of the recipe: those that are written, and those that its kinds have."""
    if room == "train":
        return ["epochs", "steps", "batch", "clip"]
    kinds = [_table(data, room).get("kind"), *(_table(data, "vary").get(f"{room}.kind") or ())]
    known = [getattr(ROOMS[room][k], "__dataclass_fields__", ()) for k in kinds if k in ROOMS[room]]
    return list(dict.fromkeys([*_table(data, room), *(name for fields in known for name in fields)]))


EXAMPLES = {"--set": "--set train.epochs=1000", "--task": "--task kind=modular_addition"}


def options(given: Iterable[str] | None) -> dict[str, Any]:
    """What ``--option k=v`` says, given any number of times."""
    told: dict[str, Any] = {}
    for text in given or ():
        if "=" not in text:
            raise UserError(f"--option {text}: write k=v, for example --option part=visible.")
        set_path(told, text)
    return told


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
