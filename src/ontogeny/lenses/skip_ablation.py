"""The model without the residual path around its last MLP."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.models.base import Forward
from ontogeny.numerics.parts import by_part, with_all
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
    rows = with_all(model.split, len(model.probe.inputs), logits.device)

    def by_split(name: str) -> torch.Tensor:
        return by_part(torch.stack([model.examples[name], ablated[name]], len(model.lead)).double(), rows)

    return Found(
        accuracy=by_split("accuracy"),
        loss=by_split("loss"),
        ticks={"condition": ["full", "no skip path"], "split": list(rows)},
    )
