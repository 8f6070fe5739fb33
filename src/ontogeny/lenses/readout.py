"""W_L, what every neuron writes to every output."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("weights:blocks.0.mlp.W_out", "weights:unembed.W_U"), keep=False)
def readout(model: Subject, *, layer: int = 0) -> dict[str, Labelled]:
    """What does every neuron of the MLP write to every output?

    Equation: W_L = W_out W_U (neuron, output); logits of the MLP path = activations @ W_L. Exact for the last layer; for earlier
    ones it is the direct path alone. The scale of a row means nothing without that of the neuron's activations.
    """
    W_L = model.weights[f"blocks.{layer}.mlp.W_out"] @ model.weights["unembed.W_U"]
    return {"W_L": array(W_L, "neuron", "output", long_name="W_L", units="nats/activation")}
