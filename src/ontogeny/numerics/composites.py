"""Products of weights of a transformer that mean something by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ontogeny.errors import UserError


def neuron_logit_map(weights: Mapping[str, Tensor]) -> Tensor:
    """W_L = W_out W_U (…, neuron, output) of a one-layer transformer: the MLP's part of the logits is activations @ W_L.

    With more layers later blocks read what this one writes, so W_L would not be the whole path to the logits: refused.
    """
    if "blocks.1.mlp.W_out" in weights:
        raise UserError(
            "W_L = W_out W_U is the path from the neurons to the logits in a one-layer transformer only; "
            "this model has more layers (blocks.1 is there)."
        )
    return weights["blocks.0.mlp.W_out"] @ weights["unembed.W_U"]
