"""In which order do neurons stand by what they write at the end?"""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.ranking import by_first_then_largest
from ontogeny.subject import Subject


@lens(
    reads=("lens:readout_spectrum(layer={layer})@final",),
    gives={"order": gives("rank", long_name="neuron at this place", units="index")},
    keep=False,
)
def readout_order(model: Subject, *, layer: int = -1) -> Found:
    """In which order do neurons stand by the frequency over the outputs that they end up writing?

    order[i] is the neuron at place i: sorted by the strongest frequency of its row of W_L at the last step (the constant left out), lowest
    first, then by its amplitude, largest first. Shape (rank,); units: index of a neuron. The same at every step, so that pictures of several
    steps can be compared; a neuron that writes several frequencies stands with the strongest, however close the others are.
    """
    amplitude = model.final("readout_spectrum", "amplitude")[..., 1:]
    order = by_first_then_largest(amplitude.argmax(-1), amplitude.amax(-1))
    return Found(order=order.expand(*model.lead, -1))
