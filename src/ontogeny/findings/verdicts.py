"""The words of a verdict, and what a judgement holds. The rule that gives them is in :mod:`ontogeny.findings.judging`.

| verdict | when |
|---|---|
| as published | what was published lies where a new seed of ours would, and that is known as closely as matters |
| not as published | it lies outside |
| compatible, varies by seed | inside, and the seeds themselves spread wider than the difference that matters: more of them change nothing |
| too few seeds | more seeds would decide; how many is said |
| not in every seed | some seeds have no such number, or an infinite one, and that could change the verdict |
| in part | of a claim of two parts one is so and the other is not, and more seeds will not change it |
| holds, does not hold | a statement about the average of seeds that nobody published |
| (nothing) | nothing was published |

| property of | when |
|---|---|
| every seed | at least 5 seeds, and all of them (or a new one, to within the difference that matters); not "not as published" |
| no seed | of at least 5 seeds none, where nothing was published |
| differs by seed | the seeds differ by more than matters |
| our set-up | at least 5 seeds agree with one another, and what was published is not among them |
| (nothing) | undecided, or nobody said which difference matters |
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from ontogeny.errors import UserError

Verdict = Literal[
    "as published",
    "not as published",
    "compatible, varies by seed",
    "too few seeds",
    "not in every seed",
    "holds",
    "does not hold",
    "in part",
    "",
]
PropertyOf = Literal["every seed", "no seed", "differs by seed", "our set-up", ""]
IntervalKind = Literal["prediction", "confidence", "chance", ""]
VERDICTS: tuple[str, ...] = get_args(Verdict)
PROPERTIES: tuple[str, ...] = get_args(PropertyOf)
OPEN: frozenset[str] = frozenset({"too few seeds", "not in every seed"})  # nothing is decided
DECIDED: frozenset[str] = frozenset({"as published", "not as published", "compatible, varies by seed"})
LEVEL = 0.95


@dataclass(frozen=True)
class Published:
    """A number as it was printed, by whom, and whether a new seed of ours could give it."""

    value: float
    rounding: float = 0.0  # half a unit of the last printed digit
    source: str = ""
    inside: bool | None = None  # None: not decided

    @classmethod
    def of(cls, given: Published | float | str | bool, source: str = "") -> Published:
        """From "0.73" (rounding .005), "4e3" (500), or a number, with the digits that Python prints of it; true and false are
        exact."""
        if isinstance(given, Published):
            return given
        if isinstance(given, bool):
            return cls(float(given), 0.0, source)
        try:
            printed = Decimal(str(given))
        except InvalidOperation:
            raise UserError(
                f'The published value {given!r} is not a number; write it as it was printed: "0.73".'
            ) from None
        exponent = printed.as_tuple().exponent
        return cls(float(printed), 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0, source)


@dataclass(frozen=True)
class Judgement:
    """What the seeds say, in one sentence (``why``) and in numbers."""

    verdict: Verdict = ""
    why: str = ""
    property_of: PropertyOf = ""
    value: float = math.nan
    interval: tuple[float, float] | None = None
    interval_kind: IntervalKind = ""
    n: int = 0  # seeds that have the number
    missing: int = 0  # seeds that have not
    infinite: int = 0
    published: tuple[Published, ...] = ()
    needed: int | None = None  # seeds that would decide
    vacuous: bool = False  # the interval is all that the bounds allow: it says nothing


def by_chance(verdicts: Iterable[str], level: float = LEVEL) -> tuple[int, float]:
    """(rows judged against something published, how many of them would be "not as published" by chance alone, at most).

    One row is one judgement at ``level``, however many values were published in it; rows that are open do not count.
    """
    judged = sum(one in DECIDED for one in verdicts)
    return judged, (1 - level) * judged
