"""Every neuron as a map over the two numbers, as it is."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("tap:last:blocks.0.mlp.hook_post", "grid"), keep=False)
def neuron_maps(model: Subject) -> dict[str, Labelled]:
    """What does each neuron do on every pair of numbers?

    Shapes: activation (a, b, neuron), at the last position, after the non-linearity, in the activations' own units. Large (p² ×
    neurons), and a forward pass gives it back in a moment: it is computed when asked for and not stored. Down-sampled drawings
    of it alias: a fine wave reappears as a coarse one.
    """
    a, b = model.grid
    return {
        "activation": array(
            model.on_grid(model.tap("last:blocks.0.mlp.hook_post"), example_axis=-2),
            a,
            b,
            "neuron",
            long_name="activation at the last position",
        )
    }
