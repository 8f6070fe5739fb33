"""What a reconstruction does in the model whose activations it rebuilds."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.axes import Labelled, labelled
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("tap:hook_recons", "host"), cost="moderate")
def sae_splice(model: Subject) -> dict[str, Labelled]:
    """How much of the loss does the host recover that goes on from the reconstruction instead of its own activations?

    Equation: recovered = (L_zero − L_spliced) / (L_zero − L_clean), and recovered_of_mean with L_mean in the place of L_zero; L is the host's
    mean loss over its whole probe with the tap as it is (clean), as rebuilt (spliced), at 0 (zero), at its mean (mean).

    Shapes: recovered, recovered_of_mean, loss (condition,), accuracy (condition,) where the host has one. Units: shares; loss in nats. Range:
    1 is all of it; above 1 the splice is better than the host (noise of the activations was left out), below 0 it is worse than nothing. L_zero may
    be far worse than chance, which makes any dictionary look good: that of the mean is the harder bar. A probe of train and held-out inputs
    together weighs what was learned by heart. Under zero_ablate or keep_units of "hook_acts" it says what single atoms do. Source: Bricken et
    al. 2023.
    """
    host, x = model.probe.host, model.probe.inputs
    assert host is not None
    rebuilt = model.tap("hook_recons").reshape(-1, *x.shape)
    fixed = {"clean": None, "zero": torch.zeros_like(x), "mean": x.mean(0).expand_as(x)}
    alike = {name: _means(host.onward(values)[1]) for name, values in fixed.items()}
    spliced = [_means(host.onward(one)[1]) for one in rebuilt]
    conditions = ["clean", "spliced", "zero", "mean"]

    def table(metric: str) -> Tensor:
        rows = [
            torch.stack([one[metric] if c == "spliced" else alike[c][metric] for c in conditions])
            for one in spliced
        ]
        return torch.stack(rows).reshape(*model.lead, len(conditions))

    ticks = {"condition": conditions}
    loss = table("loss")
    clean, splice, zero, mean = loss.unbind(-1)
    found = {
        "recovered": labelled(
            (zero - splice) / (zero - clean), long_name="share of the loss recovered", host=host.words
        ),
        "recovered_of_mean": labelled(
            (mean - splice) / (mean - clean), long_name="share of the loss recovered, measured from the mean"
        ),
        "loss": labelled(loss, "condition", long_name="loss of the host", units="nat", coords=ticks),
    }
    if "accuracy" in alike["clean"]:
        accuracy = table("accuracy")
        found["accuracy"] = labelled(accuracy, "condition", long_name="accuracy of the host", coords=ticks)
    return found


def _means(examples: object) -> dict[str, Tensor]:
    return {name: value.double().mean() for name, value in dict(examples).items()}  # type: ignore[call-overload]
