"""Groups of neurons that came the same way."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.clusters import grouped
from ontogeny.numerics.pca import pca
from ontogeny.subject import Subject


@lens(
    reads=("lens:neuron_fourier(layer={layer})", "period"),
    gives={
        "cluster": gives("neuron", long_name="group of the neuron's history, by size", units="index"),
        "representative": gives("neuron", long_name="whether its history is the most typical of its group"),
        "distance": gives("neuron", long_name="distance from the mean history of its group"),
        "count": gives(long_name="groups of histories", units="groups"),
        "stability": gives(long_name="agreement of the groups over bootstrap samples"),
        "p": gives(long_name="share of clouds without groups that fall into as tight parts"),
    },
    scope="trajectory",
    cost="moderate",
    keep=False,
)
def neuron_histories(
    model: Subject,
    *,
    layer: int = -1,
    count: int = 0,
    moments: int = 24,
    components: int = 24,
    draws: int = 10,
    seed: int = 0,
) -> Found:
    """Do neurons come in groups by the way they took, and which of them took a typical one?

    Equation: a neuron's history is √ of the share of its variance at every frequency, at ``moments`` of the steps that were kept, evenly spaced among them, in one
    vector; these vectors, on their first ``components`` principal components, are grouped as by the lens ``neuron_clusters``, whose stability and p are meant.

    Shapes: cluster, representative, distance (neuron,), NaN of neurons that are dead at one of these steps; count, stability, p (). Units: none. It misleads: histories weigh
    as many steps as were kept, so a dense stretch of checkpoints weighs more; steps at which neurons are noise make all histories alike and blur the groups. Two neurons that end
    at one frequency are one group only if they came to it by the same way at about the same time.
    Source: as ``neuron_clusters``.
    """
    share = model.result("neuron_fourier", "share").double()  # (step, frequency, neuron)
    places = torch.linspace(0, len(share) - 1, min(moments, len(share))).round().long().unique()
    paths = (
        share[places].clamp_min(0).sqrt()[:, 1:].permute(2, 0, 1).flatten(1)
    )  # (neuron, moment · frequency)
    dead = ~paths.isfinite().all(-1)
    scores = pca(paths[~dead]).scores[..., :components] if int((~dead).sum()) > 1 else paths[~dead]
    vectors = paths.new_full((len(paths), scores.shape[-1]), torch.nan)
    vectors[~dead] = scores
    return Found(grouped(vectors, count, draws, seed))
