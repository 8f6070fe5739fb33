"""What a finding is: a claim with its value, its uncertainty, its evidence, and a verdict beside what was published.

    @finding(kind="success_by", reads=("runs", "metrics"))
    def success_by(data: Mapping[str, Any], *, by: str = "d_hidden", target: float = 1.0) -> list[Finding]:
        '''Where does success set in? …'''

``reads`` is the mini-language of views (``runs``, ``metrics``, ``lens:NAME@final``, ``measure:NAME``, ``published``)
with two additions: ``{option}`` is filled in from the options, and a trailing ``?`` marks what the finding can do
without; or it is a function of the options. ``data`` is keyed by the words of ``FindingKind.needs(options)``, with or without
the question mark. Thresholds and published values are options: they live in the study's TOML, never in code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args

import numpy as np

from ontogeny.claims import Asked
from ontogeny.errors import UserError
from ontogeny.findings.verdicts import (
    LEVEL,
    PROPERTIES,
    VERDICTS,
    IntervalKind,
    Judgement,
    PropertyOf,
    Published,
    Verdict,
)
from ontogeny.needs import filled
from ontogeny.options import Catalogued, describe
from ontogeny.registry import findings

RULE = "rule"  # in the details: the options with which the numbers of a finding were judged
Reads = tuple[str, ...] | Callable[[Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True)
class Finding:
    """One claim and what stands behind it. ``n`` counts sampling units (seeds), never pairs or models of one seed."""

    claim: str  # as a person says it
    value: float = math.nan
    units: str = "1"
    interval: tuple[float, float] | None = None
    interval_kind: IntervalKind = ""  # where a new seed lies; where a mean or share lies; what chance gives
    interval_of: str = ""  # what lies in it, where the kind does not say it: "the mean gap over seeds"
    level: float = LEVEL
    n: int = 0
    n_unit: str = "seeds"
    published: tuple[Published, ...] = ()
    verdict: Verdict = ""
    why: str = ""  # one plain sentence
    property_of: PropertyOf = ""
    needed: int | None = None  # seeds that would decide
    vacuous: bool = False  # the interval is all that the bounds allow: it says nothing
    of: str = ""  # which runs it speaks of, in words; "": all
    of_all: int | None = None  # of how many seeds those are
    seeds: tuple[Any, ...] = ()  # which seeds, in the order of ``values``
    values: tuple[float, ...] = ()  # one a seed, NaN where it has none: what the interval was made of
    missing: tuple[Any, ...] = ()  # seeds without such a number
    infinite: tuple[Any, ...] = ()  # seeds in which it is infinite
    beside: tuple[Finding, ...] = ()  # the same question to other runs: further columns of its row
    evidence: Mapping[str, str] = field(default_factory=dict)  # role → name of a view or result
    details: Mapping[str, Any] = field(default_factory=dict)  # p-values, nulls, tables, numbers by run
    kind: str = ""
    key: str = ""  # of the claim in the recipe
    question: str = ""  # to which it belongs, in words
    note: str = ""  # what is known besides, from elsewhere
    decided: tuple[
        Mapping[str, str], ...
    ] = ()  # {when, why}: rules, subgroups, thresholds chosen after looking

    def __post_init__(self) -> None:
        for what, word, known in (
            ("verdict", self.verdict, VERDICTS),
            ("property", self.property_of, PROPERTIES),
            ("kind of interval", self.interval_kind, get_args(IntervalKind)),
        ):
            if word not in known:
                raise UserError(f"'{word}' is no {what}; there are: {', '.join(filter(None, known))}.")
        if self.interval is not None and not self.interval_kind:
            raise UserError(f"The finding '{self.claim}' has an interval but does not say of which kind.")

    @classmethod
    def judged(cls, claim: str, said: Judgement, **more: Any) -> Finding:
        """A finding that takes value, interval, verdict, property and reason from a judgement."""
        own = {
            f.name: getattr(said, f.name) for f in fields(Judgement) if f.name not in ("missing", "infinite")
        }
        return cls(claim, **{**own, **more})

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, also for infinite and missing values (JSON has neither)."""
        return {f.name: _as_json(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Finding:
        """The inverse of :meth:`to_dict`; missing numbers come back as NaN. What another version wrote otherwise is left out."""
        known = {f.name for f in fields(cls)}
        given = {name: _number(value) for name, value in stored.items() if name in known}
        given["value"] = math.nan if given.get("value") is None else given["value"]
        if given.get("interval") is not None:
            low, high = (math.nan if v is None else v for v in given["interval"])
            given["interval"] = (low, high)
        given["values"] = tuple(math.nan if v is None else v for v in given.get("values") or ())
        told = given.get("published")
        given["published"] = tuple(Published(**one) for one in told) if isinstance(told, list) else ()
        given["beside"] = tuple(cls.from_dict(one) for one in stored.get("beside") or ())
        for name in ("seeds", "missing", "infinite", "decided"):
            given[name] = tuple(given.get(name) or ())
        if given.get("verdict", "") not in VERDICTS:  # of version 0.1, whose words meant other things
            given["verdict"] = ""
        if given.get("interval_kind", "") not in get_args(IntervalKind):
            given["interval_kind"], given["interval"] = "", None
        return cls(**given)


def _as_json(value: Any) -> Any:
    if isinstance(value, Finding):
        return value.to_dict()
    if isinstance(value, Published):
        return {f.name: _as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _as_json(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, np.generic):
        return _as_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _number(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_number(one) for one in value]
    return {"inf": math.inf, "-inf": -math.inf}.get(value, value) if isinstance(value, str) else value


@dataclass(frozen=True)
class FindingKind(Catalogued):
    """A registered kind of finding. Calling it gives its findings, stamped with the kind's name."""

    word = "finding"

    name: str
    function: Callable[..., list[Finding]]
    reads: Reads
    stated: bool = False  # whether its verdicts are on a statement that was published as true

    def __call__(self, data: Mapping[str, Any], **options: Any) -> list[Finding]:
        options = self.options(options)
        data = {read.rstrip("?"): one for read, one in data.items()}
        for need, required in self.needs(options).items():
            if required and data.get(need) is None:
                there = ", ".join(read for read, one in data.items() if one is not None) or "nothing"
                raise UserError(
                    f"The finding '{self.name}' reads '{need}', which is not there; given: {there}."
                )
        return [self._marked(one) for one in self.function(data, **options)]

    def _marked(self, one: Finding) -> Finding:
        if self.stated and one.verdict and not one.published:
            inside = {"as published": True, "not as published": False}.get(one.verdict)
            stated = {**one.details, "statement": True}
            one = replace(one, published=(Published(1.0, inside=inside),), details=stated)
        return replace(one, kind=one.kind or self.name)

    def needs(self, given: Mapping[str, Any] | None = None) -> dict[str, bool]:
        """What is read under these options → whether it must be there: ``{"measure:tn_similarity": True, …}``."""
        options = self.options(given or {})
        reads = self.reads(options) if callable(self.reads) else filled(self.reads, options)
        return {read.rstrip("?"): not read.endswith("?") for read in reads}

    def given(self, asked: Asked) -> dict[str, Any]:
        """The options that a claim gives, its words among them for kinds that make more of them than a name."""
        text = {"text": asked.text} if asked.text and "text" in self.defaults else {}
        return {**asked.options, **text}


def finding(
    *, kind: str, reads: Reads, stated: bool = False
) -> Callable[[Callable[..., list[Finding]]], FindingKind]:
    """Register a function ``(data, *, options…) → list[Finding]`` under ``kind``; ``stated``: what it judges was published as true."""

    def register(function: Callable[..., list[Finding]]) -> FindingKind:
        if not describe(function):
            raise UserError(f"The finding '{kind}' has no docstring; say which question it answers.")
        entry = FindingKind(kind, function, reads, stated)
        return findings.add(kind, entry)

    return register


def stamped(found: Sequence[Finding], asked: Asked) -> list[Finding]:
    """Findings of one claim of a recipe: its key (before that which a kind of several findings gave each), its question, what was decided after looking; its words where it has one finding."""
    decided = tuple({"when": one.when, "why": one.why} for one in asked.decided)
    marks: dict[str, Any] = {"question": asked.question, "decided": decided}
    marks |= {"note": asked.note} if asked.note else {}
    if asked.text and len(found) == 1:
        marks["claim"] = asked.text
    return [replace(one, **marks, key=f"{asked.key}.{one.key}" if one.key else asked.key) for one in found]
