"""The pairs of units that an alignment made, one by one, for who wants to see them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from torch import Tensor

from ontogeny.numerics.alignment import MATCHINGS, Matched
from ontogeny.representations.aligned import Aligned
from ontogeny.representations.inputs import Named
from ontogeny.representations.score import Array, Settings

BINS = 40


def matched_units(x: Named, y: Named, settings: Settings) -> xr.Dataset | None:
    """Pairs of units with their score where they were matched, on the other samples, and after matching shuffled samples.

    (pair): ``left``, ``right``, ``score``, ``margin`` (score − the second best), ``held_out``; (pair_shuffled): ``shuffled``, held out; (bin): ``all``,
    how many pairs of any two units correlate so much on the samples that are scored. None where units are not matched.
    """
    way = settings.way
    if way is None or way.how not in MATCHINGS:
        return None
    pairs, held, table = _scored(way, x.values, y.values)
    order = settings.units.orders(1, settings.seed)[0]
    _, shuffled, _ = _scored(way, x.values, y.values[order])
    known = table[np.isfinite(table)]
    return xr.Dataset(
        {
            "left": ("pair", pairs.left),
            "right": ("pair", pairs.right),
            "score": ("pair", pairs.score),
            "margin": ("pair", pairs.margin),
            "held_out": ("pair", held),
            "shuffled": ("pair_shuffled", shuffled),
            "all": ("bin", np.histogram(known, np.linspace(-1, 1, BINS + 1))[0]),
        },
        attrs={
            "how": way.how,
            "by": way.by,
            "fit_on": way.fit_on,
            "units": [int(x.shape[1]), int(y.shape[1])],
        },
    )


def _scored(way: Aligned, x: Tensor, y: Tensor) -> tuple[Matched, Array, Array]:
    """Pairs, their scores on the samples that are scored, and the scores of all units there."""
    fit, rest = way.rows(len(x))
    pairs = way.matched(x[fit], y[fit])
    table = way.scores(x[rest], y[rest]).cpu().double().numpy()
    return pairs, table[pairs.left, pairs.right], table
