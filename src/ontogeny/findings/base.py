"""What a finding is: a claim with its value, its uncertainty, its evidence, and a verdict beside the published value.

    @finding(kind="success_by", reads=("runs", "metrics"))
    def success_by(data: Mapping[str, Any], *, by: str = "d_hidden", target: float = 1.0) -> list[Finding]:
        '''Where does success set in? …'''

``reads`` is the mini-language of views (``runs``, ``metrics``, ``lens:NAME@final``, ``measure:NAME``, ``published``)
with two additions: ``{option}`` is filled in from the options, and a trailing ``?`` marks what the finding can do
without. ``data`` is keyed by the words of ``FindingKind.needs(options)``, with or without the question mark.
Thresholds and published values are options: they live in the study's TOML, never in code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from ontogeny.errors import UserError
from ontogeny.numerics.resampling import prediction_interval
from ontogeny.options import Catalogued, describe
from ontogeny.reads import filled
from ontogeny.registry import findings

Verdict = Literal["agrees", "disagrees", "cannot tell", "no published value"]
Scope = Literal["task", "seed", "set-up", ""]  # what a number is a property of; "": not asked or not known


@dataclass(frozen=True)
class Finding:
    """One claim and what stands behind it. ``n`` counts sampling units (seeds, models), never pairs."""

    claim: str
    value: float = math.nan
    units: str = "1"
    interval: tuple[float, float] | None = None
    interval_kind: str = (
        ""  # "95 % prediction interval for one new seed", …: an interval without its kind means nothing
    )
    n: int = 0
    n_unit: str = "seeds"
    published: float | None = None
    verdict: Verdict = "no published value"
    why: str = ""  # one plain sentence
    scope: Scope = ""
    evidence: Mapping[str, str] = field(default_factory=dict)  # role → name of a view or result
    values: tuple[float, ...] = ()  # one a unit: what the interval was made of
    details: Mapping[str, Any] = field(
        default_factory=dict
    )  # p-values, nulls, curves: numbers a reader may ask for
    kind: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise UserError(f"'{self.verdict}' is no verdict; there are: {', '.join(get_args(Verdict))}.")
        if self.interval is not None and not self.interval_kind:
            raise UserError(f"The finding '{self.claim}' has an interval but does not say of which kind.")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, also for infinite and missing values (JSON has neither)."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Finding:
        """The inverse of :meth:`to_dict`; missing numbers come back as NaN. Keys of a newer version are left out."""
        known = {f.name for f in fields(cls)}
        given = {name: _number(value) for name, value in stored.items() if name in known}
        given["value"] = math.nan if given.get("value") is None else given["value"]
        if given.get("interval") is not None:
            low, high = (math.nan if v is None else v for v in given["interval"])
            given["interval"] = (low, high)
        given["values"] = tuple(math.nan if v is None else v for v in given.get("values") or ())
        return cls(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
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
    reads: tuple[str, ...]

    def __call__(self, data: Mapping[str, Any], **options: Any) -> list[Finding]:
        options = self.options(options)
        data = {read.rstrip("?"): one for read, one in data.items()}
        for need, required in self.needs(options).items():
            if required and data.get(need) is None:
                there = ", ".join(read for read, one in data.items() if one is not None) or "nothing"
                raise UserError(
                    f"The finding '{self.name}' reads '{need}', which is not there; given: {there}."
                )
        return [replace(one, kind=one.kind or self.name) for one in self.function(data, **options)]

    def needs(self, given: Mapping[str, Any] | None = None) -> dict[str, bool]:
        """What is read under these options → whether it must be there: ``{"measure:tn_similarity": True, …}``."""
        options = self.options(given or {})
        return {read.rstrip("?"): not read.endswith("?") for read in filled(self.reads, options)}


def finding(*, kind: str, reads: tuple[str, ...]) -> Callable[[Callable[..., list[Finding]]], FindingKind]:
    """Register a function ``(data, *, options…) → list[Finding]`` under ``kind``."""

    def register(function: Callable[..., list[Finding]]) -> FindingKind:
        if not describe(function):
            raise UserError(f"The finding '{kind}' has no docstring; say which question it answers.")
        entry = FindingKind(kind, function, reads)
        return findings.add(kind, entry)

    return register


def verdict(
    published: float | None,
    values: Sequence[float] | np.ndarray,
    *,
    level: float = 0.95,
    min_n: int = 3,
    rounding: float = 0.0,
    resolution: float | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    unit: str = "seed",
) -> tuple[Verdict, str]:
    """Is a published single value what one more of our seeds could have given?

    ``values``  ours, one a seed;  ``rounding``  half a unit of the published value's last digit;  ``resolution``  the
    difference that would matter: an interval wider than it cannot confirm.

    The published value is compared with the *prediction* interval of one new seed, not with the interval of the mean:
    it came from one seed and is as scattered as ours are. "cannot tell" if there are fewer than ``min_n`` seeds; if
    all seeds gave one and the same value and the published one differs (a spread of 0 in n seeds says only that a new
    seed differs with probability at most 2/(n+1)); or if it lies inside an interval wider than ``resolution``. A wide
    interval that excludes it still disagrees.

    How it misleads: "agrees" means "not excluded", and grows easier with fewer seeds. Over many comparisons 1 − level
    of them disagree by chance.
    """
    if published is None or math.isnan(published):
        return "no published value", "nothing was published to compare with"
    mine = np.asarray(values, dtype=float)
    mine = mine[np.isfinite(mine)]
    n = len(mine)
    if n < max(min_n, 2):
        return (
            "cannot tell",
            f"only {n} {unit}{'s' * (n != 1)}, and {max(min_n, 2)} are the least that say how much a {unit} varies",
        )
    low, high = prediction_interval(mine, level, bounds=bounds)
    inside = low - rounding <= published <= high + rounding
    shown = f"the {level:.0%} prediction interval [{low:.4g}, {high:.4g}] of one new {unit}"
    if np.ptp(mine) == 0:
        if inside:
            return "agrees", f"all {n} {unit}s gave {mine[0]:.4g}, and so did the published one"
        if (n - 1) / (n + 1) < level:
            return "cannot tell", (
                f"all {n} {unit}s gave {mine[0]:.4g}, but {n} equal values leave a probability of up to "
                f"{2 / (n + 1):.2g} that a new {unit} differs"
            )
    if not inside:
        return "disagrees", f"{published:.4g} lies outside {shown}, n = {n}"
    if resolution is not None and high - low > resolution:
        return (
            "cannot tell",
            f"{published:.4g} lies inside {shown}, n = {n}, but that is wider than {resolution:.4g}, the difference that matters",
        )
    return "agrees", f"{published:.4g} lies inside {shown}, n = {n}"


def verdict_of_event(
    probability: float,
    *,
    n: int,
    level: float = 0.95,
    min_n: int = 3,
    likely: float = 0.5,
    unit: str = "seed",
) -> tuple[Verdict, str]:
    """Is a published event (all of them reached 100 %) what one more of our seeds could have given?

    ``probability`` is its predictive probability (for an event with a direction, the tail at least as extreme). Below
    1 − level it disagrees, from ``likely`` on it agrees, and between the two nothing can be said: an event that we
    give 20 % may well have happened.
    """
    if n < min_n:
        return "cannot tell", f"only {n} {unit}{'s' * (n != 1)}, and {min_n} are the least for a verdict"
    given = f"from our {n} {unit}s its predictive probability is {probability:.2g}"
    if probability < 1 - level:
        return "disagrees", given
    if probability >= likely:
        return "agrees", given
    return "cannot tell", f"{given}: neither excluded nor expected"
