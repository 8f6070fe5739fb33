"""One rule for all verdicts: for numbers, for events, and for averages over seeds.

Pure: numbers in, a :class:`~ontogeny.findings.verdicts.Judgement` out. Verdict and "property of" come from one interval, so
that no row is undecided in one and decided in the other, and no verdict is offered that cannot occur with so few seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ontogeny.errors import UserError
from ontogeny.findings.verdicts import LEVEL, Judgement, PropertyOf, Published, Verdict
from ontogeny.numerics.prediction import (
    MOST_SEEDS,
    Scale,
    Spread,
    every_seed_bound,
    next_one,
    seeds_to_exclude,
    share_interval,
)
from ontogeny.numerics.resampling import mean_interval

LEAST = 3  # seeds, the fewest of which a spread is taken
ALL = 5  # seeds, the fewest of which "every seed" is said
FLOAT32 = 4 * float(np.finfo(np.float32).eps)  # relative; numbers nearer than this are the same


def judge(
    values: ArrayLike,
    *,
    published: Iterable[Published | float | str] = (),
    resolution: float | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    discrete: bool = False,
    grid: float = 0.0,
    level: float = LEVEL,
    unit: str = "seed",
) -> Judgement:
    """Could the published numbers each be one more of our seeds, and is the number the same in every seed?

    ``values``  one a seed, NaN where a seed has none;  ``published``  as printed: rounding is taken from the digits;
    ``resolution``  the difference that matters;  ``bounds``  that no value can pass;  ``discrete``  whole numbers: a published
    4 is 3.5 to 4.5;  ``grid``  how far apart the checkpoints are at which an event can be seen: it was up to that much earlier.

    Rule. Outside the prediction interval (:mod:`ontogeny.numerics.prediction`) of as many new seeds as there are different
    published numbers, copies to within rounding counted once → not as published. Inside, and the interval no wider than
    ``resolution``, or none given → as published. Inside and wider: if the seeds spread wider even at the lower 95 % bound of
    their standard deviation → compatible, varies by seed; else too few seeds. Values that are all equal have no spread and are
    judged as the event "equals what was published" (:func:`judge_event`).

    How it misleads: "as published" without a resolution means "not excluded", which is easier with fewer seeds. Of many rows
    1 − level are excluded by chance (:func:`~ontogeny.findings.verdicts.by_chance`). For 3 to 38 seeds the level is exact
    where values are normal on the scale of their bounds; skewed ones are excluded up to twice, two-humped ones up to three
    times as often.
    """
    given = np.atleast_1d(np.asarray(values, dtype=float))
    known = given[np.isfinite(given)]
    told = tuple(Published.of(one) for one in published)
    size = max((float(abs(x)) for x in [*known, *(one.value for one in told)]), default=0.0)
    same = FLOAT32 * (bounds[1] - bounds[0] if math.isfinite(bounds[1] - bounds[0]) else size)
    base = _base(given, told)
    lacking = _lacking(base, unit)
    n = base.n
    if n < LEAST:
        few = f"{_count(n, unit)}, and {LEAST} are the least that say how much a {unit} varies"
        verdict: Verdict = "too few seeds" if not lacking or len(given) < LEAST else "not in every seed"
        verdict = verdict if told else ""
        return replace(base, verdict=verdict, why=_join(few, lacking), needed=LEAST)

    slack = [max(one.rounding, 0.5 if discrete else 0.0) + same for one in told]
    if np.ptp(known) <= same:
        return _equal(known, replace(base, published=told), slack, grid, lacking, unit)

    apart = _different(told, slack)
    start = 0.5 if discrete else (resolution or 0.0) / 2
    spread = Spread(known, Scale.of(known, bounds, start), 1 - (1 - level) / apart)
    low, high = spread.interval()
    if discrete:
        low, high = float(math.floor(low + 0.5)), float(math.ceil(high - 0.5))
    low = max(low - grid, bounds[0])
    width = high - low
    told = _placed(told, slack, low, high)
    base = replace(
        base,
        interval=(low, high),
        interval_kind="prediction",
        published=told,
        vacuous=low <= bounds[0] + same and high >= bounds[1] - same,
    )
    where = f"{_said(low)} to {_said(high)}, where {_news(apart, unit)} would lie ({level:.0%}, {_count(n, unit)})"
    where += f", checkpoints {_said(grid)} apart" if grid else ""
    if lacking:
        why = _join(lacking, f"of the rest: {where}")
        return replace(base, verdict="not in every seed" if told else "", why=why)

    narrow = resolution is not None and width <= resolution + grid
    varies = resolution is not None and not narrow and (spread.by_rank or spread.at_least_wide() > resolution)
    reach: PropertyOf = "differs by seed" if varies else ""
    matters = "" if resolution is None else f"{_said(resolution)}, the difference that matters"
    if not told:
        reach = "every seed" if narrow and n >= ALL else reach
        than = f"{'no wider than' if narrow else 'wider than'} {matters}" if matters else ""
        return replace(base, why=_join(where, than), property_of=reach)
    which = _which(told)
    if not all(one.inside for one in told):
        reach = "our set-up" if narrow and n >= ALL else reach
        return replace(base, verdict="not as published", why=f"{which} {where}", property_of=reach)
    if resolution is None or narrow:
        reach = "every seed" if narrow and n >= ALL else ""
        return replace(base, verdict="as published", why=f"{which} {where}", property_of=reach)
    if varies:
        why = f"{which} {where}; {unit}s themselves spread wider than {matters}"
        return replace(base, verdict="compatible, varies by seed", why=why, property_of=reach)
    needed = spread.seeds_for(resolution)
    why = f"{which} {where}, wider than {matters}; {_many(needed, unit)} would tell"
    return replace(base, verdict="too few seeds", why=why, needed=needed)


def judge_event(
    yes: int,
    n: int,
    *,
    published: bool | None = None,
    missing: int = 0,
    level: float = LEVEL,
    unit: str = "seed",
) -> Judgement:
    """A statement is true in ``yes`` of ``n`` seeds: is it so in every one, and could the published run be one more?

    ``published``  True: of one run it was reported to hold, False: not to hold;  ``missing``  seeds of which nobody can say.

    Rule. All seeds as published, at least 5 of them → as published. None of them → not as published once one more that is would
    be improbable, ½/(n + 1) < 1 − level: from 10 seeds on; before that too few seeds. Some of them → compatible, varies by
    seed, until that becomes improbable in the same sense (1 of 30). Missing seeds are counted both ways; if it makes a
    difference, the verdict is "not in every seed". The interval is Clopper and Pearson's of the share of all seeds.

    How it misleads: "every seed" of n excludes only shares below .05^(1/n), which the row says: 5 of 5 is compatible with what
    every third seed lacks. For what is published and false of all our seeds, the rule is wrong in at most 3.5 % of studies (n =
    10).
    """
    base = Judgement(
        value=yes / n if n else math.nan,
        n=n,
        missing=missing,
        interval=share_interval(yes, n, level) if n else None,
        interval_kind="confidence" if n else "",
        published=() if published is None else (Published(float(published)),),
    )
    if missing:
        lacking = f"{_count(missing, unit)} cannot tell"
        less, more = (
            judge_event(yes + k, n + missing, published=published, level=level, unit=unit)
            for k in (0, missing)
        )
        if (less.verdict, less.property_of) == (more.verdict, more.property_of):
            why = _join(f"{yes} of {_count(n, unit)}", f"{lacking}, and would not change it")
            return replace(
                base, verdict=less.verdict, property_of=less.property_of, why=why, published=less.published
            )
        why = _join(f"{yes} of {_count(n, unit)}", f"{lacking}, and would decide")
        return replace(base, verdict="" if published is None else "not in every seed", why=why)

    counted, bound = f"{yes} of {_count(n, unit)}", _bound(yes, n, unit)
    if published is None:
        all_or_none: PropertyOf = "every seed" if yes else "no seed"
        reach = "differs by seed" if 0 < yes < n else all_or_none if n >= ALL else ""
        return replace(base, why=_join(counted, bound), property_of=reach)

    alike = yes if published else n - yes
    chance = next_one(alike, n)
    if alike == n:
        if n < ALL:
            why = f"{counted}; “every {unit}” is said from {ALL} on"
            return replace(base, verdict="too few seeds", why=why, needed=ALL)
        verdict: Verdict = "as published"
        reach, why = "every seed", _join(counted, bound)
    elif chance < 1 - level - 1e-12:
        verdict, reach = "not as published", "differs by seed" if alike else "our set-up"
        why = f"{counted}; one more {unit} would be as published with probability {chance:.2g}"
    elif alike:
        verdict, reach, why = "compatible, varies by seed", "differs by seed", counted
    else:
        needed = seeds_to_exclude(0, level)
        why = f"{counted}; it takes {needed} to exclude that the next one is as published"
        return replace(base, verdict="too few seeds", why=why, needed=needed)
    told = (Published(float(published), inside=verdict != "not as published"),)
    return replace(base, verdict=verdict, property_of=reach, why=why, published=told)


def judge_probability(probability: float, n: int, *, level: float = LEVEL, unit: str = "seed") -> Judgement:
    """Could a published outcome of a whole study be that of one more seed, if a fitted law gives it this probability?

    ``probability``  of an outcome at least as extreme, on both sides where it has two;  ``n``  seeds behind the law.

    Rule. Below 1 − level → not as published; else as published, which here means "not excluded". The law must give an event
    less than 1 − level with ``n`` seeds if every seed is against it; a fit that takes its own uncertainty along does from about
    10 on.

    How it misleads: as the law does.
    """
    given = (
        f"from {_count(n, unit)} it has probability {probability:.2g}"
        if probability >= 1e-4
        else f"from {_count(n, unit)} its probability is under 0.0001"
    )
    if n < LEAST:
        return Judgement("too few seeds", f"{given}; {LEAST} are the least", n=n, needed=LEAST)
    return Judgement("not as published" if probability < 1 - level else "as published", given, n=n)


def judge_mean(
    values: ArrayLike,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    published: bool = False,
    interval: tuple[float, float] | None = None,
    level: float = LEVEL,
    unit: str = "seed",
) -> Judgement:
    """Is the average over seeds on the claimed side of a threshold? ``values``: one a seed.

    Rule. The whole confidence interval on the claimed side → holds ("as published" if it was); the whole of it on the other →
    does not hold ("not as published"); else too few seeds, as this interval shrinks with 1/√n. ``interval`` replaces Student's
    where the caller has a better one (seeds resampled).

    How it misleads: an average on one side says nothing of single seeds; read the spread.
    """
    if (at_least is None) == (at_most is None):
        raise UserError("Say which side the claim is on: at_least or at_most, and one of them.")
    given = np.atleast_1d(np.asarray(values, dtype=float))
    base = _base(given, ())
    n, lacking = base.n, _lacking(base, unit)
    if n < LEAST:
        why = _join(
            f"{_count(n, unit)}, and {LEAST} are the least that say how much a {unit} varies", lacking
        )
        return replace(base, verdict="too few seeds", why=why, needed=LEAST)
    low, high = mean_interval(given[np.isfinite(given)], level) if interval is None else interval
    base = replace(base, interval=(low, high), interval_kind="confidence")
    asked = f"at least {_said(at_least)}" if at_least is not None else f"at most {_said(at_most)}"
    shown = (
        f"{_said(base.value)} on average over {_count(n, unit)} ({_said(low)} to {_said(high)}, {level:.0%}); "
        f"the claim asks for {asked}"
    )
    if lacking:
        return replace(base, verdict="not in every seed", why=_join(shown, lacking))
    same = FLOAT32 * max(abs(low), abs(high))
    if at_least is not None:
        yes, no = low >= at_least - same, high < at_least - same
    else:
        yes, no = high <= (at_most or 0.0) + same, low > (at_most or 0.0) + same
    if yes or no:
        good: Verdict = "as published" if published else "holds"
        bad: Verdict = "not as published" if published else "does not hold"
        return replace(base, verdict=good if yes else bad, why=shown)
    gap = abs(base.value - (at_least if at_least is not None else at_most or 0.0))
    reach = (high - low) / 2
    needed = MOST_SEEDS if gap * math.sqrt(MOST_SEEDS) <= reach else math.ceil(n * (reach / gap) ** 2)
    needed = max(needed, n + 1)
    return replace(
        base, verdict="too few seeds", why=f"{shown}; {_many(needed, unit)} would tell", needed=needed
    )


def _equal(
    known: np.ndarray,
    base: Judgement,
    slack: Sequence[float],
    grid: float,
    lacking: str,
    unit: str,
) -> Judgement:
    """Equal values have no spread: how many of them there are is all that is known."""
    n, value = base.n, float(known[0])
    told = _placed(base.published, slack, value - grid, value)
    base = replace(base, interval=(value - grid, value), interval_kind="prediction", published=told)
    shown = f"all {_count(n, unit)} gave {_said(value)}"
    shown += f" (checkpoints are {_said(grid)} apart)" if grid else ""
    if lacking:
        shown = shown.replace("all", "the other", 1)
        return replace(base, verdict="not in every seed" if told else "", why=_join(lacking, shown))
    if not told:
        return replace(
            base, why=_join(shown, _bound(n, n, unit)), property_of="every seed" if n >= ALL else ""
        )
    inside = all(one.inside for one in told)
    event = judge_event(n if inside else 0, n, published=True, unit=unit)
    why = {
        "as published": _join(shown, _bound(n, n, unit)),
        "not as published": f"{_which(told)} that: {shown}",
        "too few seeds": f"{shown}; it takes {event.needed} equal {unit}s to "
        + (f"say “every {unit}”" if inside else "exclude that the next one differs"),
    }[event.verdict]
    return replace(base, verdict=event.verdict, why=why, property_of=event.property_of, needed=event.needed)


def _base(given: np.ndarray, told: tuple[Published, ...]) -> Judgement:
    known = given[np.isfinite(given)]
    return Judgement(
        value=float(known.mean()) if len(known) else math.nan,
        n=len(known),
        missing=int(np.isnan(given).sum()),
        infinite=int(np.isinf(given).sum()),
        published=told,
    )


def _placed(
    told: Sequence[Published], slack: Sequence[float], low: float, high: float
) -> tuple[Published, ...]:
    return tuple(
        replace(one, inside=bool(low - by <= one.value <= high + by))
        for one, by in zip(told, slack, strict=True)
    )


def _different(told: Sequence[Published], slack: Sequence[float]) -> int:
    """How many different numbers were published: copies to within their rounding are one piece of evidence."""
    kept: list[tuple[float, float]] = []
    for one, by in zip(told, slack, strict=True):
        if all(abs(one.value - other) > by + with_ for other, with_ in kept):
            kept.append((one.value, by))
    return max(1, len(kept))


def _bound(yes: int, n: int, unit: str) -> str:
    """What "every" or "no" of so few leaves open, in words."""
    if n < ALL or 0 < yes < n:
        return ""
    least = every_seed_bound(n)
    if yes:
        return f"so it is true of at least {least:.0%} of all {unit}s (95 %)"
    return f"so it is true of at most {1 - least:.0%} of all {unit}s (95 %)"


def _lacking(base: Judgement, unit: str) -> str:
    parts = []
    if base.missing:
        parts.append(f"{_count(base.missing, unit)} {'has' if base.missing == 1 else 'have'} no such number")
    if base.infinite:
        parts.append(f"in {_count(base.infinite, unit)} it is infinite")
    return " and ".join(parts)


def _which(told: Sequence[Published]) -> str:
    """ "0.42 lies outside and 0.4 inside", to be followed by the interval."""
    groups = {
        word: dict.fromkeys(_said(one.value) for one in told if one.inside is inside)
        for word, inside in (("outside", False), ("inside", True))
    }
    parts = [
        f"{' and '.join(those)} {'lies' if len(those) == 1 else 'lie'} {word}"
        for word, those in groups.items()
        if those
    ]
    return " and ".join(parts)


def _news(apart: int, unit: str) -> str:
    return f"a new {unit}" if apart == 1 else f"each of {apart} new {unit}s"


def _count(n: int, unit: str) -> str:
    return f"{n} {unit}{'s' * (n != 1)}"


def _many(n: int, unit: str) -> str:
    return f"{n} {unit}s" if n < MOST_SEEDS else f"more than {MOST_SEEDS:,} {unit}s"


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _said(value: float | None) -> str:
    number = math.nan if value is None else float(value)
    return f"{number:,.0f}" if number.is_integer() and abs(number) >= 1000 else f"{number:.4g}"
