"""Steps on a cursor: what its ticks show, what they are called by, and how a sentence names the last of them."""

from __future__ import annotations

import xarray as xr


def step_ticks(data: xr.Dataset | xr.DataArray) -> tuple[str, ...]:
    """What a slider shows: "step 1,000"."""
    return tuple(f"step {step:,}" for step in data["step"].values)


def places(data: xr.Dataset | xr.DataArray) -> tuple[int, ...]:
    """What a cursor asks for: 1000."""
    return tuple(int(step) for step in data["step"].values)


def last_of(data: xr.Dataset) -> xr.Dataset:
    """The last of the steps, or the only one."""
    return data.isel(step=-1) if "step" in data.dims else data


def at_last(data: xr.Dataset | xr.DataArray) -> str:
    """The beginning of a sentence on the last step of several, or on the one that was asked for."""
    steps = places(data)
    return "At the last step" if len(steps) > 1 else f"At step {steps[0]:,}"
