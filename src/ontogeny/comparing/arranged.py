"""Runs of a table of all pairs arranged by what a measure says of them, for pictures, which compute nothing themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.agreement import to_distance
from ontogeny.numerics.arranging import PLANS, plane, tree

if TYPE_CHECKING:
    import xarray as xr

WAYS = ("setting", "clustered", *PLANS)


def arranged(pairs: xr.Dataset, how: str) -> xr.Dataset:
    """All pairs of runs under a measure, with where each run belongs.

    ``pairs``: ``value`` over (run, run_other). "setting": as it is. "clustered": runs in the order of a tree of average linkage, and its
    ``joins`` (join, corner, part). "mds" and "umap": ``places`` (run, coordinate), and the ``stress`` of the map.

    A similarity s counts as the distance √(2(1 − s)), a divergence as its root; of an asymmetric measure the two ways are averaged. Runs
    that cannot be compared with some other (NaN) are left out and counted in ``left_out``. Errors: fewer than three runs.
    """
    if how not in WAYS:
        raise UnknownName("arrangement", how, WAYS)
    if how == "setting":
        return pairs
    value = pairs["value"].transpose("run", "run_other")
    values = value.to_numpy().astype(float)
    off = ~np.eye(len(values), dtype=bool)
    left = np.zeros(len(values), dtype=bool)
    while (missing := (~np.isfinite(values) & off & ~left & ~left[:, None]).sum(0)).any():
        left[missing.argmax()] = True  # the one that can be compared with the fewest goes first
    kept = np.flatnonzero(~left)
    if len(kept) < 3:
        raise UserError(f"Three runs or more are arranged; of {len(values)}, {len(kept)} can be compared.")
    pairs = pairs.isel(run=kept, run_other=kept).assign_attrs(left_out=int(left.sum()))
    kind = str(value.attrs.get("kind", pairs.attrs.get("kind", "similarity")))
    mean = (values + values.T)[np.ix_(kept, kept)] / 2
    distances = to_distance(mean, kind)
    np.fill_diagonal(distances, 0)
    if how == "clustered":
        found = tree(distances)
        pairs = pairs.isel(run=found.order, run_other=found.order)
        return pairs.assign(joins=(("join", "corner", "part"), found.joins))
    places, stress = plane(distances, "umap" if how == "umap" else "mds")
    return pairs.assign(places=(("run", "coordinate"), places)).assign_attrs(stress=stress)
