"""Do two numbers of a run rise together from seed to seed?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.stats import norm, rankdata

from ontogeny.claims import Chosen, Quantity
from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.judging import LEAST
from ontogeny.findings.per_run import by_seed, named, needed, populations, required
from ontogeny.findings.verdicts import LEVEL, Published
from ontogeny.numerics.map_correlation import spearman
from ontogeny.numerics.resampling import Array, permutation_p

EXACT = 8  # seeds, of which all orders are gone through
DRAWS = 9999  # of more
DIRECTIONS = ("rises", "falls")


def _reads(options: Mapping[str, Any]) -> tuple[str, ...]:
    second = {**options, "quantity": options["against"], "of": ()}
    return tuple(dict.fromkeys((*needed(options), *needed(second))))


@finding(kind="goes_with", reads=_reads)
def goes_with(
    data: Mapping[str, Any],
    *,
    quantity: Quantity | None = None,
    against: Quantity | None = None,
    of: tuple[Chosen, ...] | Chosen = (),
    direction: Literal["rises", "falls", ""] = "",
    matters: float = 0.3,
    published: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Does a number of a run rise, or fall, with another one from seed to seed?

    The value is Spearman's rank correlation over seeds of ``quantity`` with ``against``; its interval is by Fisher's z with Bonett and Wright's
    (2000) variance (1 + ρ²/2)/(n − 3), and p, two-sided, from all orders of the seeds (10,000 drawn ones of more than 8). ``direction``
    "rises" or "falls" is what is claimed; ``published`` who said it, ``{first = "falls"}``; without either the claim is that there is a relation.

    Verdict: p ≤ .05 and the sign as claimed → holds ("as published"); p ≤ .05 and the other sign, or an interval that excludes any correlation of
    ``matters`` the claimed way → does not hold ("not as published"); else too few seeds. In simulation (normal numbers, n = 6 to 20, ρ 0 to .8) the intervals hold the
    truth in 94–97 % and "holds" is said of unrelated numbers in at most 5 %.

    How it misleads: of six seeds only a correlation above .88 is beyond chance; what sets both numbers (the split, a budget that cuts one off) makes them go together.
    """
    told = dict(published or {})
    said_of_it: list[str] = [*told.values(), *([direction] if direction else [])]
    if wrong := [word for word in said_of_it if word not in DIRECTIONS]:
        raise UserError(f'A number "rises" or "falls" with another; this says {wrong[0]!r}.')
    if len(set(said_of_it)) > 1:
        raise UserError(
            f"{', '.join(told) or 'The claim'} and direction say opposite things; make a claim of each."
        )
    claimed = next(iter(said_of_it), "")
    population = populations(of)[0]
    mine, other = (by_seed(data, required(one), population) for one in (quantity, against))
    y, x = mine.values, other.table.reindex(mine.table.index).to_numpy(dtype=float)
    known = np.isfinite(x) & np.isfinite(y)
    n = int(known.sum())
    missing = mine.where(~known)
    first, second = named(required(quantity)), named(required(against))
    said = Finding(
        f"{first} {claimed or 'goes'} with {second}",
        units="rank correlation",
        of=mine.of,
        of_all=mine.of_all,
        decided=population.looked,
        seeds=mine.seeds,
        values=tuple(y),
        missing=missing,
        n=n,
        published=tuple(Published(1.0, source=who) for who in told),
        evidence={"values": required(quantity).reads, "against": required(against).reads},
        details={"statement": True, "against": x.tolist()},
    )
    lacking = (
        f"; {len(missing)} seed{'s lack' if len(missing) > 1 else ' lacks'} one of the two" if missing else ""
    )
    if n < LEAST + 1 or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        why = (
            "one of the two is the same in every seed"
            if n > LEAST
            else f"{n} seeds have both, and {LEAST + 1} are the least"
        )
        return [
            replace(
                said, verdict="too few seeds", why=why + lacking, needed=LEAST + 1 if n <= LEAST else None
            )
        ]
    rho = spearman(x[known], y[known])
    p = permuted(x[known], y[known], rho)
    low, high = fisher_interval(rho, n)
    sign = {"rises": 1, "falls": -1}.get(claimed, 0)
    beyond = p <= 1 - LEVEL
    good, bad = ("as published", "not as published") if told else ("holds", "does not hold")
    excluded = (
        high < matters if sign > 0 else low > -matters if sign < 0 else max(abs(low), abs(high)) < matters
    )
    verdict: Verdict = "too few seeds"
    if beyond and sign * rho >= 0:
        verdict = good  # type: ignore[assignment]
    elif beyond or excluded:
        verdict = bad  # type: ignore[assignment]
    needed_seeds = math.ceil(
        3
        + (norm.ppf((1 + LEVEL) / 2) / math.atanh(min(max(abs(rho), matters), 0.99))) ** 2 * (1 + rho**2 / 2)
    )
    inside = {good: True, bad: False}.get(verdict)
    return [
        replace(
            said,
            value=rho,
            interval=(low, high),
            interval_kind="confidence",
            interval_of="the correlation over all seeds",
            verdict=verdict,
            needed=max(needed_seeds, n + 1) if verdict == "too few seeds" else None,
            published=tuple(Published(1.0, source=who, inside=inside) for who in told),
            why=f"rank correlation {rho:.2f} over {n} seeds ({low:.2f} to {high:.2f}, 95 %); p = {p:.2g} if the two had nothing to do with each other{lacking}",
            details={**said.details, "p": p},
        )
    ]  # fmt: skip


def permuted(x: Array, y: Array, rho: float) -> float:
    """Two-sided p of no relation: how often another order of the seeds goes together as much."""
    u, v = (rankdata(one) - (len(one) + 1) / 2 for one in (x, y))
    if len(u) <= EXACT:
        orders = np.array(list(itertools.permutations(range(len(u)))))
    else:
        orders = np.random.default_rng(0).permuted(np.tile(np.arange(len(u)), (DRAWS, 1)), axis=1)
    null = np.abs(v[orders] @ u) / math.sqrt(float(u @ u) * float(v @ v))
    if len(u) <= EXACT:  # all of them, its own among them
        return float((null >= abs(rho) - 1e-12).mean())
    return float(permutation_p(abs(rho), null))


def fisher_interval(rho: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Of a rank correlation, on the scale of artanh; of ±1 from n seeds it is that of the nearest value n ranks can have."""
    nearest = 1 - 6 / (n * (n * n - 1))  # the least that two exchanged neighbours take off
    z = math.atanh(min(max(rho, -nearest), nearest))
    half = float(norm.ppf((1 + level) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(z - half), math.tanh(z + half)
