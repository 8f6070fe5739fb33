"""Do seeds choose the same items (frequencies, heads, neurons) more often than chance?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import variable
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.resampling import permutation_p

NEVER = (0,)  # ticks that cannot be chosen: the constant
LEAST_EXPECTED = 5  # choices an item, below which weak preferences cannot show
DRAWS = 10_000


@finding(kind="preferred", reads=("{source}",))
def preferred(
    data: Mapping[str, Any],
    *,
    source: str = "lens:key_frequencies@final",
    name: str = "is_key",
    axis: str = "frequency",
    text: str = "",
) -> list[Finding]:
    """Are some items chosen by more seeds than chance would have it?

    ``name`` is true or false over (run, ``axis``); tick 0, the constant, cannot be chosen. The value is the dispersion of the
    counts over items, Σ(count − mean)²/mean/(items − 1): 1 is what independent choices give about, more says that seeds share
    items, less that they avoid one another's. The null draws for every run as many items as it chose, at random. The claim is
    that none is preferred: it does not hold if the null is as dispersed with probability ≤ .05.

    How it misleads: with few seeds only strong preferences can show, so "too few seeds" below five choices an item.
    Where the task has a symmetry that permutes the items (multiplying all numbers by a unit of Z_p permutes frequencies, for
    prime p all of them but 0) and initialisation respects it in distribution, no preference is what theory says.
    """
    chosen = variable(data[source], name, source).transpose("run", axis)
    if axis in chosen.coords:
        chosen = chosen.isel({axis: ~np.isin(chosen[axis].values, NEVER)})
    picks = chosen.values.astype(bool)
    runs, items = picks.shape
    if items < 2 or not picks.any():
        raise UserError(
            f"'{name}' of '{source}' chooses {int(picks.sum())} of {items} items: nothing to prefer."
        )
    counts, sizes = picks.sum(0), picks.sum(1)
    rng = np.random.default_rng(0)
    ranks = rng.random((DRAWS, runs, items)).argsort(-1).argsort(-1)
    null = _dispersion((ranks < sizes[:, None]).sum(1))
    observed = float(_dispersion(counts))
    p = float(permutation_p(observed, null))
    ticks = chosen[axis].values.tolist() if axis in chosen.coords else list(range(items))
    expected = float(counts.mean())
    judged: Verdict = "too few seeds" if expected < LEAST_EXPECTED else "holds"
    most = int(counts.max())
    favourite = [str(t) for t, c in zip(ticks, counts, strict=True) if c == most]
    named = f"{axis} {', '.join(favourite)}" if len(favourite) <= 3 else f"{len(favourite)} of them"
    least, largest = int(sizes.min()), int(sizes.max())
    return [
        Finding(
            claim=text or f"no {axis} is preferred by {name} of {source}",
            value=observed,
            interval=(float(np.quantile(null, (1 - LEVEL) / 2)), float(np.quantile(null, (1 + LEVEL) / 2))),
            interval_kind="chance",
            n=runs,
            needed=None if expected >= LEAST_EXPECTED else math.ceil(LEAST_EXPECTED / expected * runs),
            verdict="does not hold" if p <= 1 - LEVEL else judged,
            why=f"p = {p:.2g} under random choices of as many a run ({least} to {largest}); most often, "
            f"in {most} of {runs} runs, "
            f"{named}; expected {expected:.2g} an item"
            + (", too few to exclude weak preferences" if expected < LEAST_EXPECTED else ""),
            evidence={"values": source},
            details={
                "p": p,
                "count_by_item": dict(zip(map(str, ticks), counts.tolist(), strict=True)),
                "chosen": [[ticks[i] for i in np.flatnonzero(row)] for row in picks],
            },
        )
    ]


def _dispersion(counts: np.ndarray) -> Any:
    """Variance over mean of counts (…, item): 1 for Poisson counts."""
    return counts.var(-1, ddof=1) / counts.mean(-1)
