"""All pairs under a measure, labelled: between runs, or between the steps of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from ontogeny.axes import AXES, to_numpy
from ontogeny.errors import UserError
from ontogeny.measures.base import Measure
from ontogeny.numerics.cores import one_core_each
from ontogeny.subject import Subject

if TYPE_CHECKING:
    import xarray as xr

Between = Literal["all", "consecutive", "final"]


def between_runs(
    measure: Measure,
    subjects: Sequence[Subject],
    options: Mapping[str, Any],
    ticks: Mapping[str, Sequence[Any]],
) -> xr.Dataset:
    """(run, run_other): ``ticks`` are coordinates of the runs, such as their ids and what varied."""
    with torch.no_grad():
        factors = _prepared(measure, subjects, options)
        values = measure.pairs(factors, factors, **options)
    return _labelled(measure, values, "run", ticks, options)


def between_steps(
    measure: Measure, subject: Subject, steps: Sequence[int], options: Mapping[str, Any], between: Between
) -> xr.Dataset:
    """``all``: (step, step_other); ``consecutive``: each step with the one before; ``final``: each step with the last."""
    with torch.no_grad():
        factors = _prepared(measure, [subject.at(i) for i in range(len(steps))], options)
        if between == "all":
            values = measure.pairs(factors, factors, **options)
            return _labelled(measure, values, "step", {"step": steps}, options)
        if between == "final":
            values = {k: v[:, 0] for k, v in measure.pairs(factors, factors[-1:], **options).items()}
            ticks = list(steps)
        elif between == "consecutive":
            pairs = [
                measure.pairs([x], [y], **options) for x, y in zip(factors[1:], factors[:-1], strict=True)
            ]
            values = {k: torch.stack([p[k][0, 0] for p in pairs]) for k in pairs[0]}
            ticks = list(steps[1:])
        else:
            raise UserError(f"between = {between!r}: choose 'all', 'consecutive' or 'final'.")
    return _labelled(measure, values, "step", {"step": ticks}, options)


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


def _labelled(
    measure: Measure,
    values: Mapping[str, Any],
    axis: str,
    ticks: Mapping[str, Sequence[Any]],
    options: Mapping[str, Any],
) -> xr.Dataset:
    import xarray as xr

    other = f"{axis}_other"
    square = next(iter(values.values())).ndim == 2
    coords: dict[str, Any] = {name: (axis, np.asarray(tick)) for name, tick in ticks.items()}
    if square:
        coords |= {f"{name}_other": (other, np.asarray(tick)) for name, tick in ticks.items()}
    dims = (axis, other) if square else (axis,)
    attrs = {"long_name": measure.label, "units": measure.units, "kind": measure.kind}
    data = xr.Dataset(
        {k: (dims, to_numpy(v), attrs if k == "value" else {}) for k, v in values.items()}, coords=coords
    )
    data.attrs |= {"measure": measure.name, **{f"option_{k}": v for k, v in options.items()}}
    for name in data.coords:
        data[name].attrs.setdefault("long_name", AXES.get(str(name), str(name).replace("_", " ")))
    return data
