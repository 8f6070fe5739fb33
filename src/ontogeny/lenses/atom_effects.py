"""What single atoms do for the model whose activations they rebuild."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, labelled
from ontogeny.errors import UserError
from ontogeny.interventions.keep_units import KeepUnits
from ontogeny.interventions.zero_ablate import ZeroAblate
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("tap:hook_acts", "weights:W_dec", "host"), cost="costly", keep=False)
def atom_effects(model: Subject, *, atoms: int = 16) -> dict[str, Labelled]:
    """What does the host lose without an atom, what can it do with that atom alone, and for which answers does it speak?

    Equation: of the ``atoms`` that carry most (Σ a_j² ‖w_j‖²): without_j = L(x̂ without atom j) − L(x̂); alone_j = L(b_dec and atom j) −
    L(b_dec); logit_j = outputs(x + w_j/2) − outputs(x − w_j/2) of the host at the first input: the direct effect of a unit of the atom,
    along W_dec W_out W_U where that path is linear.

    Shapes: atom, without, alone, energy (rank,), largest energy first; logit (rank, output), over its mean. Units: nats; logits. Atoms
    that say the same as others are not missed one by one. The logit is exact where the path to the logits is linear (linear = 1: it is
    the same at half the size), elsewhere it holds near that input. Errors: atoms < 1. Source: ablation and direct logit attribution are
    common.
    """
    if atoms < 1:
        raise UserError(f"atoms = {atoms}: look at one or more.")
    host, x = model.probe.host, model.probe.inputs
    assert host is not None
    if model.lead:
        raise UserError("atom_effects looks at one model at a time.")
    weight = torch.linalg.vector_norm(model.weights["W_dec"], dim=-1)
    energy = (model.tap("hook_acts") * weight).square().mean(-2)
    top = energy.argsort(descending=True, stable=True)[:atoms]
    everyone = tuple(range(len(energy)))

    def loss(subject: Subject) -> torch.Tensor:
        return host.onward(subject.tap("hook_recons"))[1]["loss"].double().mean()

    def under(change: ZeroAblate | KeepUnits) -> torch.Tensor:
        return loss(model.edited(change.fit(model)))

    whole, nothing = loss(model), under(ZeroAblate("hook_acts", everyone))
    without = torch.stack([under(ZeroAblate("hook_acts", (j,))) for j in top.tolist()]) - whole
    alone = torch.stack([under(KeepUnits("hook_acts", (j,))) for j in top.tolist()]) - nothing
    full, half = (
        torch.stack([_logits(host, x, size * model.weights["W_dec"][j]) for j in top]) for size in (1.0, 0.5)
    )
    linear = torch.allclose(full, 2 * half, rtol=1e-2, atol=1e-4 * float(full.abs().max()))
    return {
        "atom": labelled(top, "rank", long_name="atom"),
        "energy": labelled(energy[top], "rank", long_name="mean square of what the atom adds"),
        "without": labelled(
            without, "rank", long_name="loss without the atom, above that of all", units="nat"
        ),
        "alone": labelled(
            alone, "rank", long_name="loss with this atom alone, above that of none", units="nat"
        ),
        "logit": labelled(
            full, "rank", "output", long_name="effect of a unit of the atom on the logits", units="logit"
        ),
        "linear": labelled(
            torch.tensor(float(linear)), long_name="whether the effect on the logits is linear"
        ),
    }


def _logits(host: object, x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """What a direction does to the outputs at the first input, over the mean of the outputs."""
    up, down = (host.onward(torch.cat([x[:1] + s * direction / 2, x[1:]]))[0][0] for s in (1, -1))  # type: ignore[attr-defined]
    effect = (up - down).reshape(-1, up.shape[-1])[-1]
    return effect - effect.mean()
