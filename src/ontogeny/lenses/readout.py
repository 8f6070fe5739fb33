"""W_L, what every neuron writes to every output."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject


@lens(
    reads=("site:readout[{layer}]",),
    gives={"W_L": gives("neuron", "output", long_name="W_L", units="nats/activation")},
    keep=False,
)
def readout(model: Subject, *, layer: int = -1) -> Found:
    """What does every neuron write to every output?

    Equation: W_L (neuron, output); logits through the neurons = activations @ W_L, the rest being a skip path or a bias: W_out W_U of a
    transformer's last layer, W_out of a perceptron's, W_pᵀ of a bilinear network, W_dec of a sparse autoencoder. Earlier layers have none. The scale of a row means nothing without that of the neuron's activations.
    """
    return Found(W_L=model.site(f"readout[{layer}]"))
