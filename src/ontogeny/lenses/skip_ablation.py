"""The model without the residual path around its last MLP."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.models.base import Forward
from ontogeny.subject import Subject


@lens(reads=("weights:unembed.W_U", "tap:last:blocks.0.hook_mlp_out", "outputs"))
def skip_ablation(model: Subject) -> dict[str, Labelled]:
    """Does the last MLP alone carry the answer, without the residual stream that skips it?

    Equation: logits = mlp_out W_U in place of (resid_mid + mlp_out) W_U, at the last position of the last layer. Accuracy and loss of
    the full and of the ablated model over all inputs and by split.

    Equal accuracy: the answer passes through the MLP. Loss may grow all the same, as the skip path shifts and scales the logits.
    """
    layer = max(int(tap.split(".")[1]) for tap in model.architecture.taps if tap.endswith("hook_mlp_out"))
    logits = torch.einsum(
        "...em,...mo->...eo", model.tap(f"last:blocks.{layer}.hook_mlp_out"), model.weights["unembed.W_U"]
    )
    ablated = model.objective.examples(Forward(logits, {}), model.probe.batch)
    rows = {"all": torch.arange(model.probe.inputs.shape[0], device=logits.device), **model.split}

    def by_split(name: str) -> torch.Tensor:
        both = torch.stack([model.examples[name], ablated[name]], len(model.lead)).double()
        return torch.stack([both[..., part].mean(-1) for part in rows.values()], -1)

    ticks = {"condition": ["full", "no skip path"], "split": list(rows)}
    return {
        "accuracy": array(by_split("accuracy"), "condition", "split", long_name="accuracy", coords=ticks),
        "loss": array(by_split("loss"), "condition", "split", long_name="loss", units="nats"),
    }
