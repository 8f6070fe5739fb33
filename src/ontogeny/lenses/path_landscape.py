"""The loss on the plane of a run's own path."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.landscape import on_plane
from ontogeny.numerics.pca import pca_of_gram
from ontogeny.subject import Subject

MARGIN = 0.2  # of the path's extent, on either side


@lens(
    reads=("weights", "outputs"),
    gives={
        "loss": gives("split", "across", "along", long_name="mean loss on the plane"),
        "scores": gives(
            "step", "component", long_name="place of the path on the plane", units="norm of weights"
        ),
        "off_plane": gives("step", long_name="distance of the path to the plane", units="norm of weights"),
        "explained": gives("component", long_name="share of variance over steps"),
    },
    scope="trajectory",
    cost="costly",
    keep=False,
)
def path_landscape(model: Subject, *, points: int = 41) -> Found:
    """What does the loss look like where the run went: over which ground does its path lead?

    Equation: L(θ̄ + α u₁ + β u₂), with θ̄ the mean of the weights over steps and u the first two principal components of the path
    (unit length), at ``points`` places each over the path's extent and a fifth more on either side. ``scores``: where each step
    projects to; ``off_plane`` how far from the plane it is: ‖θ(t) − θ̄ − its projection‖.

    Shapes: loss (split, across, along); scores (step, component); off_plane (step); explained (component). Units: of the loss, and
    norm of weights. The loss under a step is that of its *projection*: where off_plane is not small beside the length of the path, it is
    another network, and often a worse one. Any smooth path is a curve on such a plane, a random walk as well (``trajectory``).

    Raises UserError without three steps of one run, or where the weights do not move in two directions.
    Source: Li, Xu, Taylor, Studer & Goldstein 2018, section 7; Lorch 2016.
    """
    if len(model.lead) != 1 or len(model.steps) != model.lead[0] or len(model.steps) < 3 or points < 2:
        raise UserError(
            f"path_landscape needs three or more steps of one run, and 2 or more points a side; the weights have leading axes "
            f"{model.lead}, the steps are {model.steps}, and {points} points were asked for."
        )
    moving = {n: w for n, w in model.weights.items() if n not in model.architecture.frozen}
    gram = torch.stack([_centred(w) @ _centred(w).mT for w in moving.values()]).sum(0)
    path = pca_of_gram(gram)
    scores = path.scores[:, :2]  # (step, component)
    lengths = scores.norm(dim=0)
    if not lengths[1] > 1e-6 * lengths[0]:
        raise UserError(
            "path_landscape needs a plane; the weights of these steps lie on one line or one point."
        )
    weigh = scores / lengths.square()  # u = Σ_t weigh_t (θ(t) − θ̄)
    mean = {n: w.double().mean(0).to(w) for n, w in moving.items()}
    u = {
        n: torch.einsum("tk,tw->kw", weigh, _centred(w)).unflatten(1, w.shape[1:]).to(w)
        for n, w in moving.items()
    }
    along, across = (_places(scores[:, k], points) for k in range(2))
    one = model.at(0)

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return torch.stack([*one.losses(weights).values()], -1)

    first, second = ({n: both[k] for n, both in u.items()} for k in range(2))
    values = on_plane(loss, mean, first, second, along, across)
    away = (gram.diagonal() - scores.square().sum(-1)).clamp(min=0).sqrt()
    return Found(
        loss=values.movedim(-1, 0),
        scores=scores,
        off_plane=away,
        explained=path.explained[:2],
        ticks={
            "split": list(model.split) or ["all"],
            "along": along.tolist(),
            "across": across.tolist(),
            "step": list(model.steps),
            "component": [1, 2],
        },
    )


def _centred(w: Tensor) -> Tensor:
    """(step, weight) in double, without the mean over steps."""
    x = w.flatten(1).double()
    return x - x.mean(0)


def _places(scores: Tensor, points: int) -> Tensor:
    low, high = scores.min(), scores.max()
    margin = MARGIN * (high - low)
    return torch.linspace(float(low - margin), float(high + margin), points, dtype=torch.float64)
