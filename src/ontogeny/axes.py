"""Every axis name, spelled once, and the labelled array that lenses and measures return.

A lens returns ``Labelled`` values: a tensor, the names of its *trailing* axes, what it is and its units. Leading axes
(``step`` for a run, ``run`` for a population) belong to whoever called the lens and are named by :func:`dataset`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.errors import UnknownName, UserError

if TYPE_CHECKING:
    import xarray as xr

AXES: dict[str, str] = {
    "run": "trained variant",
    "run_other": "trained variant, second of a pair",
    "step": "optimiser updates the weights have seen",
    "step_other": "optimiser updates, second of a pair",
    "tap": "place in the model",
    "tap_other": "place in the model, second of a pair",
    "split": "part of the examples: train, held out, all",
    "example": "input of the probe",
    "position": "place in the sequence",
    "query": "position that attends",
    "lag": "how many places back, 0 is the own one",
    "key": "position attended to",
    "a": "first operand",
    "b": "second operand",
    "token": "vocabulary item",
    "input": "input coordinate (one-hot positions concatenated)",
    "input_other": "input coordinate, second of a pair",
    "output": "output class (a remainder in modular tasks)",
    "frequency": "cycles over the period, 0 is the constant",
    "frequency_other": "cycles over the period, second of a pair",
    "harmonic": "row of the Fourier basis: constant, cos 1, sin 1, ...",
    "harmonic_other": "row of the Fourier basis, second of a pair",
    "component": "principal component or eigenvector, largest first",
    "layer": "block of the network",
    "head": "attention head",
    "neuron": "unit of a hidden layer",
    "d_hidden": "unit of the bottleneck",
    "d_model": "coordinate of the residual stream",
    "d_head": "coordinate within a head",
    "feature": "true feature or data coordinate",
    "atom": "dictionary element",
    "chain": "independent walk through the weights",
    "draw": "place on a walk, in the order visited",
    "step_size": "step size of a walk",
    "bin": "bin of a histogram, by its left edge",
    "part": "whole, visible or invisible share of the weights",
    "side": "which operand the lens looks at",
    "quantity": "named scalar",
    "matrix": "weight matrix",
    "group": "group of weights, neurons or inputs",
    "variable": "variable a unit is compared with",
    "fit": "regression model",
    "k": "number of neighbours",
    "dim_0": "unnamed axis of somebody's own module",
    "dim_1": "unnamed axis of somebody's own module",
    "dim_2": "unnamed axis of somebody's own module",
    "dim_3": "unnamed axis of somebody's own module",
    "stage": "before or after the nonlinearity",
    "condition": "what was done to the model",
    "term": "term of a polynomial",
    "kept": "how many frequencies are kept, strongest first",
    "rank": "place in an order, largest first",
    "reference": "what a dictionary is compared with",
    "score": "by what two dictionaries are compared",
    "along": "distance along the first direction of a plane of weights",
    "across": "distance along the second direction of a plane of weights",
}


def add(name: str, description: str) -> str:
    """Declare an axis of a plug-in. The same words twice are one axis; other words are refused."""
    if AXES.setdefault(name, description) != description:
        raise UserError(f"The axis '{name}' exists already: {AXES[name]}.")
    return name


def to_numpy(values: Any) -> np.ndarray:
    """Tensors (any device, any grad), numbers and sequences as a NumPy array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values)


@dataclass(frozen=True)
class Labelled:
    """A tensor whose trailing axes have names. ``coords`` give ticks to those axes, by axis name."""

    values: Any
    dims: tuple[str, ...]
    long_name: str
    units: str = "1"
    coords: Mapping[str, Any] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.dims, *self.coords):
            if name not in AXES:
                raise UnknownName(
                    "axis", name, AXES, "Plug-ins declare theirs with ontogeny.axes.add(name, description)."
                )


def labelled(
    values: Any,
    *dims: str,
    long_name: str,
    units: str = "1",
    coords: Mapping[str, Any] | None = None,
    **attrs: Any,
) -> Labelled:
    """``labelled(p, "output", "frequency", long_name="energy share", coords={"frequency": range(33)})``."""
    return Labelled(values, tuple(dims), long_name, units, coords or {}, attrs)


def dataset(
    arrays: Mapping[str, Labelled],
    leading: Sequence[str] = (),
    coords: Mapping[str, Any] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Labelled arrays as one :class:`xarray.Dataset`, with ``leading`` axes named in front of each array's own."""
    import xarray as xr

    variables, ticks = {}, dict(coords or {})
    for name, one in arrays.items():
        values = to_numpy(one.values)
        dims = (*leading, *one.dims)
        if values.ndim != len(dims):
            raise UserError(
                f"'{name}' has shape {values.shape}, which does not fit the axes {dims} "
                f"({len(leading)} leading, {len(one.dims)} of its own)."
            )
        ticks.update({axis: to_numpy(tick) for axis, tick in one.coords.items()})
        variables[name] = (dims, values, {"long_name": one.long_name, "units": one.units, **one.attrs})
    data = xr.Dataset(variables, coords=ticks, attrs=dict(attrs or {}))
    for tick in data.coords:
        data[tick].attrs.setdefault("long_name", AXES.get(str(tick), str(tick)))
    return data
