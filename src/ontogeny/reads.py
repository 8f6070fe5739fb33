"""The mini-language in which views and findings say what they read.

    runs · metrics · published · findings[:KIND] · lens:NAME[(option=value, …)][@final|@initial|@steps|@cursor] · measure:NAME[(…)][@initial]

Each speaks of the runs of the study's ``vary``; with ``all:`` before it, also of those of ``crossed``; with ``one:``, of the one run that the
view's option ``run`` names, without an axis of runs.

A lens is handed over runs at the last step, at step 0, or with ``@steps`` over (run, step, …). ``@cursor`` is what a cursor moves over: the step
that the view's option ``step`` names, or as many as a page carries, on an axis ``step`` in either case. ``{option}`` is filled in from the options of the
view or finding (lists and tables as TOML); a trailing ``?`` marks what it can do without.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ontogeny.errors import UnknownName, UserError

KINDS = ("runs", "metrics", "published", "findings", "lens", "measure")
_FORM = re.compile(
    r"(?P<whose>all:|one:)?(?P<kind>\w+)(:(?P<name>[\w*]+)(\((?P<options>.*)\))?(@(?P<when>final|initial|steps|cursor))?)?(?P<optional>\?)?"
)


@dataclass(frozen=True)
class Read:
    """One thing that is read."""

    kind: str
    name: str
    options: Mapping[str, Any]
    when: str
    optional: bool
    all: bool = False
    one: bool = False

    @property
    def keyword(self) -> str:
        """The argument it is handed as: the name of the lens, measure or kind of finding, or the word itself."""
        return self.name or self.kind


def parse(read: str) -> Read:
    """One word of the mini-language; anything else is refused with the forms there are."""
    match = _FORM.fullmatch(read)
    if match is None:
        raise UserError(
            f"'{read}' cannot be read. Forms: lens:NAME(option=value)@final, measure:NAME, {', '.join(KINDS[:4])}."
        )
    part = match.groupdict()
    if part["kind"] not in KINDS:
        raise UnknownName("thing to read", part["kind"], KINDS)
    if part["kind"] == "measure" and part["when"] in ("steps", "cursor"):
        raise UserError(f"'{read}': a measure compares runs at one step, @final or @initial.")
    options = tomllib.loads(f"o = {{{part['options']}}}")["o"] if part["options"] else {}
    return Read(
        part["kind"],
        part["name"] or "",
        options,
        part["when"] or "final",
        bool(part["optional"]),
        part["whose"] == "all:",
        part["whose"] == "one:",
    )


def filled(reads: tuple[str, ...], options: Mapping[str, Any]) -> tuple[str, ...]:
    """The words with ``{option}`` filled in."""
    return tuple(re.sub(r"\{(\w+)\}", lambda m: _written(options[m[1]]), read) for read in reads)


def _written(value: Any) -> str:
    """Words as they are; lists and tables in TOML, on one line."""
    return value if isinstance(value, str) else inline(value)


def inline(value: Any) -> str:
    """A value as TOML on one line."""
    if hasattr(value, "tolist"):  # NumPy's and torch's
        value = value.tolist()
    if isinstance(value, Mapping):
        there = {key: one for key, one in value.items() if one is not None}  # TOML has no nothing: left out
        return "{" + ", ".join(f"{_quoted(str(key))} = {inline(one)}" for key, one in there.items()) + "}"
    if isinstance(value, list | tuple | range):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float):
        return str(value)
    raise UserError(
        f"An option of a view or finding is {value!r}; it can be a number, a word, a list or a table."
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
