"""All pairs of models under a measure, labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ontogeny.axes import AXES, to_numpy
from ontogeny.measures.base import Measure
from ontogeny.numerics.cores import one_core_each
from ontogeny.subject import Subject

if TYPE_CHECKING:
    import xarray as xr


def between_runs(
    measure: Measure,
    subjects: Sequence[Subject],
    options: Mapping[str, Any],
    ticks: Mapping[str, Sequence[Any]],
    steps: Sequence[int] = (),
) -> xr.Dataset:
    """Models in memory with one another, (run, run_other): ``ticks`` are coordinates of the runs, such as their ids and what varied;
    ``steps`` those of a measure of whole runs."""
    with torch.no_grad():
        factors = _prepared(measure, subjects, options)
        values = measure.pairs(factors, factors, **options)
    own = {
        axis: ("step", steps) if axis == "step" else (axis, list(measure.ticks[axis]))
        for axis in _own_axes(measure)
    }
    return labelled(measure, values, options, ("run", ticks), ("run", ticks)).assign_coords(own)


def _prepared(measure: Measure, subjects: Sequence[Subject], options: Mapping[str, Any]) -> list[Any]:
    """What is compared of each, by itself and on one core, so that it does not depend on the others."""

    def prepare(subject: Subject) -> tuple[Sequence[int], Any]:
        with torch.no_grad():
            one = measure.read(subject, options)
            shape = () if isinstance(one, Subject) else tuple(one.shape)
            return shape, measure.prepare(one, **options)

    with one_core_each() as share:
        found = share(prepare, subjects)
    for shape, _ in found if measure.input != "model" else ():
        measure.refuse(found[0][0], shape, ("the first of them", "another"))
    return [factors for _, factors in found]


def labelled(
    measure: Measure,
    values: Mapping[str, Any],
    options: Mapping[str, Any],
    rows: tuple[str, Mapping[str, Sequence[Any]]],
    columns: tuple[str, Mapping[str, Sequence[Any]]] | None = None,
) -> xr.Dataset:
    """Values (row, column), or (row,), with an axis and its ticks for each; the second axis is called ``…_other``."""
    import xarray as xr

    axis, ticks = rows
    coords: dict[str, Any] = {name: (axis, np.asarray(tick)) for name, tick in ticks.items()}
    dims: tuple[str, ...] = (axis,)
    if columns is not None:
        other, more = f"{columns[0]}_other", columns[1]
        coords |= {f"{name}_other": (other, np.asarray(tick)) for name, tick in more.items()}
        dims = (axis, other)
    attrs = {"long_name": measure.label, "units": measure.units, "kind": measure.kind}
    data = xr.Dataset(
        {
            k: ((*dims, *measure.gives.get(k, ())), to_numpy(v), attrs if k == "value" else {})
            for k, v in values.items()
        },
        coords=coords,
    )
    data.attrs |= {"measure": measure.name, **{f"option_{k}": v for k, v in options.items()}}
    for name in data.coords:
        data[name].attrs.setdefault("long_name", AXES.get(str(name), str(name).replace("_", " ")))
    return data


def _own_axes(measure: Measure) -> list[str]:
    """The axes that extras have besides the pair, each once."""
    return list(dict.fromkeys(axis for axes in measure.gives.values() for axis in axes))
