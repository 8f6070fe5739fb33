"""In which order do neurons stand by what they end as?"""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.ranking import by_first_then_largest
from ontogeny.subject import Subject


@lens(
    reads=("lens:neuron_fourier(layer={layer})@final",),
    gives={"order": gives("rank", long_name="neuron at this place", units="index")},
    keep=False,
)
def neuron_order(model: Subject, *, layer: int = -1) -> Found:
    """In which order do neurons stand by the frequency that they end with?

    order[i] is the neuron at place i: sorted by dominant frequency at the last step, lowest first, then by its share, largest first;
    dead neurons last. Shape (rank,); units: index of a neuron. The same at every step, so that pictures of several steps can be compared:
    neurons that stand together early are those that will belong together, not those that already do.
    """
    frequency = model.final("neuron_fourier", "dominant_frequency")
    share = model.final("neuron_fourier", "dominant_share")
    order = by_first_then_largest(frequency, share)
    return Found(order=order.expand(*model.lead, -1))
