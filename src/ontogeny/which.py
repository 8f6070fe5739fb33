"""Which run is meant: by its id or the beginning of one, or by what varied in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ontogeny.errors import UnknownName, UserError
from ontogeny.overrides import set_path

SHORTEST = 4  # beginning of an id that names a run
Named = Mapping[str, Mapping[str, Any]]  # id of every run → what varied in it


def meant(named: Named, id: str | None, varied: Mapping[str, Any]) -> str:
    """The id of the one run that is asked for; what else there is where it is none, or several."""
    if id is not None and not id.strip():
        raise UserError("Which run? Give its id or the beginning of it, or values: seed=0.")
    if id is not None and "=" in id:
        varied = {**in_words(id), **varied}
        id = None
    if id is not None:
        if len(id) < SHORTEST:  # "3" is more likely meant for seed 3 than for whichever id begins so
            raise UserError(
                f"'{id}' is short for a run's id: give {SHORTEST} characters of it, or values: {_guess(named, id)}."
            )
        found = [run for run in named if run.startswith(id)]
        if not found:
            raise UnknownName("run", id, named)
    else:
        names = {name for one in named.values() for name in one}
        for key in varied:
            if key not in names:
                raise UnknownName("varied setting", key, names)
        found = [run for run, one in named.items() if all(one.get(k) == v for k, v in varied.items())]
    if len(found) == 1:
        return found[0]
    asked = id or ", ".join(f"{k}={v}" for k, v in varied.items()) or "no values"
    if not found:
        there = {k: _values(named.values(), k) for k in varied}
        raise UserError(f"No run has {asked}. There are: {there}.")
    chosen = [named[run] for run in found]
    differ = {k: values for k in chosen[0] if len(values := _values(chosen, k)) > 1}
    raise UserError(f"{len(found)} runs have {asked}; say which: {differ or ', '.join(found)}.")


def in_words(text: str) -> dict[str, Any]:
    """ "d_hidden=32,seed=0" → {"d_hidden": 32, "seed": 0}."""
    values: dict[str, Any] = {}
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise UserError(f"'{text}': write values as name=value, several with commas: d_hidden=32,seed=0.")
        if key in values:
            raise UserError(f"'{text}' says {key} twice; name one run at a time.")
        said: dict[str, Any] = {}
        set_path(said, f"value={value}")
        values[key] = said["value"]
    return values


def _guess(named: Named, text: str) -> str:
    """The value that somebody means who writes "32": of whatever varied, what has it."""
    names = sorted({name: 0 for one in named.values() for name in one}, key=lambda name: name == "seed")
    for name in names:
        if text in {str(one.get(name)) for one in named.values()}:
            return f"{name}={text}"
    first = next(iter(named.values()), {})
    return next((f"{name}={first[name]}" for name in names if name in first), f"seed={text}")


def _values(named: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    """What there is of one thing that varies, in order."""
    found = {repr(v): v for one in named if (v := one.get(name)) is not None}
    return sorted(found.values(), key=lambda v: (isinstance(v, str), v))
