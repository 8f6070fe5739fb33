"""The model without the residual path around its last MLP."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.models.base import Forward
from ontogeny.subject import Subject


@lens(
    reads=("site:residual", "site:neurons", "site:readout", "outputs"),
    gives={
        "accuracy": gives("condition", "split", long_name="accuracy"),
        "loss": gives("condition", "split", long_name="loss", units="nats"),
    },
)
def skip_ablation(model: Subject) -> Found:
    """Does the last MLP alone carry the answer, without the residual stream that skips it?

    Equation: logits = mlp_out W_U in place of (resid_mid + mlp_out) W_U, at the last position of the last layer. Accuracy and loss of
    the full and of the ablated model over all inputs and by split.

    Equal accuracy: the answer passes through the MLP. Loss may grow all the same, as the skip path shifts and scales the logits.
    """
    logits = model.site("neurons") @ model.site("readout")
    ablated = model.objective.examples(Forward(logits, {}), model.probe.batch)
    rows = {"all": torch.arange(model.probe.inputs.shape[0], device=logits.device), **model.split}

    def by_split(name: str) -> torch.Tensor:
        both = torch.stack([model.examples[name], ablated[name]], len(model.lead)).double()
        return torch.stack([both[..., part].mean(-1) for part in rows.values()], -1)

    return Found(
        accuracy=by_split("accuracy"),
        loss=by_split("loss"),
        ticks={"condition": ["full", "no skip path"], "split": list(rows)},
    )
