"""One run of a dataset, by name."""

from __future__ import annotations

import xarray as xr

from ontogeny.errors import UnknownName


def one_run(data: xr.Dataset, run: str = "") -> xr.Dataset:
    """The run of that id, or the first with a value ("seed=1"), or the first of all, at the steps that it kept.

    A dataset without runs comes back as it is.
    """
    if "run" not in data.dims:
        return data
    names = [str(name) for name in data["run"].values]
    what, equals, _ = run.partition("=")
    if equals and what in data.coords:
        names = [f"{what}={one}" for one in data[what].values]
    if run and run not in names:
        raise UnknownName("run", run, names)
    one = data.isel(run=names.index(run) if run else 0)
    return one.dropna("step", how="all") if "step" in one.dims else one
