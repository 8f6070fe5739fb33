"""What a third party writes: decorators on plain functions and classes, and an axis of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
import xarray as xr
from torch import Tensor

from ontogeny import axes, registry
from ontogeny.axes import Labelled, labelled
from ontogeny.lenses.base import lens
from ontogeny.measures.base import measure
from ontogeny.subject import Subject
from ontogeny.tasks.modular import Pairs
from ontogeny.views.base import Drawn, view

axes.add("remainder_of_two", "parity of the first operand")


@registry.tasks.register("modular_maximum")
@dataclass(frozen=True)
class ModularMaximum(Pairs):
    """c = max(a, b)."""

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.maximum(a, b)


@lens(reads=("outputs", "grid"))
def loss_by_parity(model: Subject, *, scale: float = 1.0) -> dict[str, Labelled]:
    """Is the model better at even or at odd first operands?"""
    loss = model.on_grid(model.examples["loss"]) * scale
    parts = [loss[..., start::2, :].mean((-2, -1)) for start in (0, 1)]
    return {
        "loss": labelled(
            torch.stack(parts, -1),
            "remainder_of_two",
            long_name="loss by parity of a",
            units="nat",
            coords={"remainder_of_two": [0, 1]},
        )
    }


@measure(kind="distance", range=(0, float("inf")), label="distance of norms")
class norm_distance:
    """How different are the sizes of two models' weights?"""

    def prepare(self, model: Subject) -> Tensor:
        return torch.stack([w.square().sum() for w in model.weights.values()]).sum().sqrt()

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        return (torch.stack(list(x))[:, None] - torch.stack(list(y))[None]).abs()


@view(reads=("lens:loss_by_parity",), title="Loss by parity")
def parity_bars(loss_by_parity: xr.Dataset) -> Drawn:
    """Loss at even and odd first operands, one bar each, mean over runs."""
    values: Any = loss_by_parity["loss"].mean("run").values
    return Drawn(
        go.Figure(go.Bar(x=["even", "odd"], y=values)), says=f"even {values[0]:.2f}, odd {values[1]:.2f}"
    )
