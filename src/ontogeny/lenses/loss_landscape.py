"""The loss around a model, on a plane of random directions."""

from __future__ import annotations

import torch

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.models.base import Architecture
from ontogeny.numerics.landscape import filter_normalised, on_plane
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

UNITS = (
    "neuron",
    "head",
    "d_hidden",
    "atom",
)  # axes along which a weight has one filter after another; else the last


@lens(
    reads=("weights", "outputs"),
    gives={
        "loss": gives("split", "across", "along", long_name="mean loss", units="nats or those of the loss")
    },
    cost="costly",
    keep=False,
)
def loss_landscape(model: Subject, *, points: int = 41, reach: float = 1.0, seed: int = 0) -> Found:
    """How does the loss change when the weights are moved in two random directions?

    Equation: L(θ + α d + β e), α and β at ``points`` places from −``reach`` to ``reach``. d and e are normal, drawn by ``seed``, the
    same for all steps and runs of a shape, and *filter-normalised*: the part of each neuron, hidden unit, atom or head (elsewhere each
    column) is as long as the weights' own, so 1 moves everything by its own length, and a network of ReLUs whose neurons are made
    larger and read less has the same picture. Weights that are not trained stay.

    Shapes: loss (split, across, along). Units: those of the loss. The middle is the model itself.
    Two directions out of thousands: a smooth bowl says nothing of the directions in which training moved, and a flat one is no
    sign that all are. Look at several seeds, and at ``path_landscape``. Width compares between models of one shape alone.

    Raises UserError with fewer than 2 points or a reach that is not above 0.
    Source: Li, Xu, Taylor, Studer & Goldstein 2018, "Visualizing the loss landscape of neural nets".
    """
    if points < 2 or not reach > 0:
        raise UserError(
            f"loss_landscape was asked for {points} points a side up to {reach}; it needs 2 or more, and a reach above 0."
        )
    centre = {n: w for n, w in model.weights.items() if n not in model.architecture.frozen}
    own = {name: _own(model.architecture, name) for name in centre}
    lead = len(model.lead)
    d, e = (filter_normalised(centre, own, lead, Key(seed, f"loss_landscape {which}")) for which in "de")
    places = torch.linspace(-reach, reach, points, dtype=torch.float64)
    parts = list(model.split) or ["all"]

    def loss(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack([*model.losses(weights).values()], -1)

    values = on_plane(loss, centre, d, e, places, places)  # (across, along, *lead, split)
    return Found(
        loss=values.movedim((0, 1), (-2, -1)),
        ticks={"split": parts, "along": places.tolist(), "across": places.tolist()},
    )


def _own(architecture: Architecture, name: str) -> list[int]:
    axes = architecture.axes[name]
    units = [i - len(axes) for i, axis in enumerate(axes) if axis in UNITS]
    return units or [-1]
