"""In which order do neurons stand by what they end as?"""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.ranking import by_first_then_largest
from ontogeny.subject import Subject


@lens(reads=("lens:neuron_fourier@final",), keep=False)
def neuron_order(model: Subject) -> dict[str, Labelled]:
    """In which order do neurons stand by the frequency that they end with?

    order[i] is the neuron at place i: sorted by dominant frequency at the last step, lowest first, then by its share, largest first;
    dead neurons last. Shape (rank,); units: index of a neuron. The same at every step, so that pictures of several steps can be compared:
    neurons that stand together early are those that will belong together, not those that already do.
    """
    frequency = model.final("neuron_fourier", "dominant_frequency")
    share = model.final("neuron_fourier", "dominant_share")
    order = by_first_then_largest(frequency, share)
    return {
        "order": array(order.expand(*model.lead, -1), "rank", long_name="neuron at this place", units="index")
    }
