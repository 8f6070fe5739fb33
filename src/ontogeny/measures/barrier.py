"""What lies between two models: the loss on the straight way from one's weights to the other's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ontogeny.errors import UnknownName, UserError
from ontogeny.measures.base import measure
from ontogeny.numerics.transport import assignment
from ontogeny.subject import Subject

#: Axes along which units stand whose order means nothing.
UNITS = ("neuron", "head", "d_hidden", "atom")
PARTS = ("train", "test", "all")
LAYER = re.compile(r"^blocks\.\d+\.")
UNCHANGED = 1e-4  # of the loss: as much may rounding change when units change places


@measure(
    kind="distance",
    range=(0, math.inf),
    reads=("weights", "outputs"),
    label="loss barrier",
    units="nat",
    symmetric=False,
)
class loss_barrier:
    """Does the loss rise on the straight way from one model's weights to another's: do they lie in one basin?

    Equation: L(α) = mean loss of (1 − α) θ_x + α θ_y over the inputs that both were trained on (``part`` "test": neither was; "all": every input of the probe, also where nobody
    knows which were), at ``points`` places with both ends. barrier = max_α [L(α) − (1 − α) L(0) − α L(1)], at least
    0. straight: of the weights as they are. value: after the units of y (neurons and heads of each layer, hidden units, atoms) were put into the order in which they
    are most like those of x: the one-to-one assignment of largest Σ over the weights of ⟨unit of x, unit of y⟩. Of the two ways the lower barrier counts.

    Units: of the loss. 0: linearly connected, one basin as far as this line sees. A high value after alignment is no proof of two basins: only
    permutations are undone (no turning of the residual stream, no rescaling), and the assignment looks at weights alone. Models that are confidently wrong have a loss
    that falls between them: with "test" and "all" a barrier of 0 may mean that. Two untrained models have none either: compare with the loss at the ends. Errors: models with other weights or other inputs.
    Source: Frankle, Dziugaite, Roy & Carbin 2020; alignment by weights, Ainsworth, Hayase & Srinivasa 2023.
    """

    points: int = 11
    part: str = "train"

    def prepare(self, model: Subject) -> Subject:
        if self.part not in PARTS:
            raise UnknownName("part of the inputs", self.part, PARTS)
        if self.points < 3:
            raise UserError(
                f"points = {self.points}: a way between two models needs 3 places or more, both ends with them."
            )
        return model

    def pair(self, x: Subject, y: Subject) -> dict[str, Tensor]:
        shapes = [{name: tuple(w.shape) for name, w in one.weights.items()} for one in (x, y)]
        if shapes[0] != shapes[1]:
            odd = next(n for n in {**shapes[0], **shapes[1]} if shapes[0].get(n) != shapes[1].get(n))
            raise UserError(
                f"There is no straight way between these models: '{odd}' is {shapes[0].get(odd, 'not there')} in one and {shapes[1].get(odd, 'not there')} in the other."
            )
        rows = self._rows(x, y)
        x, y = (replace(one, split={"all": rows}) for one in (x, y))
        straight, aligned = self._barrier(x, y.weights), self._barrier(x, aligned_to(x, y))
        return {"value": torch.minimum(straight, aligned), "straight": straight}

    def _rows(self, x: Subject, y: Subject) -> Tensor:
        """The inputs that count: of this part in both."""
        everything = torch.arange(len(x.probe.inputs))
        if self.part == "all" or not (x.split and y.split):
            return everything
        both = torch.isin(x.split[self.part], y.split[self.part])
        if not both.any():
            raise UserError(
                f"No input is in the part '{self.part}' of both models; part = \"all\" takes every one."
            )
        return x.split[self.part][both]

    def _barrier(self, x: Subject, other: Mapping[str, Tensor]) -> Tensor:
        along = torch.linspace(0, 1, self.points, dtype=torch.float64)
        loss = torch.stack(
            [_loss(x, {n: torch.lerp(w, other[n], float(a)) for n, w in x.weights.items()}) for a in along]
        )
        return (loss - torch.lerp(loss[0], loss[-1], along)).amax().clamp_min(0)


def aligned_to(x: Subject, y: Subject) -> dict[str, Tensor]:
    """The weights of ``y`` with its units in the order in which they are most like those of ``x``; what ``y`` answers stays as it is."""
    weights = dict(y.weights)
    groups: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for name, axes in y.architecture.axes.items():
        of = LAYER.match(name)
        for axis in (a for a in UNITS if axes.count(a) == 1):
            groups.setdefault((of[0] if of else "", axis), []).append((name, axes.index(axis)))
    before = _loss(y, weights)
    for members in groups.values():
        rows = [
            (x.weights[n].movedim(i, 0).flatten(1), weights[n].movedim(i, 0).flatten(1)) for n, i in members
        ]
        likeness = torch.stack([a.double() @ b.double().mT for a, b in rows]).sum(0)
        order = torch.as_tensor(assignment(likeness.cpu().numpy())[1])
        moved = weights | {n: weights[n].index_select(i, order.to(weights[n].device)) for n, i in members}
        # whoever's units are also the inputs of something unnamed keeps their order
        if (_loss(y, moved) - before).abs() <= UNCHANGED * before.abs() + 1e-12:
            weights = moved
    return weights


def _loss(model: Subject, weights: Mapping[str, Tensor]) -> Tensor:
    return model.losses(dict(weights))["all"].double()
