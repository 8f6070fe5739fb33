"""The path of the weights across the steps of one run."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.pca import pca_of_gram
from ontogeny.subject import Subject

PARTS = {"unembed": "unembedding", "embed": "embedding", "attn": "attention", "mlp": "mlp"}


@lens(
    reads=("weights",),
    gives={
        "scores": gives("group", "step", "component", long_name="score of the weights"),
        "explained": gives("group", "component", long_name="share of variance over steps"),
        "velocity": gives(
            "group", "step", long_name="velocity ‖Δθ‖ / Δstep", units="norm of weights per step"
        ),
        "from_init": gives("group", "step", long_name="distance to the first step", units="norm of weights"),
        "to_end": gives("group", "step", long_name="distance to the last step", units="norm of weights"),
        "norm": gives("group", "step", long_name="‖θ‖", units="norm of weights"),
    },
    scope="trajectory",
    cost="moderate",
)
def trajectory(model: Subject, *, components: int = 3) -> Found:
    """Which way do the weights go, how fast, and how far from where they began and where they end?

    Equation: θ(t) flattened, of all weights and of each group (embedding, attention, mlp, unembedding where the names say so, else
    each weight its own). PCA over steps, centred over them; velocity ‖θ(t) − θ(t⁻)‖ / (t − t⁻) with t⁻ the checkpoint
    before (NaN at the first); ‖θ(t) − θ(0)‖; ‖θ(t) − θ(end)‖; ‖θ(t)‖.

    The first components take most of the variance of *any* smooth path: a random walk in many dimensions has shares 6/π²k² and draws
    Lissajous figures, so a share of .6 is no sign of low-dimensional learning. Checkpoints weigh alike, so a dense stretch weighs more.
    Velocity between distant checkpoints is that of the chord, a lower bound.

    Raises UserError without a step axis or with fewer than two steps. Source: Antognini & Sohl-Dickstein 2018 (PCA of random walks).
    """
    lead = len(model.lead)
    if not lead or len(model.steps) != model.lead[-1] or len(model.steps) < 2:
        raise UserError(
            f"The lens 'trajectory' needs two or more steps of one run on the last leading axis; the weights have leading axes "
            f"{model.lead} and the steps are {model.steps}."
        )
    names = [name for name in model.weights if name not in model.architecture.frozen]
    groups = ["all", *dict.fromkeys(map(_group, names))]
    member = torch.tensor([[g in ("all", _group(name)) for name in names] for g in groups]).double()

    def length(difference: Tensor) -> Tensor:
        return difference.square_().sum(-1)

    def of(w: Tensor) -> tuple[Tensor, Tensor]:
        """Squared lengths (…, quantity, step) and inner products of the centred steps (…, step, step) of one weight."""
        x = w.flatten(lead).to(torch.float64, copy=True)
        chord = pad(length(x.diff(dim=-2)), (1, 0), value=torch.nan)
        # one after another: each difference is as large as the whole path
        lengths = [chord, length(x - x[..., :1, :]), length(x - x[..., -1:, :]), length(x.clone())]
        centred = x.sub_(x.mean(-2, keepdim=True))
        return torch.stack(lengths, -2), centred @ centred.mT

    squares, grams = zip(*(of(model.weights[name]) for name in names), strict=True)
    member = member.to(grams[0].device)
    chord, from_init, to_end, norm = (
        torch.einsum("gw,...wqs->q...gs", member, torch.stack(squares, -3)).sqrt().unbind(0)
    )
    path = pca_of_gram(torch.einsum("gw,...wst->...gst", member, torch.stack(grams, -3)))
    steps = torch.tensor(model.steps, dtype=torch.float64, device=chord.device)
    k = min(components, path.scores.shape[-1])
    return Found(
        scores=path.scores[..., :k],
        explained=path.explained[..., :k],
        velocity=chord / steps.diff(prepend=steps[:1] - 1),
        from_init=from_init,
        to_end=to_end,
        norm=norm,
        ticks={"group": groups, "step": list(model.steps), "component": range(1, k + 1)},
    )


def _group(name: str) -> str:
    return next((group for word, group in PARTS.items() if word in name), name)
