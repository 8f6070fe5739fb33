"""How many directions of the weights the loss really depends on."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.errors import UnknownName, UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.langevin import between_chains, heat_of, walk
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

DRAWN = 100  # places of a trace that are kept


@lens(
    reads=("weights", "outputs"),
    gives={
        "coefficient": gives("step_size", "chain", long_name="local learning coefficient"),
        "trace": gives("step_size", "chain", "draw", long_name="loss on the walk, less that of the model"),
        "forgotten": gives("step_size", long_name="R̂ of the walks: 1 when they agree"),
        "below": gives("step_size", long_name="share of places with less loss than the model"),
        "loss": gives(long_name="loss of the model"),
    },
    cost="costly",
    keep=False,
)
def learning_coefficient(
    model: Subject,
    *,
    split: str = "train",
    step_sizes: tuple[float, ...] = (1e-4, 2e-4, 4e-4),
    pull: float = 1000.0,
    chains: int = 4,
    burn: int = 300,
    draws: int = 300,
    seed: int = 0,
) -> Found:
    """How degenerate is the loss around this model: in how many directions, counted as half ones, does it really rise?

    Equation: λ̂ = n β (mean of L over a walk − L(w*)), β = 1 / log n, the walk w ← w − ε/2 (n β ∇L + γ (w − w*)) + √ε ξ with the gradient
    of all n examples of ``split`` (all, where there is no such part), γ = ``pull``; ``chains`` walks of ``burn`` + ``draws`` updates,
    for each of the ``step_sizes`` ε. Of a minimum at which the loss curves in all d directions λ is d / 2; less where directions
    are flat, or where only products of weights matter.

    Shapes: coefficient (step_size, chain); trace (step_size, chain, draw), at most 100 places of it; forgotten, below (step_size).
    Range: λ [0, d/2] of a minimum. Believe it where it is the same for the step sizes and for the chains, traces have no slope,
    ``forgotten`` < 1.1, and ``below`` is small: many places below mean that the model is not at a minimum, and λ̂ may be negative.
    A walk forgets where it began in about 2 / (ε γ) updates: far fewer than ``burn``, or it has not come far enough and says too little; large steps
    overshoot and say too much, or infinity (ε times the largest n β h must stay below 1). The pull keeps the walk within about √(d/γ) of the model, at the price of
    counting directions with n β h ≪ γ as flat: λ̂ is that of its scale, and two models compare under one pull.

    Raises UserError without two draws, a chain, or a step above 0. Source: Lau, Furman, Wang, Murfet & Wei 2023, "The local learning
    coefficient"; Watanabe 2013 for the temperature.
    """
    if draws < 4 or chains < 1 or burn < 0 or not step_sizes or min(step_sizes) <= 0:
        raise UserError(
            f"learning_coefficient was asked for {chains} chains of {draws} draws at step sizes {list(step_sizes)}; "
            "it needs a chain, 4 draws, and steps above 0."
        )
    lead = model.lead
    if model.split and split not in model.split:
        raise UnknownName("part of the probe", split, model.split)
    part = split if model.split else "all"
    n = len(model.split[part]) if model.split else len(model.probe.inputs)
    traces, own = [], []
    for one in model.each():
        moving = {name: w for name, w in one.weights.items() if name not in model.architecture.frozen}

        def loss(moved: dict[str, Tensor], one: Subject = one) -> Tensor:
            return one.losses(moved)[part]

        with torch.no_grad():
            own.append(loss(moving).double().cpu())
        each = [
            walk(
                loss,
                moving,
                heat=heat_of(n),
                pull=pull,
                step_size=step,
                chains=chains,
                burn=burn,
                draws=draws,
                key=Key(seed, f"learning_coefficient {step}"),
            )
            for step in step_sizes
        ]
        traces.append(torch.stack(each) - own[-1])
    trace = torch.stack(traces)  # (place, step_size, chain, draw)
    forgotten = [[between_chains(walks.numpy()) for walks in here] for here in trace]
    at = torch.linspace(0, draws - 1, min(DRAWN, draws)).round().long()

    def shaped(values: Tensor) -> Tensor:
        return values.reshape(*lead, *values.shape[1:])

    return Found(
        coefficient=shaped(heat_of(n) * trace.mean(-1)),
        trace=shaped(trace[..., at]),
        forgotten=shaped(torch.tensor(forgotten, dtype=torch.float64)),
        below=shaped((trace < 0).double().mean((-2, -1))),
        loss=torch.stack(own).reshape(lead),
        ticks={"step_size": list(step_sizes), "draw": (burn + at).tolist()},
        attrs={"split": part, "examples": n, "pull": pull},
    )
