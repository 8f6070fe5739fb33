"""Does another kind of network do as well in a network's place as another seed of its own kind?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.judging import LEAST
from ontogeny.findings.reading import along_runs, seeds_of, variable
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.resampling import jackknife_interval


@finding(kind="as_its_own", reads=("measure:{measure}",))
def as_its_own(
    data: Mapping[str, Any],
    *,
    measure: str = "transplanted_neurons",
    name: str = "value",
    by: str = "length",
    kinds: tuple[Any, ...] = (),
    margin: float = 0.1,
    text: str = "",
) -> list[Finding]:
    """Does a network of one kind come to as much with one of another kind as with another seed of its own?

    ``kinds`` = [of x, of y], values of ``by``. ``name`` of the measure at (x, y), x of the first kind: mean over y of the second minus mean over y of the first, pairs of one seed left out in both (they may share an
    initialisation). The value is that difference; its interval leaves each seed out in turn with all its pairs
    (:func:`~ontogeny.numerics.resampling.jackknife_interval`). "Holds": the difference lies above −``margin``, so the other kind does no worse by as much as matters; "does not
    hold": it lies below; 3 seeds are the least. The mean of the measure's ``control`` and ``blank``, where it has them, is in the reason.

    How it misleads: where even a seed of its own kind comes to nothing, the other does no worse: read both numbers.
    """
    source = f"measure:{measure}"
    pairs = data[source]
    sign = -1.0 if pairs.attrs.get("kind") in ("distance", "divergence") else 1.0
    of_run, seeds = along_runs(pairs, by, source), seeds_of(pairs)
    if len(kinds) != 2:
        raise UserError(f"Say which two kinds: kinds = [{by} of those that answer, {by} of those that lend].")
    kind, other = kinds
    for one in kinds:
        if one not in of_run.tolist():
            raise UserError(f"No run has {by} = {one!r}; there is {sorted(set(of_run.tolist()), key=str)}.")
    names = np.intersect1d(seeds[of_run == kind], seeds[of_run == other])
    apart = seeds[:, None] != seeds[None, :]

    def table(what: str) -> np.ndarray:
        return np.asarray(variable(pairs, what, source).transpose("run", "run_other").values, dtype=float)

    def mean(values: np.ndarray, of: Any, units: np.ndarray) -> float:
        there = np.isin(seeds, names[units])
        pick = apart & (there & (of_run == kind))[:, None] & (there & (of_run == of))[None, :]
        return float(values[pick].mean())

    everyone, values = np.arange(len(names)), table(name)
    claim = text or f"{measure} with {by} = {other} is no less than with another seed of {by} = {kind}"
    if len(names) < LEAST:
        why = f"{len(names)} seeds have both kinds, and {LEAST} are the least"
        return [Finding(claim, verdict="too few seeds", why=why, n=len(names), needed=LEAST)]

    def difference(units: np.ndarray) -> float:
        return sign * (mean(values, other, units) - mean(values, kind, units))

    low, high = jackknife_interval(difference, len(names), level=LEVEL)
    verdict: Verdict = "holds" if low > -margin else "does not hold" if high < -margin else "too few seeds"
    with_other, with_own = mean(values, other, everyone), mean(values, kind, everyone)
    beside = [
        f"{word} {mean(table(what), other, everyone):.2g}"
        for what, word in (
            ("control", "with random features in their place"),
            ("blank", "with nothing in their place"),
        )
        if name == "value" and what in pairs
    ]
    why = "; ".join(
        [
            f"{with_other:.2g} with the other kind, {with_own:.2g} with another seed of its own: {difference(everyone):+.2g} ({low:.2g} to {high:.2g}, each seed left out in turn), "
            f"where {margin:g} matters",
            *beside,
        ]
    )
    return [
        Finding(
            claim,
            value=difference(everyone),
            interval=(low, high),
            interval_kind="confidence",
            interval_of="the difference from another seed of its own kind, over seeds",
            n=len(names),
            verdict=verdict,
            why=why,
            evidence={"pairs": source},
            details={"with_own": with_own, "with_other": with_other},
        )
    ]
